/* SPDX-License-Identifier: MIT */
/* An encoded group that anyone may have written: refused, or rendered within its bounds. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/format.h"
#include "fs/table/row_group.h"
#include "tests/fuzz/target.h"

#define COLUMNS_MOST 5
#define RENDERED_MOST ((size_t)4 << 20)

/* The first byte is how many columns the table has; their types go round. */
static struct schema *schema_with(size_t columns)
{
    static const enum column_type types[] = {COLUMN_TEXT, COLUMN_BYTES, COLUMN_JSON, COLUMN_INTEGER,
                                             COLUMN_BOOLEAN};
    struct schema *schema = schema_create("t", columns);

    if (schema == NULL)
        abort();
    for (size_t i = 0; i < columns; i++) {
        schema->columns[i].type = types[i % COLUMNS_MOST];
        if (asprintf(&schema->columns[i].name, "%zu", i) < 0)
            abort();
    }
    return schema;
}

static void render_all(const struct format_plan *plan, const struct row_group_view *view)
{
    for (enum table_format format = 0; format < FORMAT_COUNT; format++) {
        struct buffer output = BUFFER(RENDERED_MOST);
        int error = format_render(plan, format, view, format == FORMAT_JSON, &output);

        if (error != 0 && error != -EFBIG)
            abort();
        buffer_release(&output);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;

    size_t columns = 1 + data[0] % COLUMNS_MOST;
    struct schema *schema = schema_with(columns);
    struct format_plan *plan = format_plan_create(schema);
    struct row_group_view view = {0};
    /* The zeros that must end a group are not for the fuzzer to find. */
    size_t encoded_size = size - 1 + 32;
    uint8_t *encoded = calloc(1, encoded_size);

    if (plan == NULL || encoded == NULL)
        abort();
    memcpy(encoded, data + 1, size - 1);

    int error = row_group_open(&view, columns, encoded, encoded_size);

    if (error == 0)
        render_all(plan, &view);
    else if (error != -EBADMSG)
        abort();
    row_group_view_release(&view);
    free(encoded);
    format_plan_free(plan);
    schema_release(schema);
    return 0;
}
