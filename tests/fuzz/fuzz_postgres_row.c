/* SPDX-License-Identifier: MIT */
/*
 * Rows of PostgreSQL's COPY in a table that has a column of every form: whatever a server sends
 * is refused, or every cell lies within the row, or says how large it is elsewhere.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "tests/fuzz/target.h"

#define COLUMNS 6

static void check_cell(const struct cell *cell, const char *row, size_t size, const char *number)
{
    const char *bytes = cell->data;

    if (cell->class == CELL_NULL || bytes == NULL)
        return;
    if (bytes == number) {
        require(cell->class == CELL_NUMBER && cell->size <= DOUBLE_TEXT_SIZE);
        return;
    }
    require(bytes >= row && cell->size <= size && bytes + cell->size <= row + size);
}

static void read_row(const uint8_t *data, size_t size, bool large)
{
    static const enum value_form forms[COLUMNS] = {VALUE_TEXT,   VALUE_NUMBER,  VALUE_FLOAT,
                                                   VALUE_SINGLE, VALUE_BOOLEAN, VALUE_BYTES};
    struct table_column columns[COLUMNS] = {{.number = 0}};
    struct schema schema = {.column_count = COLUMNS};
    struct table table = {.schema = &schema, .columns = columns};
    struct cell cells[COLUMNS] = {{.size = 0}};
    char numbers[COLUMNS][DOUBLE_TEXT_SIZE];
    struct row_place place;
    char *row = malloc(size + 1); /* as libpq has it: with a NUL behind */

    require(row != NULL);
    memcpy(row, data, size);
    row[size] = '\0';
    for (size_t i = 0; i < COLUMNS; i++)
        columns[i].value.form = forms[i];
    if (postgres_row_read(&table, row, size, large, cells, numbers, &place) == 0) {
        for (size_t i = 0; i < COLUMNS; i++)
            check_cell(&cells[i], row, size, numbers[i]);
        require(large || !place.known);
    }
    free(row);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_row(data, size, false);
    read_row(data, size, true);
    return 0;
}
