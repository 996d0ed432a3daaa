/* SPDX-License-Identifier: MIT */
/*
 * Tables whose columns were not all known when their first rows came: JSON objects
 * with keys of their own, exports whose parts have other columns. What came before
 * stays as it is until all is read, and is then written once more.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/base/called_off.h"
#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/table/group_rows.h"
#include "fs/table/intake_internal.h"
#include "fs/table/row_group.h"
#include "fs/table/text_scan.h"

#define ROWS_BETWEEN_LOOKS 1024
#define TEXT_LIMIT ((size_t)256 << 20)

static bool is_json(const struct schema *schema, size_t column)
{
    return schema->columns[column].type == COLUMN_JSON;
}

/* Groups of one are no groups of the other. */
static bool differs(const struct schema *before, const struct schema *next)
{
    if (before->column_count != next->column_count)
        return true;
    for (size_t i = 0; i < next->column_count; i++) {
        if (is_json(before, i) != is_json(next, i))
            return true;
    }
    return false;
}

int intake_note_era(struct intake_table *table, const struct schema *next)
{
    size_t begin = table->era_count != 0 ? table->eras[table->era_count - 1].groups_end : 0;

    if (table->array.count == begin || !differs(table->schema, next))
        return 0;

    struct intake_era *eras = reallocarray(table->eras, table->era_count + 1, sizeof *eras);

    if (eras == NULL)
        return -ENOMEM;
    table->eras = eras;
    eras[table->era_count++] =
        (struct intake_era){schema_reference(table->schema), table->array.count};
    return 0;
}

void intake_forget_eras(struct intake_table *table)
{
    for (size_t i = 0; i < table->era_count; i++)
        schema_release(table->eras[i].schema);
    free(table->eras);
    table->eras = NULL;
    table->era_count = 0;
}

struct reshape {
    struct intake *intake;
    const struct intake_table *table;
    struct group_writer writer;
    struct cell *cells;
    struct buffer text; /* of one row's new strings */
    size_t written;
};

/* A text as JSON's string. What is not UTF-8 cannot be one, and stays. */
static int quote(struct reshape *reshape, struct cell *cell)
{
    size_t at = reshape->text.size;

    if (cell->class != CELL_TEXT || !utf8_valid(cell->data, (size_t)cell->size))
        return 0;

    int error = json_text_append(&reshape->text, cell->data, (size_t)cell->size);

    *cell = (struct cell){CELL_TEXT, reshape->text.size - at, reshape->text.data + at};
    return error;
}

/* JSON's strings take at most six times the text's bytes. */
static int reserve_text(struct reshape *reshape, const struct schema *schema)
{
    size_t size = 0;

    for (size_t i = 0; i < schema->column_count; i++) {
        if (is_json(reshape->table->schema, i) && !is_json(schema, i))
            size += 6 * (size_t)reshape->cells[i].size + 2;
    }
    buffer_clear(&reshape->text);
    return buffer_reserve(&reshape->text, size);
}

static int write_row(struct reshape *reshape, const struct schema *schema, const struct cell *cells,
                     struct failure *failure)
{
    const struct schema *next = reshape->table->schema;
    int error;

    for (size_t i = 0; i < next->column_count; i++)
        reshape->cells[i] = i < schema->column_count ? cells[i] : (struct cell){.class = CELL_NULL};
    error = reserve_text(reshape, schema);
    for (size_t i = 0; i < schema->column_count && error == 0; i++) {
        if (is_json(next, i) && !is_json(schema, i))
            error = quote(reshape, &reshape->cells[i]);
    }
    if (error == 0)
        error = group_writer_add(&reshape->writer, reshape->cells, failure);
    if (error == 0 && ++reshape->written % ROWS_BETWEEN_LOOKS == 0 &&
        called_off(reshape->intake->options.cancelled))
        return -ECANCELED;
    return error;
}

static int write_era(struct reshape *reshape, const struct schema *schema, size_t begin, size_t end,
                     struct failure *failure)
{
    struct group_rows *rows =
        group_rows_create(reshape->intake->options.spool, schema->column_count,
                          reshape->table->array.groups + begin, end - begin);
    const struct cell *cells;
    int got = rows != NULL ? 1 : -ENOMEM;

    while (got > 0) {
        got = group_rows_next(rows, &cells, failure);
        if (got > 0) {
            int error = write_row(reshape, schema, cells, failure);

            got = error != 0 ? error : 1;
        }
    }
    group_rows_free(rows);
    return got;
}

static int write_all(struct reshape *reshape, struct failure *failure)
{
    const struct intake_table *table = reshape->table;
    size_t begin = 0;
    int error = 0;

    for (size_t i = 0; i < table->era_count && error == 0; i++) {
        error =
            write_era(reshape, table->eras[i].schema, begin, table->eras[i].groups_end, failure);
        begin = table->eras[i].groups_end;
    }
    if (error == 0 && begin < table->array.count)
        error = write_era(reshape, table->schema, begin, table->array.count, failure);
    return error != 0 ? error : group_writer_flush(&reshape->writer, failure);
}

int intake_reshape(struct intake *intake, struct intake_table *table, struct failure *failure)
{
    struct spool *spool = intake->options.spool;
    struct group_array array = {.count = 0};
    struct reshape reshape = {.intake = intake, .table = table, .text = BUFFER(TEXT_LIMIT)};
    int error;

    if (table->era_count == 0)
        return 0;
    reshape.cells = allocate_array(table->schema->column_count, sizeof *reshape.cells);
    if (reshape.cells == NULL)
        return -ENOMEM;
    error =
        group_writer_begin(&reshape.writer, spool, ROW_GROUP_TARGET_BYTES, table->schema, &array);
    if (error == 0) {
        error = write_all(&reshape, failure);
        group_writer_end(&reshape.writer);
    }
    free(reshape.cells);
    buffer_release(&reshape.text);
    if (error != 0) {
        group_array_drop(&array, spool);
        return error;
    }
    group_array_drop(&table->array, spool);
    table->array = array;
    intake_forget_eras(table);
    return 0;
}
