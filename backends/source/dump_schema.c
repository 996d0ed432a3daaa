/* SPDX-License-Identifier: MIT */
/* A dump's table as the taker is told of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/sql_text.h"
#include "fs/base/memory.h"
#include "fs/base/utf8.h"

static bool key_is_shown(const struct dump_table *table, const struct dump_key *key)
{
    for (size_t i = 0; i < key->count; i++) {
        if (table->columns[key->columns[i]].left_out)
            return false;
    }
    return key->count != 0;
}

static bool key_is_not_null(const struct dump_table *table, const struct dump_key *key)
{
    for (size_t i = 0; i < key->count; i++) {
        if (!table->columns[key->columns[i]].not_null)
            return false;
    }
    return true;
}

/* As live sources choose: the shorter key; of two, the one whose name comes first. */
static bool is_better(const struct dump_key *key, const struct dump_key *other)
{
    if (other->count == 0 || key->count != other->count)
        return other->count == 0 || key->count < other->count;
    return key->name != NULL && other->name != NULL && strcmp(key->name, other->name) < 0;
}

/* The columns that rows are sorted by; count 0: there is no key. */
static struct dump_key order_of(const struct dump_table *table)
{
    if (table->order_known)
        return table->order;
    if (key_is_shown(table, &table->primary))
        return table->primary;

    struct dump_key best = {.count = 0};

    for (size_t i = 0; i < table->unique_count; i++) {
        const struct dump_key *key = &table->uniques[i];

        if (key_is_shown(table, key) && key_is_not_null(table, key) && is_better(key, &best))
            best = *key;
    }
    return best;
}

static int copy_key(const struct dump_table *table, const struct dump_key *key, size_t *ret_count,
                    size_t **ret_columns)
{
    if (!key_is_shown(table, key))
        return 0;
    *ret_columns = allocate_array(key->count, sizeof(size_t));
    if (*ret_columns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < key->count; i++)
        (*ret_columns)[i] = table->shown[key->columns[i]];
    *ret_count = key->count;
    return 0;
}

static int fill_columns(const struct dump_table *table, struct schema *schema)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct dump_column *from = &table->columns[i];

        if (from->left_out)
            continue;

        struct column *to = &schema->columns[table->shown[i]];

        to->name = utf8_valid_copy(from->name);
        to->native_type = utf8_valid_copy(from->native);
        if (to->name == NULL || to->native_type == NULL)
            return -ENOMEM;
        to->type = from->type.type;
        to->not_null = from->not_null;
        to->generated = from->generated;
    }
    return 0;
}

/* A part of a PostgreSQL name that could be mistaken for two is quoted, as it is live. */
static char *shown_part(const struct dump_reader *reader, const char *name)
{
    return reader->dialect == SQL_POSTGRES && strpbrk(name, ".\"") != NULL ? sql_name(name)
                                                                           : strdup(name);
}

static char *with_database(const struct dump_reader *reader, const char *database, char *name)
{
    cleanup_free char *part = shown_part(reader, database);
    cleanup_free char *rest = name;
    char *shown;

    if (part == NULL || rest == NULL)
        return NULL;
    return asprintf(&shown, "%s.%s", part, rest) < 0 ? NULL : shown;
}

/*
 * "table", or "database.table" when the dump has several databases; of PostgreSQL also
 * "schema.table" and "database.schema.table".
 */
char *dump_shown_name(const struct dump_reader *reader, const struct dump_table *table)
{
    bool plain = reader->dialect == SQL_POSTGRES ? strcmp(table->database, "public") == 0
                                                 : reader->database_count < 2;
    char *name = shown_part(reader, table->name);

    if (!plain && table->database[0] != '\0')
        name = with_database(reader, table->database, name);
    if (reader->is_cluster && table->connected != NULL)
        name = with_database(reader, table->connected, name);
    return name;
}

static int fill_foreign(const struct dump_reader *reader, const struct dump_table *table,
                        const struct dump_foreign_key *from, struct foreign_key *to)
{
    int error = copy_key(table, &from->key, &to->count, &to->columns);

    if (error != 0)
        return error;

    struct dump_table target = {
        .connected = table->connected,
        .database = from->target_database != NULL ? from->target_database : table->database,
        .name = from->target_table,
    };
    cleanup_free char *shown = dump_shown_name(reader, &target);

    to->target_table = shown != NULL ? utf8_valid_copy(shown) : NULL;
    if (to->target_table == NULL)
        return -ENOMEM;
    if (from->target_count != from->key.count)
        return 0;
    to->target_columns = allocate_array(from->target_count, sizeof(char *));
    for (size_t i = 0; to->target_columns != NULL && i < from->target_count; i++) {
        to->target_columns[i] = utf8_valid_copy(from->target_columns[i]);
        if (to->target_columns[i] == NULL)
            return -ENOMEM;
    }
    return to->target_columns != NULL ? 0 : -ENOMEM;
}

static int fill_keys(const struct dump_reader *reader, const struct dump_table *table,
                     struct schema *schema)
{
    struct dump_key order = order_of(table);
    int error = copy_key(table, &table->primary, &schema->primary_key_count, &schema->primary_key);

    if (error == 0)
        error = copy_key(table, &order, &schema->order_key_count, &schema->order_key);
    if (error != 0 || table->foreign_count == 0)
        return error;
    schema->foreign_keys = allocate_array(table->foreign_count, sizeof *schema->foreign_keys);
    if (schema->foreign_keys == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < table->foreign_count && error == 0; i++) {
        if (!key_is_shown(table, &table->foreigns[i].key))
            continue;
        error = fill_foreign(reader, table, &table->foreigns[i],
                             &schema->foreign_keys[schema->foreign_key_count++]);
    }
    return error;
}

static int make_schema(const struct dump_reader *reader, const struct dump_table *table,
                       struct schema **ret_schema)
{
    cleanup_free char *name = dump_shown_name(reader, table);
    struct schema *schema = name != NULL ? schema_create(name, table->shown_count) : NULL;

    if (schema == NULL)
        return -ENOMEM;
    cleanup_free char *ddl = dump_ddl_of(table);

    schema->kind = table->kind;
    schema->is_statement = table->kind != RELATION_TABLE;
    schema->ddl = ddl != NULL ? utf8_valid_copy(ddl) : NULL;

    int error = schema->ddl != NULL ? fill_columns(table, schema) : -ENOMEM;

    if (error == 0)
        error = fill_keys(reader, table, schema);
    if (error != 0) {
        schema_release(schema);
        return error;
    }
    *ret_schema = schema;
    return 0;
}

/* Columns that the dump has values for. */
static int choose_columns(struct dump_table *table)
{
    if (table->shown != NULL)
        return 0;
    table->shown = allocate_array(table->column_count, sizeof *table->shown);
    if (table->shown == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < table->column_count; i++)
        table->shown[i] = table->columns[i].left_out ? SIZE_MAX : table->shown_count++;
    return 0;
}

/* As a server sorts that has no key to go by: all columns, text by its bytes. */
static void order_by_all(const struct dump_table *table, struct key_term *terms)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct dump_type *type = &table->columns[i].type;

        if (!table->columns[i].left_out)
            terms[table->shown[i]] = (struct key_term){
                .column = table->shown[i],
                .order = type->type == COLUMN_TEXT ? KEY_BYTES : type->order,
            };
    }
}

static void set_order(struct key_term *term, const struct dump_type *type)
{
    term->order = type->order;
    memcpy(term->wraps, type->wraps, sizeof term->wraps);
    term->labels = type->labels;
}

/* The same, of the partitions of PostgreSQL's: text by its collation, what has no order by its
 * bytes. */
static void order_partitions(const struct dump_table *table, struct key_term *terms)
{
    for (size_t i = 0; i < table->column_count; i++) {
        const struct dump_column *column = &table->columns[i];

        if (column->left_out)
            continue;

        struct key_term *term = &terms[table->shown[i]];

        *term = (struct key_term){.column = table->shown[i], .order = KEY_BYTES};
        if (column->type.sortable)
            set_order(term, &column->type);
    }
}

/* What the rows are sorted by. TERMS has room for all columns. */
static size_t make_terms(const struct dump_reader *reader, const struct dump_table *table,
                         struct key_term *terms)
{
    struct dump_key order = order_of(table);

    if (order.count == 0 && reader->dialect == SQL_MYSQL && !table->named_by_rows) {
        order_by_all(table, terms);
        return table->shown_count;
    }
    if (order.count == 0 && table->part_count != 0) {
        order_partitions(table, terms);
        return table->shown_count;
    }
    for (size_t i = 0; i < order.count; i++) {
        terms[i] = table->order_known ? table->terms[i] : (struct key_term){0};
        terms[i].column = table->shown[order.columns[i]];
        if (!table->order_known)
            set_order(&terms[i], &table->columns[order.columns[i]].type);
    }
    return order.count;
}

bool dump_is_sortable(const struct dump_table *table)
{
    struct dump_key order = order_of(table);
    bool known = order.count != 0;

    for (size_t i = 0; i < order.count && !table->order_known; i++)
        known = known && table->columns[order.columns[i]].type.order != KEY_UNKNOWN;
    return known;
}

/* What rows of one key are, once it is known. */
static void tell_same_key(const struct dump_table *table, struct stream_table *told)
{
    size_t keys = (table->primary.count != 0) + table->unique_count;

    told->has_more_keys = keys > 1;
    if (order_of(table).count == 0 || told->term_count == 0)
        return;
    told->same_key = table->same_key != SAME_KEY_ROWS ? table->same_key : SAME_KEY_ERROR;
}

int dump_table_tell(struct dump_reader *reader, struct dump_table *table, struct failure *failure)
{
    const struct row_taker_class *class = reader->taker->class;
    cleanup_free struct key_term *terms = allocate_array(table->column_count, sizeof *terms);
    struct stream_table told = {.terms = terms, .nulls_last = reader->dialect == SQL_POSTGRES};
    int error = terms != NULL ? choose_columns(table) : -ENOMEM;

    if (error == 0)
        error = make_schema(reader, table, &told.schema);
    if (error != 0)
        return error;
    told.term_count = make_terms(reader, table, terms);
    tell_same_key(table, &told);
    if (table->begun)
        error = class->change_table(reader->taker, table->number, &told, failure);
    else
        error = class->begin_table(reader->taker, &told, &table->number, failure);
    schema_release(told.schema);
    if (error == 0) {
        table->begun = true;
        table->changed = false;
    }
    return error;
}
