/* SPDX-License-Identifier: MIT */
#include "fs/table/row_line.h"

#include <errno.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/table/format.h"
#include "fs/table/row_group.h"

/* The row as a group of its own. */
static int make_group(struct schema *schema, const struct cell *cells, struct buffer *encoded,
                      struct row_group_view *view)
{
    struct row_group_builder *builder = row_group_builder_create(schema);
    struct row_group_measure measure;
    int error = builder != NULL ? row_group_builder_add(builder, cells) : -ENOMEM;

    if (error == 0)
        error = row_group_builder_finish(builder, encoded, &measure);
    row_group_builder_free(builder);
    return error == 0 ? row_group_open(view, schema->column_count, encoded->data, encoded->size)
                      : error;
}

int row_line_append(struct schema *schema, const struct cell *cells, struct buffer *line)
{
    cleanup_buffer struct buffer encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT);
    struct row_group_view view = {.rows = 0};
    struct format_plan *plan = format_plan_create(schema);
    int error = plan != NULL ? make_group(schema, cells, &encoded, &view) : -ENOMEM;

    if (error == 0)
        error = format_render(plan, FORMAT_NDJSON, &view, true, line);
    row_group_view_release(&view);
    format_plan_free(plan);
    return error;
}

int row_line_digest(struct schema *schema, const struct cell *cells, uint64_t *ret_digest)
{
    cleanup_buffer struct buffer line = BUFFER(SIZE_MAX / 2);
    int error = row_line_append(schema, cells, &line);

    if (error == 0)
        *ret_digest = XXH3_64bits(line.data, line.size);
    return error;
}

int row_line_name(struct schema *schema, const struct record_key *key, const struct cell *cells,
                  struct buffer *name)
{
    cleanup_buffer struct buffer encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT);
    cleanup_free struct cell_view *views = allocate_array(key->count, sizeof *views);
    struct row_group_view view = {.rows = 0};
    int error = views != NULL ? make_group(schema, cells, &encoded, &view) : -ENOMEM;

    for (size_t i = 0; i < key->count && error == 0; i++) {
        struct column_cursor cursor = column_cursor_begin(&view.columns[key->columns[i]]);

        views[i] = column_cursor_next(&cursor);
    }
    if (error == 0)
        error = record_name_append(schema, key, views, name);
    row_group_view_release(&view);
    return error;
}
