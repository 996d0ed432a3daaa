/* SPDX-License-Identifier: MIT */
#include "fs/table/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/block.h"
#include "fs/table/csv.h"
#include "fs/table/format_plan.h"
#include "fs/table/json.h"
#include "fs/table/render.h"

const char *table_format_extension(enum table_format format)
{
    static const char *const extensions[FORMAT_COUNT] = {
        [FORMAT_CSV] = "csv",
        [FORMAT_JSON] = "json",
        [FORMAT_NDJSON] = "ndjson",
    };

    return extensions[format];
}

/* All keys in one buffer, slack at its end. Only then it moves no more, and is pointed into. */
static int plan_keys(struct format_plan *plan)
{
    static const uint8_t slack[BLOCK_SLACK];
    int error = 0;
    size_t at = 0;

    for (size_t i = 0; i < plan->column_count && error == 0; i++) {
        error = json_append_key(&plan->keys, plan->schema->columns[i].name, i == 0);
        plan->columns[i].key_size = plan->keys.size - at;
        at = plan->keys.size;
    }
    plan->keys_size = at;
    if (error == 0)
        error = buffer_append(&plan->keys, slack, sizeof(slack));
    if (error != 0)
        return error;
    at = 0;
    for (size_t i = 0; i < plan->column_count; i++) {
        plan->columns[i].key = plan->keys.data + at;
        at += plan->columns[i].key_size;
    }
    return 0;
}

struct format_plan *format_plan_create(struct schema *schema)
{
    struct format_plan *plan = calloc(1, sizeof(*plan));

    if (plan == NULL)
        return NULL;
    plan->schema = schema_reference(schema);
    plan->column_count = schema->column_count;
    plan->keys = BUFFER(SIZE_MAX / 2);
    plan->header = BUFFER(SIZE_MAX / 2);
    plan->columns = allocate_array(schema->column_count, sizeof(struct column_plan));
    if (plan->columns == NULL || plan_keys(plan) != 0 ||
        csv_append_header(&plan->header, schema) != 0) {
        format_plan_free(plan);
        return NULL;
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        plan->columns[i].bytes = schema->columns[i].type == COLUMN_BYTES;
        plan->columns[i].json = schema->columns[i].type == COLUMN_JSON;
    }
    return plan;
}

void format_plan_free(struct format_plan *plan)
{
    if (plan == NULL)
        return;
    schema_release(plan->schema);
    free(plan->columns);
    buffer_release(&plan->keys);
    buffer_release(&plan->header);
    free(plan);
}

const struct schema *format_plan_schema(const struct format_plan *plan)
{
    return plan->schema;
}

/* JSON's and NDJSON's are the same for all tables. */
static const char *fixed_head(enum table_format format)
{
    return format == FORMAT_JSON ? "[\n" : "";
}

int format_head_bytes(const struct schema *schema, enum table_format format, uint64_t *ret_bytes)
{
    cleanup_buffer struct buffer header = BUFFER(SIZE_MAX / 2);
    int error = format == FORMAT_CSV ? csv_append_header(&header, schema)
                                     : buffer_append_text(&header, fixed_head(format));

    if (error == 0)
        *ret_bytes = header.size;
    return error;
}

const void *format_head(const struct format_plan *plan, enum table_format format, size_t *ret_size)
{
    if (format == FORMAT_CSV) {
        *ret_size = plan->header.size;
        return plan->header.data;
    }
    *ret_size = strlen(fixed_head(format));
    return fixed_head(format);
}

const void *format_tail(enum table_format format, size_t *ret_size)
{
    *ret_size = format == FORMAT_JSON ? 2 : 0;
    return format == FORMAT_JSON ? "]\n" : "";
}

/* About what VIEW will take: exact where no cell needs quotes, escapes or base64. */
static size_t estimate_size(const struct format_plan *plan, enum table_format format,
                            const struct row_group_view *view)
{
    size_t row =
        format == FORMAT_CSV ? plan->column_count : plan->keys_size + 2 * plan->column_count + 3;
    size_t size = view->rows * row;

    for (size_t i = 0; i < view->column_count; i++)
        size += view->columns[i].data_size;
    return size;
}

static int render_view(const struct format_plan *plan, enum table_format format,
                       const struct row_group_view *view, bool last, struct buffer *output)
{
    const char *row_end = format == FORMAT_JSON ? "},\n" : "}\n";
    const char *last_end = last ? "}\n" : row_end;

    if (format == FORMAT_CSV)
        return view->fragment ? csv_render_fragment(plan, view, output)
                              : csv_render_rows(plan, view, output);
    return view->fragment ? json_render_fragment(plan, view, last_end, output)
                          : json_render_rows(plan, view, row_end, last_end, output);
}

int format_render(const struct format_plan *plan, enum table_format format,
                  const struct row_group_view *view, bool last, struct buffer *output)
{
    size_t limit = output->limit;
    size_t begin = output->size;
    size_t expected = estimate_size(plan, format, view);
    int error;

    /* What is written in whole blocks reaches a little past the limit before it is cut back. */
    if (expected > limit - begin)
        expected = limit - begin;
    output->limit = limit > SIZE_MAX - FORMAT_SLACK ? SIZE_MAX : limit + FORMAT_SLACK;
    error = buffer_reserve(output, expected + FORMAT_SLACK);
    if (error == 0)
        error = render_view(plan, format, view, last, output);
    output->limit = limit;
    if (output->capacity > limit)
        output->capacity = limit;
    if (error == 0 && output->size > limit)
        error = -EFBIG;
    if (error != 0)
        output->size = begin;
    return error;
}
