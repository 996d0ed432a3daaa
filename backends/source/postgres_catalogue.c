/* SPDX-License-Identifier: MIT */
/*
 * Tables and their columns. All of the catalogue comes in a few queries, however
 * many tables there are. search_path is empty meanwhile, so that every operator and function
 * is pg_catalog's, and every name that the server writes says its schema.
 *
 * Partitions are not shown: their rows are their parent's. Of tables that inherit
 * from others, each is shown with the rows of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "backends/source/sql_text.h"
#include "fs/base/utf8.h"

/* What is not there on a standby is not shown there: temporary and unlogged tables. */
#define SHOWN                                                                \
    "c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition"        \
    " AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\\_%'" \
    " AND NOT (c.relpersistence = 'u' AND pg_is_in_recovery())"

static const char table_query[] =
    "SELECT c.oid, n.nspname, c.relname, c.relkind, row_security_active(c.oid),"
    " coalesce(am.amname = 'heap', false)"
    " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_am am ON am.oid = c.relam WHERE " SHOWN " ORDER BY c.oid";

enum { TABLE_OID, TABLE_SCHEMA, TABLE_NAME, TABLE_KIND, TABLE_POLICIES, TABLE_HEAP };

/*
 * Without columns that we may not read, unless we may read none. Reading the table is refused then
 * (postgres_guard.c), but rows can be written.
 */
static const char column_query[] =
    "WITH RECURSIVE steps (domain, base, kind) AS ("
    " SELECT oid, typbasetype, typtype FROM pg_type WHERE typtype = 'd'"
    " UNION ALL SELECT s.domain, t.typbasetype, t.typtype FROM steps s"
    " JOIN pg_type t ON t.oid = s.base WHERE t.typtype = 'd'),"
    " origins AS (SELECT s.domain, s.base FROM steps s JOIN pg_type t ON t.oid = s.base"
    " WHERE t.typtype <> 'd')"
    "SELECT a.attrelid, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.atttypid,"
    " a.atttypmod, t.oid, t.typtype, t.typlen, a.attnotnull, a.attgenerated <> ''"
    " FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid"
    " JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN origins o ON o.domain = a.atttypid"
    " JOIN pg_type t ON t.oid = coalesce(o.base, a.atttypid)"
    " WHERE a.attnum > 0 AND NOT a.attisdropped AND " SHOWN
    " AND (has_table_privilege(c.oid, 'SELECT')"
    " OR NOT has_any_column_privilege(c.oid, 'SELECT')"
    " OR has_column_privilege(c.oid, a.attnum, 'SELECT'))"
    " ORDER BY a.attrelid, a.attnum";

enum {
    COLUMN_OF_TABLE,
    COLUMN_NUMBER,
    COLUMN_NAME,
    COLUMN_NATIVE,
    COLUMN_TYPE_OID,
    COLUMN_MODIFIER,
    COLUMN_ORIGIN,
    COLUMN_KIND,
    COLUMN_LENGTH,
    COLUMN_NOT_NULL,
    COLUMN_GENERATED,
};

static void table_release(struct table *table)
{
    for (size_t i = 0; table->columns != NULL && i < table->schema->column_count; i++)
        free(table->columns[i].raw_name);
    free(table->columns);
    free(table->from);
    free(table->raw_schema);
    free(table->raw_name);
    free(table->order_terms);
    free(table->key_terms);
    schema_release(table->schema);
}

void postgres_catalogue_release(struct catalogue *catalogue)
{
    if (catalogue == NULL || __atomic_sub_fetch(&catalogue->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    for (size_t i = 0; i < catalogue->count; i++)
        table_release(&catalogue->tables[i]);
    free(catalogue->tables);
    free(catalogue->mark);
    free(catalogue);
}

static Oid oid_at(const PGresult *result, int row, int column)
{
    return (Oid)strtoul(PQgetvalue(result, row, column), NULL, 10);
}

static bool true_at(const PGresult *result, int row, int column)
{
    return PQgetvalue(result, row, column)[0] == 't';
}

/* --- columns ------------------------------------------------------------------------------ */

static int read_column(struct table *table, size_t index, const PGresult *result, int row)
{
    struct column *column = &table->schema->columns[index];
    struct table_column *own = &table->columns[index];

    own->raw_name = strdup(PQgetvalue(result, row, COLUMN_NAME));
    column->name = utf8_valid_copy(PQgetvalue(result, row, COLUMN_NAME));
    schema_take_native_type(table->schema, index,
                            utf8_valid_copy(PQgetvalue(result, row, COLUMN_NATIVE)));
    if (own->raw_name == NULL || column->name == NULL || column->native_type == NULL)
        return -ENOMEM;
    own->number = atoi(PQgetvalue(result, row, COLUMN_NUMBER));
    own->type = oid_at(result, row, COLUMN_ORIGIN);
    own->domain = own->type != oid_at(result, row, COLUMN_TYPE_OID);
    own->modifier = atoi(PQgetvalue(result, row, COLUMN_MODIFIER));
    own->value = postgres_value_type(own->type, PQgetvalue(result, row, COLUMN_KIND)[0]);
    own->may_be_large = atoi(PQgetvalue(result, row, COLUMN_LENGTH)) < 0;
    column->type = own->value.type;
    column->not_null = true_at(result, row, COLUMN_NOT_NULL);
    column->generated = true_at(result, row, COLUMN_GENERATED);
    return 0;
}

ssize_t postgres_table_find_column(const struct table *table, int number)
{
    for (size_t i = 0; i < table->schema->column_count; i++) {
        if (table->columns[i].number == number)
            return (ssize_t)i;
    }
    return -1;
}

/* --- tables ------------------------------------------------------------------------------- */

/* A part of a name as it is shown: one that could be mistaken for two is quoted. */
static char *shown_part(const char *name)
{
    return strpbrk(name, ".\"") != NULL ? sql_name(name) : strdup(name);
}

static char *shown_name(const char *schema, const char *name)
{
    cleanup_free char *schema_part = shown_part(schema);
    cleanup_free char *name_part = shown_part(name);
    char *shown = NULL;

    if (schema_part == NULL || name_part == NULL)
        return NULL;
    if (strcmp(schema, "public") == 0)
        return steal_pointer(&name_part);
    return asprintf(&shown, "%s.%s", schema_part, name_part) < 0 ? NULL : shown;
}

/* Of what others inherit from, the rows of its own. */
static char *from_clause(const struct table *table)
{
    cleanup_free char *schema = sql_name(table->raw_schema);
    cleanup_free char *name = sql_name(table->raw_name);
    const char *only = table->kind == 'r' || table->kind == 'f' ? "ONLY " : "";
    char *from = NULL;

    if (schema == NULL || name == NULL || asprintf(&from, "%s%s.%s", only, schema, name) < 0)
        return NULL;
    return from;
}

static enum relation_kind relation_kind(char kind)
{
    switch (kind) {
    case 'v': return RELATION_VIEW;
    case 'm': return RELATION_STORED_VIEW;
    case 'f': return RELATION_VIRTUAL;
    default: return RELATION_TABLE;
    }
}

/* What row ROW of TABLES says, with the columns FIRST to END of COLUMNS. */
static int read_table(struct table *table, const PGresult *tables, int row, const PGresult *columns,
                      int first, int end)
{
    size_t count = (size_t)(end - first);
    bool heap = true_at(tables, row, TABLE_HEAP);

    table->raw_schema = strdup(PQgetvalue(tables, row, TABLE_SCHEMA));
    table->raw_name = strdup(PQgetvalue(tables, row, TABLE_NAME));
    if (table->raw_schema == NULL || table->raw_name == NULL)
        return -ENOMEM;

    cleanup_free char *name = shown_name(table->raw_schema, table->raw_name);

    table->oid = oid_at(tables, row, TABLE_OID);
    table->kind = PQgetvalue(tables, row, TABLE_KIND)[0];
    table->policies = true_at(tables, row, TABLE_POLICIES);
    table->from = from_clause(table);
    table->columns = allocate_array(count, sizeof *table->columns);
    table->schema = name != NULL ? schema_create(name, count) : NULL;
    if (table->from == NULL || table->columns == NULL || table->schema == NULL)
        return -ENOMEM;
    table->schema->kind = relation_kind(table->kind);
    table->order = heap && (table->kind == 'r' || table->kind == 'm') ? ORDER_PLACE : ORDER_ALL;
    for (size_t i = 0; i < count; i++) {
        int error = read_column(table, i, columns, first + (int)i);

        if (error != 0)
            return error;
    }
    return 0;
}

/* Both results stand in the order of the tables' oids. */
static int read_tables(struct catalogue *catalogue, const PGresult *tables, const PGresult *columns)
{
    int count = PQntuples(tables);
    int first = 0;

    catalogue->tables = allocate_array((size_t)count, sizeof *catalogue->tables);
    if (catalogue->tables == NULL)
        return -ENOMEM;
    for (int i = 0; i < count; i++) {
        struct table *table = &catalogue->tables[i];
        Oid oid = oid_at(tables, i, TABLE_OID);
        int end = first;

        while (end < PQntuples(columns) && oid_at(columns, end, COLUMN_OF_TABLE) == oid)
            end++;
        catalogue->count++;

        int error = read_table(table, tables, i, columns, first, end);

        if (error != 0)
            return error;
        first = end;
        catalogue->foreign = catalogue->foreign || table->kind == 'f';
    }
    return 0;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct table *)left)->schema->name,
                  ((const struct table *)right)->schema->name);
}

/* Tables are in the order of their oids until the end, where they are sorted by name. */
struct table *postgres_catalogue_find(const struct catalogue *catalogue, const char *oid_text)
{
    Oid oid = (Oid)strtoul(oid_text, NULL, 10);
    size_t low = 0;
    size_t high = catalogue->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct table *table = &catalogue->tables[middle];

        if (table->oid == oid)
            return table;
        if (table->oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static int read_all(struct link *link, struct catalogue *catalogue, struct failure *failure)
{
    cleanup_result PGresult *tables = NULL;
    cleanup_result PGresult *columns = NULL;
    int error = postgres_link_run(link, table_query, &tables, failure);

    if (error == 0)
        error = postgres_link_run(link, column_query, &columns, failure);
    if (error != 0)
        return error;
    if (read_tables(catalogue, tables, columns) != 0)
        return postgres_no_memory(failure, link);
    error = postgres_catalogue_read_keys(link, catalogue, failure);
    return error == 0 ? postgres_catalogue_read_ddl(link, catalogue, failure) : error;
}

/*
 * Every statement that changes a definition writes a row of these, under its own number (xmin);
 * vacuuming and analysing write none. The rest is what our own rights depend on.
 */
static const char mark_query[] =
    "SELECT concat_ws(' ', pg_is_in_recovery(), (SELECT concat(rolsuper, rolbypassrls, rolinherit)"
    " FROM pg_roles WHERE rolname = current_user)"
#define MARK(catalog) \
    ", (SELECT concat(count(*), '/', sum(hashint8(xmin::text::int8)::int8)) FROM " catalog ")"
    MARK("pg_class") MARK("pg_attribute WHERE attnum > 0") MARK("pg_attrdef") MARK("pg_constraint")
        MARK("pg_index") MARK("pg_type") MARK("pg_enum") MARK("pg_range") MARK("pg_namespace")
            MARK("pg_inherits") MARK("pg_trigger") MARK("pg_policy") MARK("pg_description")
                MARK("pg_sequence") MARK("pg_rewrite") MARK("pg_proc") MARK("pg_collation")
                    MARK("pg_extension") MARK("pg_foreign_table") MARK("pg_foreign_server")
                        MARK("pg_partitioned_table") MARK("pg_auth_members") ")";

static int read_mark(struct link *link, char **ret_mark, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    int error = postgres_link_run(link, mark_query, &result, failure);

    if (error != 0)
        return error;
    if (asprintf(ret_mark, "%zu %s", link->host, PQgetvalue(result, 0, 0)) < 0)
        return postgres_no_memory(failure, link);
    return 0;
}

int postgres_catalogue_read(struct link *link, struct catalogue *last,
                            struct catalogue **ret_catalogue, struct failure *failure)
{
    cleanup_free char *mark = NULL;
    int error = postgres_link_do(link, "SET LOCAL search_path = ''", failure);

    if (error == 0)
        error = read_mark(link, &mark, failure);
    if (error != 0)
        return error;
    if (last != NULL && strcmp(last->mark, mark) == 0) {
        __atomic_add_fetch(&last->references, 1, __ATOMIC_RELAXED);
        *ret_catalogue = last;
        return 0;
    }

    struct catalogue *catalogue = calloc(1, sizeof *catalogue);

    if (catalogue == NULL)
        return postgres_no_memory(failure, link);
    catalogue->references = 1;
    catalogue->mark = steal_pointer(&mark);
    error = read_all(link, catalogue, failure);
    if (error != 0) {
        postgres_catalogue_release(catalogue);
        return error;
    }
    if (catalogue->count != 0)
        qsort(catalogue->tables, catalogue->count, sizeof *catalogue->tables, by_name);
    *ret_catalogue = catalogue;
    return 0;
}
