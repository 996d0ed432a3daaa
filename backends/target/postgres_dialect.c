/* SPDX-License-Identifier: MIT */
/* The SQL of a load into PostgreSQL. */
#include "backends/target/postgres_load.h"
#include "backends/target/stage_part.h"

static int add_column(const struct server_load *base, size_t column, struct buffer *sql)
{
    return postgres_add_column(sql, postgres_load_table((const struct postgres_load *)base),
                               column);
}

/* "t.x", then AS and IS, "s.x", then AS. */
static int add_same(const struct server_load *load, size_t column, const char *as, const char *is,
                    struct buffer *sql)
{
    int error = buffer_append_text(sql, "t.");

    if (error == 0)
        error = add_column(load, column, sql);
    if (error == 0)
        error = buffer_print(sql, "%s%ss.", as, is);
    if (error == 0)
        error = add_column(load, column, sql);
    return error == 0 ? buffer_append_text(sql, as) : error;
}

/* What may be NULL is compared so that NULLs are the same; no index serves that. */
static int add_same_key(const struct server_load *load, size_t column, struct buffer *sql)
{
    bool not_null = load->work.plan.table->columns[column].not_null;

    return add_same(load, column, "", not_null ? " = " : " IS NOT DISTINCT FROM ", sql);
}

static int add_same_value(const struct server_load *load, size_t column, struct buffer *sql)
{
    return add_same(load, column, "::text", " IS NOT DISTINCT FROM ", sql);
}

/* Those that an index's expressions and conditions are of, too. */
static int add_unique_query(const struct server_load *base, struct buffer *sql)
{
    return buffer_print(
        sql,
        "SELECT pg_catalog.row_number() OVER (PARTITION BY m.index) || ' ' || a.attname "
        "FROM (SELECT i.indexrelid AS index, pg_catalog.unnest(i.indkey) AS number "
        "FROM pg_catalog.pg_index i WHERE i.indisunique AND i.indrelid = %u "
        "UNION SELECT i.indexrelid, d.refobjsubid FROM pg_catalog.pg_index i "
        "JOIN pg_catalog.pg_depend d ON d.objid = i.indexrelid AND d.refobjid = i.indrelid "
        "AND d.classid = 'pg_catalog.pg_class'::pg_catalog.regclass "
        "AND d.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass "
        "WHERE i.indisunique AND i.indrelid = %u) m "
        "JOIN pg_catalog.pg_attribute a ON a.attrelid = %u AND a.attnum = m.number "
        "WHERE m.number > 0 ORDER BY m.index, pg_catalog.row_number() OVER (PARTITION BY m.index)",
        postgres_load_table((const struct postgres_load *)base)->oid,
        postgres_load_table((const struct postgres_load *)base)->oid,
        postgres_load_table((const struct postgres_load *)base)->oid);
}

static int add_referred_query(const struct server_load *base, struct buffer *sql)
{
    return postgres_add_referred_query(sql,
                                       postgres_load_table((const struct postgres_load *)base));
}

static int add_new_text(const char *column, const char *salt, uint64_t most_chars,
                        struct buffer *sql)
{
    if (most_chars == 0)
        return buffer_print(sql, "pg_catalog.left(pg_catalog.md5('%s' || %s), 16) || %s", salt,
                            column, column);
    return buffer_print(sql,
                        "pg_catalog.left(pg_catalog.left(pg_catalog.md5('%s' || %s), CASE WHEN "
                        "pg_catalog.char_length(%s) + 16 <= %llu THEN 16 ELSE 32 END) || %s, %llu)",
                        salt, column, column, (unsigned long long)most_chars, column,
                        (unsigned long long)most_chars);
}

#define SECOND "EXISTS (SELECT FROM %s t WHERE %k AND t.ctid < s.ctid)"

const struct server_dialect postgres_dialect = {
    .count_met = "SELECT pg_catalog.count(*) FROM %s s JOIN %o t ON %k",
    .show_met = "SELECT pg_catalog.concat_ws(', ', %i) FROM %s s JOIN %o t ON %k%l",
    .forget_met = "DELETE FROM %s s USING %o t WHERE %k",
    .show_second = "SELECT pg_catalog.concat_ws(', ', %i) FROM %s s WHERE " SECOND,
    .forget_second = "DELETE FROM %s s WHERE " SECOND,
    .update_met = "UPDATE %o t SET %u FROM %s s WHERE %k%p",
    .insert_all = "INSERT INTO %t (%c) OVERRIDING SYSTEM VALUE SELECT %v FROM %s s "
                  "WHERE true%p",
    .insert_rest = "INSERT INTO %t (%c) OVERRIDING SYSTEM VALUE SELECT %v FROM %s s "
                   "WHERE NOT EXISTS (SELECT FROM %o t WHERE %k)%p",
    .delete_others = "DELETE FROM %o t WHERE " POSTGRES_DOOMED,
    .count_same = "SELECT pg_catalog.count(*) FROM %s s JOIN %o t ON %k%e",
    .give_up = "UPDATE %o t SET %g FROM %s s%w WHERE %k AND NOT (%d)",
    .assigned = "",
    .add_column = add_column,
    .add_same_key = add_same_key,
    .add_same_value = add_same_value,
    .add_unique_query = add_unique_query,
    .add_referred_query = add_referred_query,
    .new_uuid = "pg_catalog.gen_random_uuid()",
    .add_new_text = add_new_text,
    .show_part = "SELECT pg_catalog.concat_ws(', ', %i) FROM %s s WHERE true%p",
    .forget_part = "DELETE FROM %s s WHERE true%p",
    .number_stage = postgres_number_stage,
    .add_part = postgres_add_part,
};
