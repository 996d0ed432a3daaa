/* SPDX-License-Identifier: MIT */
/*
 * The text of queries. Values stand in them as hexadecimal literals or as numbers that
 * the server itself has printed; names are quoted.
 *
 * A key of several columns is compared as (a, b) > (x, y) is meant, but written out with
 * a >= x in front: the servers' optimizers find a range of an index in that form only.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

/* A character of another set is a byte at least, and four bytes in UTF-8 at most. */
#define LARGEST_GROWTH 4

/* The first error stays, and makes everything after it do nothing. */
struct writer {
    struct buffer *text;
    int error;
};

static void put(struct writer *writer, const char *text)
{
    if (writer->error == 0)
        writer->error = buffer_append_text(writer->text, text);
}

static void put_name(struct writer *writer, const char *name)
{
    if (writer->error == 0)
        writer->error = mysql_add_name(writer->text, name);
}

static void put_number(struct writer *writer, const char *before, uint64_t number)
{
    if (writer->error == 0)
        writer->error = buffer_print(writer->text, "%s%llu", before, (unsigned long long)number);
}

static const char *key_name(const struct mysql_table *table, size_t index)
{
    return table->schema->columns[table->schema->order_key[index]].name;
}

static bool is_cut(const struct mysql_table *table, size_t column, bool by_pieces)
{
    return by_pieces && table->columns[column].is_long;
}

/* OCTET_LENGTH(column) > the most that is certain to fit. */
static void put_is_large(struct writer *writer, const struct mysql_table *table, size_t column)
{
    uint64_t most = CELL_INLINE_BYTES;

    if (table->columns[column].converted)
        most /= LARGEST_GROWTH;
    put(writer, "OCTET_LENGTH(");
    put_name(writer, table->schema->columns[column].name);
    put_number(writer, ") > ", most);
}

static void put_columns(struct writer *writer, const struct mysql_table *table, bool by_pieces)
{
    const struct schema *schema = table->schema;

    for (size_t i = 0; i < schema->column_count; i++) {
        bool cut = is_cut(table, i, by_pieces);

        put(writer, i == 0 ? "" : ", ");
        if (cut) {
            put(writer, "IF(");
            put_is_large(writer, table, i);
            put(writer, ", NULL, ");
        }
        put_name(writer, schema->columns[i].name);
        if (table->columns[i].recast)
            put(writer, " * 1e0");
        if (cut)
            put(writer, ")");
    }
    for (size_t i = 0; i < schema->column_count; i++) {
        if (!is_cut(table, i, by_pieces))
            continue;
        put(writer, ", IF(");
        put_is_large(writer, table, i);
        put(writer, table->columns[i].is_text ? ", OCTET_LENGTH(CONVERT(" : ", OCTET_LENGTH(");
        put_name(writer, schema->columns[i].name);
        put(writer, table->columns[i].is_text ? " USING utf8mb4)), NULL)" : "), NULL)");
    }
}

/* The key's columns from FIRST on are greater than the literals from LITERAL on. */
static void put_behind(struct writer *writer, const struct mysql_table *table, size_t first,
                       const char *literal)
{
    bool is_final = first + 1 == table->schema->order_key_count;

    put_name(writer, key_name(table, first));
    put(writer, is_final ? " > " : " >= ");
    put(writer, literal);
    if (is_final)
        return;
    put(writer, " AND (");
    put_name(writer, key_name(table, first));
    put(writer, " > ");
    put(writer, literal);
    put(writer, " OR (");
    put_behind(writer, table, first + 1, literal + strlen(literal) + 1);
    put(writer, "))");
}

static void put_order(struct writer *writer, const struct mysql_table *table)
{
    const struct schema *schema = table->schema;

    put(writer, " ORDER BY ");
    for (size_t i = 0; i < schema->order_key_count; i++) {
        put(writer, i == 0 ? "" : ", ");
        put_name(writer, key_name(table, i));
    }
    /* Without a key: bytes, for what a collation takes for equal has no order. */
    for (size_t i = 0; i < schema->column_count && schema->order_key_count == 0; i++) {
        put(writer, i == 0 ? "" : ", ");
        put(writer, table->columns[i].is_text ? "BINARY " : "");
        put_name(writer, schema->columns[i].name);
    }
    /* What differs only behind what is compared. */
    for (size_t i = 0; i < schema->column_count && schema->order_key_count == 0; i++) {
        if (!table->columns[i].outgrows)
            continue;
        put(writer, ", MD5(");
        put_name(writer, schema->columns[i].name);
        put(writer, ")");
    }
}

int mysql_write_query(const struct mysql_table *table, bool by_pieces,
                      const struct mysql_part *part, struct buffer *text)
{
    struct writer writer = {.text = text};
    const char *joint = " WHERE ";

    put(&writer, "SELECT ");
    put_columns(&writer, table, by_pieces);
    put(&writer, " FROM ");
    put_name(&writer, table->schema->name);
    if (part->last != NULL) {
        put(&writer, joint);
        put_behind(&writer, table, 0, (const char *)part->last->data);
        joint = " AND ";
    } else if (part->from != NULL) {
        put(&writer, joint);
        put_name(&writer, key_name(table, 0));
        put(&writer, " >= ");
        put(&writer, part->from);
        joint = " AND ";
    }
    if (part->below != NULL) {
        put(&writer, joint);
        put_name(&writer, key_name(table, 0));
        put(&writer, " < ");
        put(&writer, part->below);
    }
    if (!part->unordered)
        put_order(&writer, table);
    if (part->limit != 0)
        put_number(&writer, " LIMIT ", part->limit);
    if (part->limit != 0 && part->offset != 0)
        put_number(&writer, " OFFSET ", part->offset);
    return writer.error;
}

int mysql_write_key_is(const struct mysql_table *table, const struct buffer *key,
                       struct buffer *text)
{
    struct writer writer = {.text = text};
    const char *literal = (const char *)key->data;

    for (size_t i = 0; i < table->schema->order_key_count; i++) {
        put(&writer, i == 0 ? " WHERE " : " AND ");
        put_name(&writer, key_name(table, i));
        put(&writer, " = ");
        put(&writer, literal);
        literal += strlen(literal) + 1;
    }
    return writer.error;
}

int mysql_key_copy(const struct mysql_table *table, const char *const *values,
                   const unsigned long *lengths, struct buffer *ret_key)
{
    int error = 0;

    buffer_clear(ret_key);
    for (size_t i = 0; i < table->schema->order_key_count && error == 0; i++) {
        size_t column = table->schema->order_key[i];
        enum mysql_keying keying = table->columns[column].keying;

        if (values[column] == NULL)
            return -ESTALE;
        if (keying == KEY_TEXT || keying == KEY_BYTES)
            error =
                mysql_add_literal(ret_key, values[column], lengths[column], keying == KEY_BYTES);
        else
            error = buffer_append(ret_key, values[column], lengths[column]);
        if (error == 0)
            error = buffer_append(ret_key, "", 1);
    }
    return error;
}
