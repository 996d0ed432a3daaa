/* SPDX-License-Identifier: MIT */
/* The SQL of a load into MySQL or MariaDB. */
#include <string.h>

#include "backends/target/mysql_load.h"
#include "backends/target/stage_part.h"

static int add_column(const struct server_load *load, size_t column, struct buffer *sql)
{
    return mysql_add_name(sql, load->work.plan.table->columns[column].name);
}

static int add_same(const struct server_load *load, size_t column, const char *as,
                    struct buffer *sql)
{
    int error = buffer_print(sql, "%st.", as);

    if (error == 0)
        error = add_column(load, column, sql);
    if (error == 0)
        error = buffer_print(sql, " <=> %ss.", as);
    return error == 0 ? add_column(load, column, sql) : error;
}

static int add_same_key(const struct server_load *load, size_t column, struct buffer *sql)
{
    return add_same(load, column, "", sql);
}

static int add_same_value(const struct server_load *base, size_t column, struct buffer *sql)
{
    const struct mysql_load *load = (const struct mysql_load *)base;

    return add_same(base, column, load->place->table->columns[column].is_text ? "BINARY " : "",
                    sql);
}

static int add_unique_query(const struct server_load *base, struct buffer *sql)
{
    const char *name = ((const struct mysql_load *)base)->place->table->schema->name;
    int error = buffer_append_text(
        sql, "SELECT CONCAT(SEQ_IN_INDEX, ' ', COLUMN_NAME) FROM information_schema.STATISTICS "
             "WHERE NON_UNIQUE = 0 AND COLUMN_NAME IS NOT NULL AND TABLE_SCHEMA = DATABASE() AND "
             "TABLE_NAME = ");

    if (error == 0)
        error = mysql_add_literal(sql, name, strlen(name), false);
    return error == 0 ? buffer_append_text(sql, " ORDER BY INDEX_NAME, SEQ_IN_INDEX") : error;
}

static int add_new_text(const char *column, const char *salt, uint64_t most_chars,
                        struct buffer *sql)
{
    if (most_chars == 0)
        return buffer_print(sql, "CONCAT(LEFT(SHA2(CONCAT('%s', %s), 256), 16), %s)", salt, column,
                            column);
    return buffer_print(sql,
                        "LEFT(CONCAT(LEFT(SHA2(CONCAT('%s', %s), 256), IF(CHAR_LENGTH(%s) + 16 <= "
                        "%llu, 16, 64)), %s), %llu)",
                        salt, column, column, (unsigned long long)most_chars, column,
                        (unsigned long long)most_chars);
}

/*
 * So that rows are found, and found missing, as they are now and stay until the transaction ends:
 * INSERT, UPDATE and DELETE go by that, too, and not by the moment that it began.
 */
#define FOR_GOOD " FOR UPDATE"

const struct server_dialect mysql_dialect = {
    .count_met = "SELECT COUNT(*) FROM %s s JOIN %t t ON %k" FOR_GOOD,
    .show_met = "SELECT CONCAT_WS(', ', %i) FROM %s s JOIN %t t ON %k%l" FOR_GOOD,
    .forget_met = "DELETE s FROM %s s JOIN %t t ON %k",
    .update_met = "UPDATE %t t JOIN %s s ON %k%p SET %u",
    .insert_all = "INSERT INTO %t (%c) SELECT %v FROM %s s%p",
    .insert_rest = "INSERT INTO %t (%c) SELECT %v FROM %s s%p "
                   "WHERE NOT EXISTS (SELECT 1 FROM %t t WHERE %k)",
    .delete_others = "DELETE t FROM %t t LEFT JOIN %s s ON %k WHERE s.%1 IS NULL",
    .count_same = "SELECT COUNT(*) FROM %s s JOIN %t t ON %k%e" FOR_GOOD,
    .give_up = "UPDATE %t t JOIN %s s ON %k%w SET %g WHERE NOT (%d)",
    .assigned = "t.",
    .add_column = add_column,
    .add_same_key = add_same_key,
    .add_same_value = add_same_value,
    .add_unique_query = add_unique_query,
    .new_uuid = "UUID()",
    .add_new_text = add_new_text,
    .show_part = "SELECT CONCAT_WS(', ', %i) FROM %s s%p",
    .forget_part = "DELETE s FROM %s s%p",
    .number_stage = mysql_number_stage,
    .add_part = mysql_add_part,
};
