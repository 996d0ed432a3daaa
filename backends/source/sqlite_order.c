/* SPDX-License-Identifier: MIT */
/*
 * In which order a table's rows stand, and how SQLite is told so that it walks
 * along an index (or the table, which is one itself) instead of sorting: the
 * index is named, and ORDER BY repeats its columns with their own collations and
 * directions. Rows that are equal in a key with NULLs stand in rowid order.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/buffer.h"
#include "fs/base/memory.h"

#define SQL_LIMIT ((size_t)16 << 20)

/* An index that rows may be ordered by. */
struct candidate {
    char *name;
    char *terms; /* for ORDER BY */
    size_t *columns;
    size_t count;
};

static void candidate_release(struct candidate *candidate)
{
    free(candidate->name);
    free(candidate->terms);
    free(candidate->columns);
}

#define cleanup_candidate __attribute__((__cleanup__(candidate_release)))

/* Adds what PRAGMA index_xinfo stands on to the candidate. */
static int add_term(const struct table *table, struct candidate *candidate, struct buffer *terms,
                    sqlite3_stmt *statement)
{
    size_t column = (size_t)sqlite3_column_int(statement, 1);
    cleanup_free char *name = sql_name(table->raw_columns[column]);
    cleanup_free char *collation = sql_name((const char *)sqlite3_column_text(statement, 4));

    if (name == NULL || collation == NULL)
        return -ENOMEM;
    candidate->columns[candidate->count++] = column;
    return buffer_print(terms, "%s%s COLLATE %s%s", terms->size != 0 ? ", " : "", name, collation,
                        sqlite3_column_int(statement, 3) != 0 ? " DESC" : "");
}

/*
 * Fills CANDIDATE, which is empty and its owner's to release whatever is returned. SQLITE_EMPTY:
 * it is over an expression, or (unless NULLS) over a column that may be NULL.
 */
static int read_candidate(struct connection *connection, const struct table *table,
                          const char *index, bool nulls, struct candidate *candidate)
{
    cleanup_buffer struct buffer terms = BUFFER(SQL_LIMIT);
    const struct schema *schema = table->schema;
    sqlite3_stmt *statement;
    int code = connection_prepare(connection, &statement, "PRAGMA main.index_xinfo(\"%w\")", index);

    if (code != SQLITE_OK)
        return code;
    candidate->name = strdup(index);
    candidate->columns = allocate_array(schema->column_count, sizeof *candidate->columns);

    bool usable = true;
    int error = candidate->name == NULL || candidate->columns == NULL ? -ENOMEM : 0;

    while (error == 0 && usable && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        int column = sqlite3_column_int(statement, 1);

        if (sqlite3_column_int(statement, 5) == 0) /* not of the key */
            continue;
        usable = column >= 0 && (size_t)column < schema->column_count &&
                 candidate->count < schema->column_count &&
                 (nulls || schema->columns[column].not_null);
        if (usable)
            error = add_term(table, candidate, &terms, statement);
    }
    sqlite3_finalize(statement);
    if (error != 0)
        return SQLITE_NOMEM;
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        return code;
    if (!usable || candidate->count == 0)
        return SQLITE_EMPTY;
    candidate->terms = strndup((const char *)terms.data, terms.size);
    return candidate->terms == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

/* The shorter key; of two, the one whose name comes first. */
static bool better(const struct candidate *one, const struct candidate *other)
{
    if (other->name == NULL || one->count != other->count)
        return other->name == NULL || one->count < other->count;
    return strcmp(one->name, other->name) < 0;
}

/* The primary key's index, else the best unique one; SQLITE_EMPTY: there is none. */
static int find_index(struct connection *connection, const struct table *table,
                      struct candidate *best, bool *ret_primary)
{
    sqlite3_stmt *statement;
    bool primary = false;
    int code = connection_prepare(connection, &statement, "PRAGMA main.index_list(\"%w\")",
                                  table->schema->name);

    if (code != SQLITE_OK)
        return code;
    while (!primary && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *index = (const char *)sqlite3_column_text(statement, 1);
        const char *origin = (const char *)sqlite3_column_text(statement, 3);
        struct candidate candidate = {.name = NULL};

        if (index == NULL || origin == NULL) {
            code = SQLITE_NOMEM;
            break;
        }
        primary = strcmp(origin, "pk") == 0;
        if (!primary &&
            (sqlite3_column_int(statement, 2) == 0 || sqlite3_column_int(statement, 4) != 0))
            continue; /* not unique, or partial */

        int found = read_candidate(connection, table, index, primary, &candidate);

        if (found == SQLITE_OK && (primary || better(&candidate, best))) {
            candidate_release(best);
            *best = candidate;
            continue;
        }
        candidate_release(&candidate);
        if (found != SQLITE_OK && found != SQLITE_EMPTY) {
            code = found;
            break;
        }
    }
    sqlite3_finalize(statement);
    if (code != SQLITE_DONE && code != SQLITE_ROW)
        return code;
    *ret_primary = primary;
    return best->name != NULL ? SQLITE_OK : SQLITE_EMPTY;
}

/* "1, 2, …": all columns, each with its own collation. */
static char *all_columns(size_t count)
{
    cleanup_buffer struct buffer terms = BUFFER(SQL_LIMIT);

    for (size_t i = 1; i <= count; i++) {
        if (buffer_print(&terms, "%s%zu", i > 1 ? ", " : "", i) != 0)
            return NULL;
    }
    return strndup(terms.data != NULL ? (const char *)terms.data : "", terms.size);
}

/* Whether SQLite would have to sort. */
static int plan_sorts(struct connection *connection, struct table *table)
{
    sqlite3_stmt *statement;
    int code = connection_prepare(connection, &statement,
                                  "EXPLAIN QUERY PLAN SELECT * FROM %s ORDER BY %s", table->from,
                                  table->order);

    if (code != SQLITE_OK)
        return code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(statement, 3);

        if (detail != NULL && strstr(detail, "FOR ORDER BY") != NULL)
            table->sorts = true;
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static int order_by_index(struct table *table, struct candidate *index)
{
    struct schema *schema = table->schema;

    table->order = steal_pointer(&index->terms);
    schema->order_key = steal_pointer(&index->columns);
    schema->order_key_count = index->count;

    cleanup_free char *name = sql_name(schema->name);
    cleanup_free char *index_name = sql_name(index->name);
    int length = -1;

    if (name != NULL && index_name != NULL)
        length = table->without_rowid
                     ? asprintf(&table->from, "%s NOT INDEXED", name)
                     : asprintf(&table->from, "%s INDEXED BY %s", name, index_name);
    return length < 0 ? SQLITE_NOMEM : SQLITE_OK;
}

static int order_by_rowid(struct connection *connection, struct table *table)
{
    cleanup_free char *name = sql_name(table->schema->name);
    bool ordinary = table->schema->kind == RELATION_TABLE;

    table->order = strdup(table->rowid);
    if (name == NULL || table->order == NULL ||
        asprintf(&table->from, "%s%s", name, ordinary ? " NOT INDEXED" : "") < 0)
        return SQLITE_NOMEM;
    table->rowid_order = ordinary;
    if (table->rowid_column < 0)
        return ordinary ? SQLITE_OK : plan_sorts(connection, table);
    table->schema->order_key = allocate_array(1, sizeof *table->schema->order_key);
    if (table->schema->order_key == NULL)
        return SQLITE_NOMEM;
    table->schema->order_key[0] = (size_t)table->rowid_column;
    table->schema->order_key_count = 1;
    return SQLITE_OK;
}

static int order_by_all(struct table *table)
{
    table->from = sql_name(table->schema->name);
    table->order = all_columns(table->schema->column_count);
    table->sorts = true;
    return table->from == NULL || table->order == NULL ? SQLITE_NOMEM : SQLITE_OK;
}

/* A virtual table may have a primary key, but no index that could be named. */
static int order_by_key(struct connection *connection, struct table *table)
{
    struct schema *schema = table->schema;
    cleanup_buffer struct buffer terms = BUFFER(SQL_LIMIT);

    schema->order_key = allocate_array(schema->primary_key_count, sizeof *schema->order_key);
    if (schema->order_key == NULL)
        return SQLITE_NOMEM;
    schema->order_key_count = schema->primary_key_count;
    for (size_t i = 0; i < schema->primary_key_count; i++) {
        cleanup_free char *name = sql_name(table->raw_columns[schema->primary_key[i]]);

        schema->order_key[i] = schema->primary_key[i];
        if (name == NULL || buffer_print(&terms, "%s%s", i > 0 ? ", " : "", name) != 0)
            return SQLITE_NOMEM;
    }
    table->order = strndup((const char *)terms.data, terms.size);
    table->from = sql_name(schema->name);
    return table->order == NULL || table->from == NULL ? SQLITE_NOMEM
                                                       : plan_sorts(connection, table);
}

static bool has_column(const struct table *table, const char *name)
{
    for (size_t i = 0; i < table->schema->column_count; i++) {
        if (ascii_equal(table->raw_columns[i], name))
            return true;
    }
    return false;
}

/* An INTEGER PRIMARY KEY is the rowid under its own name, and has no index. */
static int name_rowid(struct table *table, bool primary_index)
{
    static const char *const names[] = {"rowid", "_rowid_", "oid"};
    const struct schema *schema = table->schema;

    if (schema->kind == RELATION_VIEW || table->without_rowid)
        return SQLITE_OK;
    if (schema->kind == RELATION_TABLE && schema->primary_key_count == 1 && !primary_index) {
        table->rowid_column = (int)schema->primary_key[0];
        table->rowid = sql_name(table->raw_columns[table->rowid_column]);
        return table->rowid == NULL ? SQLITE_NOMEM : SQLITE_OK;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names && table->rowid == NULL; i++) {
        if (!has_column(table, names[i]) && (table->rowid = strdup(names[i])) == NULL)
            return SQLITE_NOMEM;
    }
    return SQLITE_OK;
}

int table_find_order(struct connection *connection, struct table *table)
{
    cleanup_candidate struct candidate index = {.name = NULL};
    const struct schema *schema = table->schema;
    bool primary = false;
    int code = SQLITE_EMPTY;

    if (schema->kind == RELATION_TABLE)
        code = find_index(connection, table, &index, &primary);
    if (code != SQLITE_OK && code != SQLITE_EMPTY)
        return code;

    bool indexed = index.name != NULL;

    code = name_rowid(table, primary);
    if (code != SQLITE_OK)
        return code;
    if (indexed && table->rowid_column < 0)
        return order_by_index(table, &index);
    if (schema->kind == RELATION_VIRTUAL && schema->primary_key_count != 0)
        return order_by_key(connection, table);
    return table->rowid != NULL ? order_by_rowid(connection, table) : order_by_all(table);
}
