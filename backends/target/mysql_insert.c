/* SPDX-License-Identifier: MIT */
/*
 * Rows by INSERT, where there is no LOAD DATA LOCAL: one prepared statement for many rows at once
 * and one for a single row, which serves for what is left over, and for large ones.
 */
#include <errno.h>
#include <mysqld_error.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/field_lines.h"
#include "backends/target/mysql_load.h"
#include "fs/base/memory.h"

#define ROWS_MOST ((size_t)100)
#define PARAMETERS_MOST ((size_t)65535) /* of a statement */
#define BYTES_MOST ((size_t)1 << 20)    /* of many rows; servers take 4 MiB at least */
#define CELLS_LIMIT ((size_t)1 << 31)

/* Data that is refused without an SQLSTATE that says so: no default, a CHECK, no partition. */
#define CHECK_FAILS_MYSQL 3819
#define NO_PARTITION 1526

struct mysql_insert {
    MYSQL_STMT *many;
    MYSQL_STMT *one;
    size_t many_rows;
    bool *is_bytes; /* of each column */
    struct cell *cells;
    MYSQL_BIND *binds; /* of many_rows rows */
    unsigned long *lengths;
    struct buffer values; /* that the binds point to */
};

void mysql_insert_free(struct mysql_insert *insert)
{
    if (insert == NULL)
        return;
    if (insert->many != NULL)
        mysql_stmt_close(insert->many);
    if (insert->one != NULL)
        mysql_stmt_close(insert->one);
    free(insert->is_bytes);
    free(insert->cells);
    free(insert->binds);
    free(insert->lengths);
    buffer_release(&insert->values);
    free(insert);
}

/* ---- Statements ------------------------------------------------------------------------------ */

static int fail(struct mysql_load *load, MYSQL_STMT *statement, struct failure *failure)
{
    const struct mysql_target *target = load->target;

    if (mysql_errno(target->link->handle) == mysql_stmt_errno(statement))
        return mysql_link_failure(target->source, target->link, load->place->schema->name, failure);
    return failure_set(failure, EIO, "table \"%s\": %.400s (%u)", load->place->schema->name,
                       mysql_stmt_error(statement), mysql_stmt_errno(statement));
}

/* "(?, CAST(? AS UNSIGNED), …)" */
static int write_row(const struct mysql_load *load, struct buffer *text)
{
    int error = buffer_append_text(text, "(");

    for (size_t i = 0; i < load->base.work.column_count && error == 0; i++) {
        error = buffer_append_text(text, i == 0 ? "" : ", ");
        if (error == 0)
            error =
                buffer_append_text(text, mysql_load_is_bits(load, i) ? "CAST(? AS UNSIGNED)" : "?");
    }
    return error == 0 ? buffer_append_text(text, ")") : error;
}

static int write_insert(const struct mysql_load *load, size_t rows, struct buffer *text)
{
    int error = buffer_append_text(text, "INSERT INTO ");

    if (error == 0)
        error = mysql_add_name(text, load->into.schema->name);
    for (size_t i = 0; i < load->base.work.column_count && error == 0; i++) {
        error = buffer_append_text(text, i == 0 ? " (" : ", ");
        if (error == 0)
            error = mysql_add_name(text, row_work_column(&load->base.work, i));
    }
    for (size_t row = 0; row < rows && error == 0; row++) {
        error = buffer_append_text(text, row == 0 ? ") VALUES " : ", ");
        if (error == 0)
            error = write_row(load, text);
    }
    return error;
}

static int prepare(struct mysql_load *load, size_t rows, MYSQL_STMT **ret_statement,
                   struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    int error = write_insert(load, rows, &text);

    if (error != 0)
        return error;
    *ret_statement = mysql_stmt_init(load->target->link->handle);
    if (*ret_statement == NULL)
        return -ENOMEM;
    if (mysql_stmt_prepare(*ret_statement, (const char *)text.data, (unsigned long)text.size) != 0)
        return fail(load, *ret_statement, failure);
    return 0;
}

static int create(struct mysql_load *load, struct failure *failure)
{
    size_t columns = load->base.work.column_count;
    size_t most = PARAMETERS_MOST / (columns != 0 ? columns : 1);
    struct mysql_insert *insert = calloc(1, sizeof *insert);

    load->insert = insert;
    if (insert == NULL)
        return -ENOMEM;
    insert->many_rows = most < ROWS_MOST ? most : ROWS_MOST;
    insert->values = BUFFER(CELLS_LIMIT);
    insert->is_bytes = allocate_array(columns, sizeof *insert->is_bytes);
    insert->cells = allocate_array(columns, sizeof *insert->cells);
    insert->binds = allocate_array(insert->many_rows * columns, sizeof *insert->binds);
    insert->lengths = allocate_array(insert->many_rows * columns, sizeof *insert->lengths);
    if (insert->is_bytes == NULL || insert->cells == NULL || insert->binds == NULL ||
        insert->lengths == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < columns; i++)
        insert->is_bytes[i] = load->base.work.fits[i].kind == FIT_BYTES;

    int error = prepare(load, insert->many_rows, &insert->many, failure);

    return error == 0 ? prepare(load, 1, &insert->one, failure) : error;
}

/* ---- Rows ------------------------------------------------------------------------------------ */

static void bind_cell(struct mysql_insert *insert, size_t index, const struct cell *cell)
{
    unsigned long *length = &insert->lengths[index];

    *length = (unsigned long)cell->size;
    insert->binds[index] = (MYSQL_BIND){
        .buffer_type = cell->class == CELL_NULL    ? MYSQL_TYPE_NULL
                       : cell->class == CELL_BYTES ? MYSQL_TYPE_BLOB
                                                   : MYSQL_TYPE_STRING,
        .buffer = without_const(cell->data != NULL ? cell->data : ""),
        .buffer_length = *length,
        .length = length,
    };
}

/* Binds the rows that SIZE bytes of lines are. */
static int bind_lines(struct mysql_load *load, const uint8_t *lines, size_t size)
{
    struct mysql_insert *insert = load->insert;
    size_t columns = load->base.work.column_count;
    const uint8_t *end = lines + size;
    size_t bound = 0;

    buffer_clear(&insert->values);
    if (buffer_reserve(&insert->values, size) != 0)
        return -ENOMEM;
    while (lines != end) {
        lines = field_lines_take(lines, columns, insert->is_bytes, &insert->values, insert->cells);
        for (size_t i = 0; i < columns; i++)
            bind_cell(insert, bound++, &insert->cells[i]);
    }
    return 0;
}

/* Whether it is the rows that are wrong. */
static bool is_of_rows(MYSQL_STMT *statement)
{
    const char *state = mysql_stmt_sqlstate(statement);
    unsigned number = mysql_stmt_errno(statement);

    return strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
           strncmp(state, "01", 2) == 0 || strncmp(state, "45", 2) == 0 ||
           number == ER_NO_DEFAULT_FOR_FIELD || number == ER_TRUNCATED_WRONG_VALUE_FOR_FIELD ||
           number == NO_PARTITION || number == CHECK_FAILS_MYSQL;
}

static int insert_part(struct mysql_load *load, MYSQL_STMT *statement, const uint8_t *lines,
                       size_t size, struct refusal *ret_refusal, struct failure *failure)
{
    int error = bind_lines(load, lines, size);

    if (error != 0)
        return error;
    if (mysql_stmt_bind_param(statement, load->insert->binds) == 0 &&
        mysql_stmt_execute(statement) == 0) {
        if (mysql_warning_count(load->target->link->handle) == 0)
            return 1;
        error = mysql_load_warning(load, ret_refusal, failure);
        return error == 0 && ret_refusal->words[0] == '\0' ? 1 : error;
    }
    if (!is_of_rows(statement))
        return fail(load, statement, failure);
    snprintf(ret_refusal->words, sizeof ret_refusal->words, "%.199s", mysql_stmt_error(statement));
    mysql_load_cut_row(ret_refusal->words);
    return 0;
}

int mysql_insert_rows(struct mysql_load *load, const struct row_batch *batch, size_t first,
                      size_t end, struct refusal *ret_refusal, struct failure *failure)
{
    int sent = 1;

    if (load->insert == NULL) {
        int error = create(load, failure);

        if (error != 0)
            return server_load_fail(&load->base, error, failure);
    }
    while (first < end && sent == 1) {
        size_t rows = load->insert->many_rows;
        size_t size = 0;
        const uint8_t *lines = NULL;

        if (end - first >= rows)
            lines = row_batch_lines(batch, first, first + rows, &size);
        if (lines == NULL || size > BYTES_MOST) {
            rows = 1;
            lines = row_batch_lines(batch, first, first + 1, &size);
        }
        sent = insert_part(load, rows == 1 ? load->insert->one : load->insert->many, lines, size,
                           ret_refusal, failure);
        first += rows;
    }
    return sent;
}
