/* SPDX-License-Identifier: MIT */
/* Single rows of PostgreSQL's tables; values go as parameters, in their text form. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/field_lines.h"
#include "backends/target/postgres_target.h"
#include "fs/base/memory.h"

#define CELLS_LIMIT ((size_t)1 << 30)

/* Parameters of a statement; texts, NULL where the value is. */
struct parameter_list {
    char **values;
    size_t count;
};

static void release_values(struct parameter_list *list)
{
    for (size_t i = 0; list->values != NULL && i < list->count; i++)
        free(list->values[i]);
    free((void *)list->values);
}

/* "\x4142" of bytes. */
static char *hex_text(const struct cell *cell)
{
    static const char digits[] = "0123456789abcdef";
    char *text = malloc(2 * (size_t)cell->size + 3);
    char *to = text;

    if (text == NULL)
        return NULL;
    *to++ = '\\';
    *to++ = 'x';
    for (uint64_t i = 0; i < cell->size; i++) {
        *to++ = digits[((const uint8_t *)cell->data)[i] >> 4];
        *to++ = digits[((const uint8_t *)cell->data)[i] & 15];
    }
    *to = '\0';
    return text;
}

static int add_value(struct parameter_list *list, const struct column *column,
                     const struct cell *cell, const char *table, struct failure *failure)
{
    const struct fit fit = fit_of(ENGINE_POSTGRES, column);
    cleanup_buffer struct buffer scratch = BUFFER(CELLS_LIMIT);
    struct fitted fitted = {0};
    char **value = &list->values[list->count];
    int error = buffer_reserve(&scratch, fit_room(cell->size));

    if (error == 0)
        error = fit_cell(&fit, cell, &scratch, &fitted);
    if (error == -EINVAL)
        return failure_set(failure, EINVAL, "table \"%s\": column \"%s\": the value %s", table,
                           column->name, fitted.reason);
    if (error != 0)
        return error;
    list->count++;
    if (fitted.cell.class == CELL_NULL)
        return 0;
    *value = fitted.cell.class == CELL_BYTES
                 ? hex_text(&fitted.cell)
                 : strndup(fitted.cell.size != 0 ? fitted.cell.data : "", (size_t)fitted.cell.size);
    return *value != NULL ? 0 : -ENOMEM;
}

static int add_key_values(struct parameter_list *list, const struct schema *schema,
                          const struct cell *key, struct failure *failure)
{
    int error = 0;

    for (size_t k = 0; k < schema->primary_key_count && error == 0; k++)
        error = add_value(list, &schema->columns[schema->primary_key[k]], &key[k], schema->name,
                          failure);
    return error;
}

/* "t.a = $1 AND …", the first parameter being number FIRST. */
static int add_condition(struct buffer *sql, const struct table *table, size_t first)
{
    const struct schema *schema = table->schema;
    int error = 0;

    for (size_t k = 0; k < schema->primary_key_count && error == 0; k++) {
        error = buffer_append_text(sql, k == 0 ? "t." : " AND t.");
        if (error == 0)
            error = postgres_add_column(sql, table, schema->primary_key[k]);
        if (error == 0)
            error = buffer_print(sql, " = $%zu", first + k);
    }
    return error;
}

static int execute(struct postgres_target *target, const struct schema *schema, struct buffer *sql,
                   const struct parameter_list *list, PGresult **ret_result,
                   struct failure *failure)
{
    PGresult *result;
    int error = buffer_append(sql, "", 1);

    if (error != 0)
        return error;
    result = PQexecParams(target->link.connection, (const char *)sql->data, (int)list->count, NULL,
                          (const char *const *)list->values, NULL, NULL, 0);
    if (PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK) {
        *ret_result = result;
        return 0;
    }
    error = postgres_target_failure(target, result, schema->name, failure);
    PQclear(result);
    return error;
}

static int find(struct postgres_target *target, const struct schema *schema,
                const struct table **ret_table, struct failure *failure)
{
    struct postgres_place *place = postgres_target_place(target, schema);

    if (place == NULL || schema->primary_key_count == 0)
        return failure_set(failure, EINVAL, "table \"%s\" has no primary key", schema->name);
    place->written = true;
    *ret_table = place->table;
    return 0;
}

/*
 * A table that has a key, and a list with room for COUNT values and the key's behind them. The list
 * is the caller's to release in any case.
 */
static int begin(struct postgres_target *target, const struct schema *schema, size_t count,
                 const struct table **ret_table, struct parameter_list *list,
                 struct failure *failure)
{
    int error = find(target, schema, ret_table, failure);

    if (error != 0)
        return error;
    assert(*ret_table != NULL);
    list->values = allocate_array(count + schema->primary_key_count, sizeof *list->values);
    return list->values != NULL ? 0 : -ENOMEM;
}

/* ---- Reading --------------------------------------------------------------------------------- */

static int write_select(const struct table *table, bool locked, struct buffer *sql)
{
    int error = buffer_append_text(sql, "SELECT ");

    for (size_t i = 0; i < table->schema->column_count && error == 0; i++) {
        error = buffer_append_text(sql, i == 0 ? "t." : ", t.");
        if (error == 0)
            error = postgres_add_column(sql, table, i);
    }
    if (error == 0)
        error = buffer_append_text(sql, " FROM ");
    if (error == 0)
        error = buffer_print(sql, "%s t WHERE ", table->from);
    if (error == 0)
        error = add_condition(sql, table, 1);
    return error == 0 && locked ? buffer_append_text(sql, " FOR UPDATE") : error;
}

static struct cell value_text(const PGresult *result, int column)
{
    struct cell text = {.class = CELL_NULL};

    if (!PQgetisnull(result, 0, column)) {
        text.class = CELL_TEXT;
        text.size = (uint64_t)PQgetlength(result, 0, column);
        text.data = PQgetvalue(result, 0, column);
    }
    return text;
}

/* The row as COPY would write it, then read as a source reads it. */
static int take_row(struct postgres_target *target, const struct table *table,
                    const PGresult *result)
{
    size_t count = table->schema->column_count;
    cleanup_free struct cell *texts = allocate_array(count, sizeof *texts);
    struct row_place place;
    int error;

    free(target->cells);
    free(target->numbers);
    target->cells = allocate_array(count, sizeof *target->cells);
    target->numbers = allocate_array(count, sizeof *target->numbers);
    if (texts == NULL || target->cells == NULL || target->numbers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        texts[i] = value_text(result, (int)i);
    buffer_clear(&target->line);
    error = field_lines_add(&target->line, texts, count, true);
    return error == 0 ? postgres_row_read(table, (char *)target->line.data, target->line.size,
                                          false, target->cells, target->numbers, &place)
                      : error;
}

/*
 * The same, and the transaction goes on if the server refuses it: only the server knows what an
 * enumeration, an address or a range may be.
 */
static int execute_within(struct postgres_target *target, const struct schema *schema,
                          struct buffer *sql, const struct parameter_list *list,
                          PGresult **ret_result, struct failure *failure)
{
    struct link *link = &target->link;
    int error = postgres_link_do(link, "SAVEPOINT crmfs_row", failure);

    if (error != 0)
        return error;
    error = execute(target, schema, sql, list, ret_result, failure);
    if (error == 0)
        return postgres_link_do(link, "RELEASE SAVEPOINT crmfs_row", failure);
    if (!postgres_link_is_lost(link))
        postgres_link_do(link, "ROLLBACK TO SAVEPOINT crmfs_row; RELEASE SAVEPOINT crmfs_row",
                         NULL);
    return error;
}

/* The row as it will stay. */
static int see_changes(struct postgres_target *target, struct failure *failure)
{
    if (!target->row_changed)
        return 0;
    target->row_changed = false;
    return postgres_fire_deferred(target, failure);
}

int postgres_lock_row(struct target *base, const struct schema *schema, const struct cell *key,
                      const struct cell **ret_cells, struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;
    struct parameter_list list = {.values = NULL};
    const struct table *table = NULL;
    int error = begin(target, schema, 0, &table, &list, failure);

    if (error == 0)
        error = see_changes(target, failure);
    if (error == 0)
        error = add_key_values(&list, schema, key, failure);
    if (error == 0)
        error = write_select(table, !target->look_only, &sql);
    if (error == 0)
        error = execute_within(target, schema, &sql, &list, &result, failure);
    release_values(&list);
    if (error != 0 || PQntuples(result) == 0)
        return error;
    error = take_row(target, table, result);
    if (error != 0)
        return error;
    *ret_cells = target->cells;
    return 1;
}

/* ---- Changing -------------------------------------------------------------------------------- */

static int write_update(const struct table *table, size_t count, const size_t *columns,
                        struct buffer *sql)
{
    int error = buffer_print(sql, "UPDATE %s", table->from);

    for (size_t i = 0; i < count && error == 0; i++) {
        error = buffer_append_text(sql, i == 0 ? " t SET " : ", ");
        if (error == 0)
            error = postgres_add_column(sql, table, columns[i]);
        if (error == 0)
            error = buffer_print(sql, " = $%zu", i + 1);
    }
    if (error == 0)
        error = buffer_append_text(sql, " WHERE ");
    return error == 0 ? add_condition(sql, table, count + 1) : error;
}

/* Runs what changes one row. */
static int change(struct postgres_target *target, const struct schema *schema, struct buffer *sql,
                  const struct parameter_list *list, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    int error = execute(target, schema, sql, list, &result, failure);

    target->row_changed |= error == 0;
    if (error == 0 && strcmp(PQcmdTuples(result), "0") == 0)
        error = failure_set(failure, ENOENT, "table \"%s\": there is no such row", schema->name);
    return error;
}

int postgres_update_row(struct target *base, const struct schema *schema, const struct cell *key,
                        size_t count, const size_t *columns, const struct cell *cells,
                        struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    struct parameter_list list = {.values = NULL};
    const struct table *table = NULL;
    int error = begin(target, schema, count, &table, &list, failure);

    for (size_t i = 0; i < count && error == 0; i++)
        error = add_value(&list, &schema->columns[columns[i]], &cells[i], schema->name, failure);
    if (error == 0)
        error = add_key_values(&list, schema, key, failure);
    if (error == 0)
        error = write_update(table, count, columns, &sql);
    if (error == 0)
        error = change(target, schema, &sql, &list, failure);
    release_values(&list);
    return error;
}

int postgres_delete_row(struct target *base, const struct schema *schema, const struct cell *key,
                        struct failure *failure)
{
    struct postgres_target *target = (struct postgres_target *)base;
    cleanup_buffer struct buffer condition = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    struct parameter_list list = {.values = NULL};
    const struct table *table = NULL;
    int error = begin(target, schema, 0, &table, &list, failure);

    if (error == 0)
        error = add_key_values(&list, schema, key, failure);
    if (error == 0)
        error = add_condition(&condition, table, 1);
    if (error == 0)
        error = buffer_append(&condition, "", 1);
    if (error == 0)
        error = postgres_check_referrers(target, table, (const char *)condition.data,
                                         (const char *const *)list.values, list.count, failure);
    if (error == 0)
        error = buffer_print(&sql, "DELETE FROM %s t WHERE %s", table->from,
                             (const char *)condition.data);
    if (error == 0)
        error = change(target, schema, &sql, &list, failure);
    release_values(&list);
    return error;
}
