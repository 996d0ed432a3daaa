/* SPDX-License-Identifier: MIT */
/*
 * The statements that read rows. Names and operators say whose they are, since
 * search_path is the database's own (its views' functions may need it).
 *
 * Where cells may be large, each is asked for its length first, which is known
 * without fetching it (for types other than text and bytes, by its stored size); a
 * large one is left out, and behind the last column stands where the row is and
 * how long its large cells are: "TABLE CTID -1 1234567", -1 a cell that is there.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "backends/source/sql_text.h"

/* Not for ORDER BY, which takes a name for a result's before it does for a column's. */
#define NO_COLUMN " AS \"crmfs cell\""

#define CHARACTER_TYPE 1042 /* its oid, for ever */

/* What is stored in fewer bytes is not large: compression is not that good. */
#define STORED_BYTES "8192"

/* What a column of a type with has_length is to octet_length(): char(n) keeps its blanks so. */
static const char *length_type(const struct table_column *column)
{
    if (column->value.form == VALUE_BYTES)
        return "bytea";
    return column->type == CHARACTER_TYPE ? "bpchar" : "text";
}

/*
 * SQL that gives how many bytes a value's text form has, as far as it may be large. That form is
 * what concat() makes of it, as COPY does: by the type's output function. A cast may do otherwise.
 */
static int write_length(const struct row_query *query, const struct table_column *column,
                        const char *name, bool exact, struct buffer *sql)
{
    bool bytes = column->value.form == VALUE_BYTES;

    if (bytes || (column->value.has_length && (query->utf8 || !exact)))
        return buffer_print(sql, "pg_catalog.octet_length(%s::pg_catalog.%s)", name,
                            length_type(column));
    if (column->value.has_length)
        return buffer_print(sql,
                            "pg_catalog.octet_length(pg_catalog.convert_to(pg_catalog.concat(%s), "
                            "'UTF8'))",
                            name);
    return buffer_print(sql,
                        "CASE WHEN pg_catalog.pg_column_size(%s) OPERATOR(pg_catalog.>) %s"
                        " THEN pg_catalog.octet_length(%spg_catalog.concat(%s)%s) END",
                        name, STORED_BYTES, query->utf8 ? "" : "pg_catalog.convert_to(", name,
                        query->utf8 ? "" : ", 'UTF8')");
}

/* SQL that says whether a cell is large. */
static int write_is_large(const struct row_query *query, const struct table_column *column,
                          const char *name, struct buffer *sql)
{
    int error = buffer_append_text(sql, "(");

    if (error == 0)
        error = write_length(query, column, name, false, sql);
    return error == 0 ? buffer_print(sql, ") OPERATOR(pg_catalog.>) %llu",
                                     (unsigned long long)CELL_INLINE_BYTES)
                      : error;
}

static int write_column(const struct row_query *query, size_t index, struct buffer *sql)
{
    const struct table_column *column = &query->table->columns[index];
    cleanup_free char *name = sql_name(column->raw_name);
    int error = name == NULL ? -ENOMEM : buffer_append_text(sql, index > 0 ? ", " : "");

    if (error != 0)
        return error;
    if (!query->large || !column->may_be_large)
        return buffer_append_text(sql, name);
    error = buffer_append_text(sql, "CASE WHEN ");
    if (error == 0)
        error = write_is_large(query, column, name, sql);
    return error == 0 ? buffer_print(sql, " THEN NULL ELSE %s END" NO_COLUMN, name) : error;
}

/* What stands behind the last column. */
static int write_lengths(const struct row_query *query, struct buffer *sql)
{
    const struct table *table = query->table;
    const char *before = table->schema->column_count > 0 ? ", CASE WHEN false" : "CASE WHEN false";
    int error = buffer_append_text(sql, before);

    for (int lengths = 0; lengths <= 1; lengths++) {
        for (size_t i = 0; i < table->schema->column_count && error == 0; i++) {
            const struct table_column *column = &table->columns[i];
            cleanup_free char *name = sql_name(column->raw_name);

            if (name == NULL)
                return -ENOMEM;
            if (!column->may_be_large) {
                error = lengths == 1 ? buffer_append_text(sql, ", -1") : 0;
                continue;
            }
            error = buffer_append_text(sql, lengths == 0 ? " OR " : ", CASE WHEN ");
            if (error == 0)
                error = write_is_large(query, column, name, sql);
            if (error == 0 && lengths == 1)
                error = buffer_append_text(sql, " THEN ");
            if (error == 0 && lengths == 1)
                error = write_length(query, column, name, true, sql);
            if (error == 0 && lengths == 1)
                error = buffer_append_text(sql, " ELSE -1 END");
        }
        if (error == 0 && lengths == 0)
            error = buffer_append_text(sql, " THEN pg_catalog.concat_ws(' ', tableoid, ctid");
    }
    return error == 0 ? buffer_append_text(sql, ") END" NO_COLUMN) : error;
}

/* "key >= start" or "key < start". */
static int write_bound(const struct table *table, const char *operator, const char * start,
                       struct buffer *sql)
{
    if (table->order == ORDER_PLACE)
        return buffer_print(sql, "ctid OPERATOR(pg_catalog.%s) %s", operator, start);
    return buffer_print(sql, "(%s) OPERATOR(pg_catalog.%s) (%s)", table->key_terms, operator,
                        start);
}

static int write_range(const struct row_query *query, struct buffer *sql)
{
    int error = 0;

    if (query->from != NULL) {
        error = buffer_append_text(sql, " WHERE ");
        if (error == 0)
            error = write_bound(query->table, ">=", query->from, sql);
    }
    if (query->until != NULL && error == 0) {
        error = buffer_append_text(sql, query->from != NULL ? " AND " : " WHERE ");
        if (error == 0)
            error = write_bound(query->table, "<", query->until, sql);
    }
    if (error == 0 && *query->table->order_terms != '\0')
        error = buffer_print(sql, " ORDER BY %s", query->table->order_terms);
    if (error == 0 && query->most != 0)
        error = buffer_print(sql, " LIMIT %llu OFFSET %llu", (unsigned long long)query->most,
                             (unsigned long long)query->skip);
    return error;
}

int postgres_row_query_write(const struct row_query *query, struct buffer *sql)
{
    int error = buffer_append_text(sql, "COPY (SELECT ");

    for (size_t i = 0; i < query->table->schema->column_count && error == 0; i++)
        error = write_column(query, i, sql);
    if (error == 0 && query->large)
        error = write_lengths(query, sql);
    if (error == 0)
        error = buffer_print(sql, " FROM %s", query->table->from);
    if (error == 0)
        error = write_range(query, sql);
    if (error == 0)
        error = buffer_append_text(sql, ") TO STDOUT");
    return error == 0 ? buffer_append(sql, "", 1) : error;
}
