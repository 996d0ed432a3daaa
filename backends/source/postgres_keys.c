/* SPDX-License-Identifier: MIT */
/* Keys, and the order in which rows stand: see postgres.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "backends/source/sql_text.h"

#define KEY_COLUMNS_LIMIT 32 /* INDEX_MAX_KEYS */
#define CONSTRAINTS_LIMIT 65536

/*
 * Unique indexes over plain columns that compare as the columns do; the primary key's first, then
 * the shortest.
 */
static const char index_query[] =
    "SELECT i.indrelid, i.indisprimary, array_to_string(k.keys, ' ')"
    " FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid,"
    " LATERAL (SELECT array_agg(a.attnum ORDER BY p.place) AS keys,"
    " bool_and(i.indcollation[p.place] = a.attcollation) AS own"
    " FROM generate_series(0, i.indnkeyatts - 1) AS p (place)"
    " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[p.place]) k"
    " WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL AND k.own"
    " ORDER BY i.indrelid, NOT i.indisprimary, i.indnkeyatts, c.relname";

static const char reference_query[] =
    "SELECT o.conrelid, o.confrelid, array_to_string(o.conkey, ' '),"
    " array_to_string(o.confkey, ' ') FROM pg_constraint o"
    " WHERE o.contype = 'f' AND o.conparentid = 0 ORDER BY o.conrelid, o.conname";

/* Reads "1 2 3" into indexes of the table's columns. How many; 0: one of them is not shown. */
static size_t read_columns(const struct table *table, const char *text,
                           size_t columns[KEY_COLUMNS_LIMIT])
{
    size_t count = 0;

    while (*text != '\0') {
        char *end;
        ssize_t column = postgres_table_find_column(table, (int)strtol(text, &end, 10));

        if (column < 0 || end == text || count == KEY_COLUMNS_LIMIT)
            return 0;
        columns[count++] = (size_t)column;
        text = end + strspn(end, " ");
    }
    return count;
}

static size_t *copy_columns(const size_t *columns, size_t count)
{
    size_t *copy = allocate_array(count, sizeof *copy);

    if (copy != NULL)
        memcpy(copy, columns, count * sizeof *copy);
    return copy;
}

/* --- order -------------------------------------------------------------------------------- */

static bool all_not_null(const struct table *table, const size_t *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!table->schema->columns[columns[i]].not_null)
            return false;
    }
    return true;
}

static int take_index(struct table *table, const PGresult *result, int row)
{
    struct schema *schema = table->schema;
    size_t columns[KEY_COLUMNS_LIMIT];
    size_t count = read_columns(table, PQgetvalue(result, row, 2), columns);
    bool primary = PQgetvalue(result, row, 1)[0] == 't';

    if (count == 0 || schema->order_key_count != 0 || !all_not_null(table, columns, count))
        return 0;
    schema->order_key = copy_columns(columns, count);
    if (schema->order_key == NULL)
        return -ENOMEM;
    schema->order_key_count = count;
    table->order = ORDER_KEY;
    if (!primary)
        return 0;
    schema->primary_key = copy_columns(columns, count);
    if (schema->primary_key == NULL)
        return -ENOMEM;
    schema->primary_key_count = count;
    return 0;
}

static int add_term(struct buffer *terms, const struct table_column *column, const char *behind)
{
    cleanup_free char *name = sql_name(column->raw_name);

    if (name == NULL)
        return -ENOMEM;
    return buffer_print(terms, "%s%s%s", terms->size != 0 ? ", " : "", name, behind);
}

#define AS_TEXT "::pg_catalog.text COLLATE pg_catalog.\"C\""

/* Values that are equal may be written differently: 1.0 and 1.00. */
static bool equal_is_same(const struct table_column *column)
{
    return column->value.form == VALUE_BOOLEAN || column->value.form == VALUE_BYTES ||
           column->value.type == COLUMN_INTEGER || column->value.type == COLUMN_DATE ||
           column->value.type == COLUMN_UUID;
}

static int write_all_columns(const struct table *table, struct buffer *terms)
{
    int error = 0;

    for (int ties = 0; ties <= 1; ties++) {
        for (size_t i = 0; i < table->schema->column_count && error == 0; i++) {
            const struct table_column *column = &table->columns[i];

            if (ties == 0)
                error = add_term(terms, column, column->value.sortable ? "" : AS_TEXT);
            else if (column->value.sortable && !equal_is_same(column))
                error = add_term(terms, column, AS_TEXT);
        }
    }
    return error;
}

static char *text_of(const struct buffer *buffer)
{
    return strndup(buffer->data != NULL ? (const char *)buffer->data : "", buffer->size);
}

/* Whether ranges of the key can be told by values that are written down. */
static bool has_ranges(const struct table *table)
{
    for (size_t i = 0; i < table->schema->order_key_count; i++) {
        if (!table->columns[table->schema->order_key[i]].value.sortable)
            return false;
    }
    return true;
}

static int write_order(struct table *table)
{
    cleanup_buffer struct buffer terms = BUFFER(POSTGRES_SQL_LIMIT);
    const struct schema *schema = table->schema;
    int error = 0;

    for (size_t i = 0; i < schema->order_key_count && error == 0; i++)
        error = add_term(&terms, &table->columns[schema->order_key[i]], "");
    if (error == 0 && table->order == ORDER_ALL)
        error = write_all_columns(table, &terms);
    /* Rows come as they lie, unless an index serves what a policy asks. */
    if (error == 0 && table->order == ORDER_PLACE && table->policies)
        error = buffer_append_text(&terms, "ctid");
    table->order_terms = text_of(&terms);
    if (error == 0 && table->order == ORDER_KEY && has_ranges(table) &&
        (table->key_terms = text_of(&terms)) == NULL)
        error = -ENOMEM;
    return table->order_terms == NULL ? -ENOMEM : error;
}

/* --- foreign keys ------------------------------------------------------------------------- */

static int fill_reference(struct foreign_key *key, const struct table *target,
                          const size_t *columns, const size_t *targets, size_t count)
{
    key->columns = copy_columns(columns, count);
    key->target_table = strdup(target->schema->name);
    key->target_columns = allocate_array(count, sizeof *key->target_columns);
    if (key->columns == NULL || key->target_table == NULL || key->target_columns == NULL)
        return -ENOMEM;
    key->count = count;
    for (size_t i = 0; i < count; i++) {
        key->target_columns[i] = strdup(target->schema->columns[targets[i]].name);
        if (key->target_columns[i] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int take_reference(const struct catalogue *catalogue, const PGresult *result, int row)
{
    struct table *table = postgres_catalogue_find(catalogue, PQgetvalue(result, row, 0));
    const struct table *target = postgres_catalogue_find(catalogue, PQgetvalue(result, row, 1));
    size_t columns[KEY_COLUMNS_LIMIT];
    size_t targets[KEY_COLUMNS_LIMIT];

    if (table == NULL || target == NULL)
        return 0;

    struct schema *schema = table->schema;
    size_t count = read_columns(table, PQgetvalue(result, row, 2), columns);

    if (count == 0 || read_columns(target, PQgetvalue(result, row, 3), targets) != count ||
        schema->foreign_key_count == CONSTRAINTS_LIMIT)
        return 0;

    struct foreign_key *keys =
        realloc(schema->foreign_keys, (schema->foreign_key_count + 1) * sizeof *keys);

    if (keys == NULL)
        return -ENOMEM;
    schema->foreign_keys = keys;
    keys[schema->foreign_key_count] = (struct foreign_key){.count = 0};
    return fill_reference(&keys[schema->foreign_key_count++], target, columns, targets, count);
}

int postgres_catalogue_read_keys(struct link *link, struct catalogue *catalogue,
                                 struct failure *failure)
{
    cleanup_result PGresult *indexes = NULL;
    cleanup_result PGresult *references = NULL;
    int error = postgres_link_run(link, index_query, &indexes, failure);

    if (error == 0)
        error = postgres_link_run(link, reference_query, &references, failure);
    if (error != 0)
        return error;
    for (int i = 0; i < PQntuples(indexes) && error == 0; i++) {
        struct table *table = postgres_catalogue_find(catalogue, PQgetvalue(indexes, i, 0));

        if (table != NULL)
            error = take_index(table, indexes, i);
    }
    for (int i = 0; i < PQntuples(references) && error == 0; i++)
        error = take_reference(catalogue, references, i);
    for (size_t i = 0; i < catalogue->count && error == 0; i++)
        error = write_order(&catalogue->tables[i]);
    return error != 0 ? postgres_no_memory(failure, link) : 0;
}
