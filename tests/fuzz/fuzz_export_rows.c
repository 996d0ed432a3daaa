/* SPDX-License-Identifier: MIT */
/*
 * Files as crmfs writes them, read back: however one is cut into pieces, the same rows come of it,
 * and what comes can be written again. The first byte chooses the format.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "backends/source/export_rows.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/target.h"

static struct schema *make_schema(void)
{
    static const struct {
        const char *name;
        enum column_type type;
    } columns[] = {{"id", COLUMN_INTEGER}, {"name", COLUMN_TEXT}, {"raw", COLUMN_BYTES},
                   {"doc", COLUMN_JSON},   {"any", COLUMN_ANY},   {"flag", COLUMN_BOOLEAN}};
    size_t count = sizeof columns / sizeof *columns;
    struct schema *schema = schema_create("t", count);

    require(schema != NULL);
    for (size_t i = 0; i < count; i++) {
        free(schema->columns[i].name);
        schema->columns[i].name = strdup(columns[i].name);
        schema->columns[i].type = columns[i].type;
        require(schema->columns[i].name != NULL);
    }
    return schema;
}

static uint64_t add(uint64_t hash, const void *bytes, size_t size)
{
    return XXH3_64bits_withSeed(bytes, size, hash + 1);
}

static uint64_t add_cells(uint64_t hash, const struct cell *cells, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        require(cells[i].class == CELL_NULL || cells[i].data != NULL || cells[i].size == 0);
        require(cells[i].class != CELL_NUMBER || cells[i].size > 0);
        hash = add(hash, &cells[i].class, sizeof cells[i].class);
        if (cells[i].class != CELL_NULL)
            hash = add(hash, cells[i].data, (size_t)cells[i].size);
    }
    return hash;
}

static uint64_t read_in_steps(const uint8_t *data, size_t size, size_t step,
                              const struct export_options *options)
{
    struct pieces pieces = {{&pieces_class}, data, size, step};
    struct export_rows *rows;
    struct failure failure = {0};
    const struct cell *cells;
    const size_t *columns;
    size_t count = 0;
    uint64_t hash = 0;

    require(export_rows_create(&pieces.stream, options, &rows) == 0);

    int found = export_rows_columns(rows, &columns, &count, &failure);

    if (found == 0) {
        require(count <= options->schema->column_count);
        hash = add(hash, columns, count * sizeof *columns);
        while ((found = export_rows_next(rows, &cells, &failure)) == 1)
            hash = add_cells(hash, cells, count) + export_rows_line(rows);
    }
    require(found <= 0 && (found == 0) == (failure.code == 0));
    export_rows_free(rows);
    return add(hash, failure.text, strlen(failure.text));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct schema *schema;
    struct export_options options = {.format = EXPORT_CSV};

    if (size == 0)
        return 0;
    if (schema == NULL)
        schema = make_schema();
    options.schema = schema;
    options.format = (enum export_format)(data[0] % EXPORT_FORMATS);
    options.whole = (data[0] & 0x80) != 0;
    data++;
    size--;

    uint64_t whole = read_in_steps(data, size, size + 1, &options);

    require(read_in_steps(data, size, 7, &options) == whole);
    require(read_in_steps(data, size, 1, &options) == whole);
    return 0;
}
