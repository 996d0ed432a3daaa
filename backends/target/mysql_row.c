/* SPDX-License-Identifier: MIT */
/* Single rows of MySQL's tables, by prepared statements. */
#include <assert.h>
#include <errno.h>
#include <mysqld_error.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/mysql_row.h"
#include "fs/base/memory.h"

#define CELLS_LIMIT ((size_t)1 << 30)

/* Whether the user, or the whole server, may not write. */
static bool is_of_rights(unsigned number)
{
    return number == ER_TABLEACCESS_DENIED_ERROR || number == ER_COLUMNACCESS_DENIED_ERROR ||
           number == ER_DBACCESS_DENIED_ERROR || number == ER_OPTION_PREVENTS_STATEMENT;
}

static int statement_failure(struct mysql_target *target, MYSQL_STMT *statement,
                             const struct schema *schema, struct failure *failure)
{
    unsigned number = mysql_stmt_errno(statement);

    if (number == 1205 || number == 1213)
        return failure_set(failure, EBUSY, "table \"%s\": somebody else is writing it: try again",
                           schema->name);
    if (mysql_errno(target->link->handle) == number && (number >= 2000 || is_of_rights(number)))
        return mysql_link_failure(target->source, target->link, schema->name, failure);
    return failure_set(failure, EINVAL, "table \"%s\": %.400s (%u)", schema->name,
                       mysql_stmt_error(statement), number);
}

/* As fit_cell, and in words why not. */
static int fit_into(const struct column *column, const struct cell *cell, const char *table,
                    struct buffer *scratch, struct fitted *ret_fitted, struct failure *failure)
{
    const struct fit fit = fit_of(ENGINE_MYSQL, column);
    int error = fit_cell(&fit, cell, scratch, ret_fitted);

    return error != -EINVAL
               ? error
               : failure_set(failure, EINVAL, "table \"%s\": column \"%s\": the value %s", table,
                             column->name, ret_fitted->reason);
}

/* Of the digits of a number that fits into a BIT. */
static uint64_t bits_value(const struct cell *cell)
{
    const char *text = cell->data;
    uint64_t value = 0;

    for (size_t i = 0; i < cell->size; i++) {
        if (text[i] >= '0' && text[i] <= '9')
            value = value * 10 + (uint64_t)(text[i] - '0');
    }
    return value;
}

static int bind_cell(struct mysql_bound *bound, const struct column *column,
                     const struct cell *cell, const char *table, struct failure *failure)
{
    MYSQL_BIND *bind = &bound->binds[bound->count];
    struct fitted fitted;
    int error = fit_into(column, cell, table, &bound->scratch, &fitted, failure);

    if (error != 0)
        return error;
    bound->lengths[bound->count] = (unsigned long)fitted.cell.size;
    bind->buffer_type = fitted.cell.class == CELL_NULL    ? MYSQL_TYPE_NULL
                        : fitted.cell.class == CELL_BYTES ? MYSQL_TYPE_BLOB
                                                          : MYSQL_TYPE_STRING;
    bind->buffer = without_const(fitted.cell.data != NULL ? fitted.cell.data : "");
    bind->buffer_length = bound->lengths[bound->count];
    bind->length = &bound->lengths[bound->count];
    if (fitted.cell.data != NULL && mysql_is_bits(column)) {
        bound->bits[bound->count] = bits_value(&fitted.cell);
        bind->buffer_type = MYSQL_TYPE_LONGLONG;
        bind->is_unsigned = true;
        bind->buffer = &bound->bits[bound->count];
    }
    bound->count++;
    return 0;
}

/* Room for COUNT cells, and for what may become of CELLS and KEY. */
int mysql_bound_create(struct mysql_bound *bound, const struct schema *schema, size_t count,
                       const struct cell *cells, const struct cell *key)
{
    size_t room = 0;

    *bound = (struct mysql_bound){.scratch = BUFFER(CELLS_LIMIT)};
    for (size_t i = 0; i < count; i++)
        room += fit_room(cells[i].size);
    for (size_t k = 0; k < schema->primary_key_count; k++)
        room += fit_room(key[k].size);
    count += schema->primary_key_count;
    bound->binds = allocate_array(count, sizeof *bound->binds);
    bound->lengths = allocate_array(count, sizeof *bound->lengths);
    bound->bits = allocate_array(count, sizeof *bound->bits);
    return bound->binds != NULL && bound->lengths != NULL && bound->bits != NULL
               ? buffer_reserve(&bound->scratch, room)
               : -ENOMEM;
}

void mysql_bound_release(struct mysql_bound *bound)
{
    free(bound->binds);
    free(bound->lengths);
    free(bound->bits);
    buffer_release(&bound->scratch);
}

int mysql_bind_key(struct mysql_bound *bound, const struct schema *schema, const struct cell *key,
                   struct failure *failure)
{
    int error = 0;

    for (size_t k = 0; k < schema->primary_key_count && error == 0; k++)
        error = bind_cell(bound, &schema->columns[schema->primary_key[k]], &key[k], schema->name,
                          failure);
    return error;
}

/* Prepares and runs; the caller closes *ret_statement. */
int mysql_execute(struct mysql_target *target, const struct schema *schema, struct buffer *text,
                  struct mysql_bound *bound, MYSQL_STMT **ret_statement, struct failure *failure)
{
    MYSQL_STMT *statement = mysql_stmt_init(target->link->handle);
    int error = 0;

    if (statement == NULL)
        return -ENOMEM;
    if (mysql_stmt_prepare(statement, (const char *)text->data, (unsigned long)text->size) != 0 ||
        mysql_stmt_bind_param(statement, bound->binds) != 0 || mysql_stmt_execute(statement) != 0)
        error = statement_failure(target, statement, schema, failure);
    if (error != 0)
        mysql_stmt_close(statement);
    else
        *ret_statement = statement;
    return error;
}

int mysql_finds(struct mysql_target *target, const struct schema *schema, MYSQL_STMT *statement,
                struct failure *failure)
{
    int found = mysql_stmt_store_result(statement) != 0
                    ? statement_failure(target, statement, schema, failure)
                    : mysql_stmt_num_rows(statement) != 0;

    mysql_stmt_close(statement);
    return found;
}

/* HEAD, the table, MORE, and " WHERE key = ?". */
static int write_by_key(const char *head, const struct mysql_place *place, struct buffer *text)
{
    const struct schema *schema = place->schema;
    int error = buffer_append_text(text, head);

    for (size_t k = 0; k < schema->primary_key_count && error == 0; k++) {
        error = buffer_append_text(text, k == 0 ? " WHERE " : " AND ");
        if (error == 0)
            error = mysql_add_name(text, schema->columns[schema->primary_key[k]].name);
        if (error == 0)
            error = buffer_append_text(text, " = ?");
    }
    return error;
}

static int find(struct mysql_target *target, const struct schema *schema,
                struct mysql_place **ret_place, struct failure *failure)
{
    *ret_place = mysql_target_place(target, schema);
    if (*ret_place == NULL || schema->primary_key_count == 0)
        return failure_set(failure, EINVAL, "table \"%s\" has no primary key", schema->name);
    return 0;
}

/* "HEAD `table` MORE", NUL-terminated. */
int mysql_write_head(const char *head, const struct schema *schema, const char *more,
                     struct buffer *text)
{
    int error = buffer_append_text(text, head);

    if (error == 0)
        error = mysql_add_name(text, schema->name);
    if (error == 0)
        error = buffer_append_text(text, more);
    return error == 0 ? buffer_append(text, "", 1) : error;
}

/* Runs "HEAD table … WHERE key" with CELLS before the key. */
static int run_by_key(struct mysql_target *target, const struct mysql_place *place,
                      const char *head, size_t count, const size_t *columns,
                      const struct cell *cells, const struct cell *key, MYSQL_STMT **ret_statement,
                      struct failure *failure)
{
    const struct schema *schema = place->schema;
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    struct mysql_bound bound;
    int error = mysql_bound_create(&bound, schema, count, cells, key);

    if (error == 0)
        error = write_by_key(head, place, &text);
    if (error == 0 && strncmp(head, "SELECT", 6) == 0 && !target->look_only)
        error = buffer_append_text(&text, " FOR UPDATE");
    for (size_t i = 0; i < count && error == 0; i++)
        error = bind_cell(&bound, &schema->columns[columns[i]], &cells[i], schema->name, failure);
    if (error == 0)
        error = mysql_bind_key(&bound, schema, key, failure);
    if (error == 0)
        error = mysql_execute(target, schema, &text, &bound, ret_statement, failure);
    mysql_bound_release(&bound);
    return error;
}

/* 1: the row is there, and locked unless this target only looks; 0: it is not; -errno. */
static int lock(struct mysql_target *target, const struct mysql_place *place,
                const struct cell *key, struct failure *failure)
{
    cleanup_buffer struct buffer head = BUFFER(MYSQL_STATEMENT_LIMIT);
    MYSQL_STMT *statement = NULL;
    int error = mysql_write_head("SELECT 1 FROM ", place->schema, "", &head);

    if (error == 0)
        error = run_by_key(target, place, (const char *)head.data, 0, NULL, NULL, key, &statement,
                           failure);
    return error != 0 ? error : mysql_finds(target, place->schema, statement, failure);
}

/* As bind_cell, so that the same row is found: the digits of a FLOAT are not its value. */
static int add_key_literal(const struct schema *schema, const struct column *column,
                           const struct cell *cell, struct buffer *text, struct failure *failure)
{
    cleanup_buffer struct buffer scratch = BUFFER(CELLS_LIMIT);
    struct fitted fitted;
    int error = buffer_reserve(&scratch, fit_room(cell->size));

    if (error == 0)
        error = fit_into(column, cell, schema->name, &scratch, &fitted, failure);
    if (error != 0)
        return error;
    if (fitted.cell.data != NULL && mysql_is_bits(column))
        return buffer_print(text, "%llu", (unsigned long long)bits_value(&fitted.cell));
    return mysql_add_literal(text, fitted.cell.data, (size_t)fitted.cell.size,
                             fitted.cell.class == CELL_BYTES);
}

/* The row's values as the source reads them, newest: a plain SELECT would see the snapshot's. */
static int read_row(struct mysql_target *target, const struct mysql_place *place,
                    const struct cell *key, struct failure *failure)
{
    const struct schema *schema = place->schema;
    const struct mysql_part part = {.limit = 0};
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    struct mysql_table by_key = *place->table;
    int error = mysql_write_query(&by_key, false, &part, &text);
    char *order = error == 0 ? memmem(text.data, text.size, " ORDER BY ", 10) : NULL;

    if (order == NULL)
        return error != 0 ? error : -EINVAL;
    text.size = (size_t)(order - (char *)text.data);
    for (size_t k = 0; k < schema->primary_key_count && error == 0; k++) {
        const struct column *column = &schema->columns[schema->primary_key[k]];

        error = buffer_append_text(&text, k == 0 ? " WHERE " : " AND ");
        if (error == 0)
            error = mysql_add_name(&text, column->name);
        if (error == 0)
            error = buffer_append_text(&text, " = ");
        if (error == 0)
            error = add_key_literal(schema, column, &key[k], &text, failure);
    }
    if (error == 0 && !target->look_only)
        error = buffer_append_text(&text, " LOCK IN SHARE MODE");
    return error == 0 ? mysql_target_ask(target, &text, &target->rows, failure) : error;
}

int mysql_lock_row(struct target *base, const struct schema *schema, const struct cell *key,
                   const struct cell **ret_cells, struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    struct mysql_cursor cursor = {.cells = NULL};
    struct mysql_place *place;
    MYSQL_ROW row;
    int error = find(target, schema, &place, failure);
    int found = error == 0 ? lock(target, place, key, failure) : error;

    if (found <= 0)
        return found;
    if (target->rows != NULL)
        mysql_free_result(target->rows);
    target->rows = NULL;
    error = read_row(target, place, key, failure);
    row = error == 0 ? mysql_fetch_row(target->rows) : NULL;
    if (row == NULL)
        return error;
    free(target->cells);
    free(target->numbers);
    target->cells = allocate_array(schema->column_count, sizeof *target->cells);
    target->numbers = allocate_array(schema->column_count, sizeof *target->numbers);
    if (target->cells == NULL || target->numbers == NULL)
        return -ENOMEM;
    cursor.table = place->table;
    cursor.cells = target->cells;
    cursor.numbers = target->numbers;
    mysql_fill_cells(&cursor, row, mysql_fetch_lengths(target->rows));
    *ret_cells = target->cells;
    return 1;
}

/* Foreign keys are looked at by the server, as long as one row is changed. */
static int check_keys(struct mysql_target *target, bool on, struct failure *failure)
{
    return mysql_do(target->source, target->link, failure, "SET SESSION foreign_key_checks=%d", on);
}

/* Runs "HEAD table … WHERE key" with CELLS before the key, of a row that is locked. */
int mysql_change_row(struct mysql_target *target, const struct mysql_place *place, const char *head,
                     size_t count, const size_t *columns, const struct cell *cells,
                     const struct cell *key, struct failure *failure)
{
    MYSQL_STMT *statement = NULL;
    int error = check_keys(target, true, failure);

    if (error == 0)
        error = run_by_key(target, place, head, count, columns, cells, key, &statement, failure);
    if (error == 0)
        mysql_stmt_close(statement);
    return error == 0 ? check_keys(target, false, failure) : error;
}

static int write_update(const struct schema *schema, size_t count, const size_t *columns,
                        struct buffer *head)
{
    int error = buffer_append_text(head, "UPDATE ");

    if (error == 0)
        error = mysql_add_name(head, schema->name);
    for (size_t i = 0; i < count && error == 0; i++) {
        error = buffer_append_text(head, i == 0 ? " SET " : ", ");
        if (error == 0)
            error = mysql_add_name(head, schema->columns[columns[i]].name);
        if (error == 0)
            error = buffer_append_text(head, " = ?");
    }
    return error == 0 ? buffer_append(head, "", 1) : error;
}

/* Finds the table and locks the row. -ENOENT. */
int mysql_find_row(struct mysql_target *target, const struct schema *schema, const struct cell *key,
                   struct mysql_place **ret_place, struct failure *failure)
{
    int error = find(target, schema, ret_place, failure);

    if (error != 0)
        return error;
    assert(*ret_place != NULL);

    int found = lock(target, *ret_place, key, failure);

    if (found == 0)
        return failure_set(failure, ENOENT, "table \"%s\": there is no such row", schema->name);
    return found < 0 ? found : 0;
}

int mysql_update_row(struct target *base, const struct schema *schema, const struct cell *key,
                     size_t count, const size_t *columns, const struct cell *cells,
                     struct failure *failure)
{
    struct mysql_target *target = (struct mysql_target *)base;
    cleanup_buffer struct buffer head = BUFFER(MYSQL_STATEMENT_LIMIT);
    struct mysql_place *place = NULL;
    int error = mysql_find_row(target, schema, key, &place, failure);

    if (error == 0)
        error = write_update(schema, count, columns, &head);
    return error == 0 ? mysql_change_row(target, place, (const char *)head.data, count, columns,
                                         cells, key, failure)
                      : error;
}
