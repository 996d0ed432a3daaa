/* SPDX-License-Identifier: MIT */
#include "backends/target/stage_part.h"

#include <string.h>

#define STATEMENT_LIMIT ((size_t)16 << 20)
#define OFFSETS 2048 /* of rows in a block: more than one of 32 KiB has */

static int run(struct server_load *load, struct buffer *sql, int error, uint64_t *ret_number,
               struct failure *failure)
{
    if (error == 0)
        return load->class->run(load, sql, ret_number, failure);
    buffer_release(sql);
    return server_load_fail(load, error, failure);
}

/* ---- MySQL ----------------------------------------------------------------------------------- */

/* "`stage_rows`" */
static int add_numbers_name(const struct server_load *load, struct buffer *sql)
{
    const char *stage = load->stage_sql;

    return buffer_print(sql, "%.*s_rows`", (int)strlen(stage) - 1, stage);
}

int mysql_number_stage(struct server_load *load, uint64_t *ret_end, struct failure *failure)
{
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    uint64_t count = 0;
    int error = buffer_append_text(&sql, "DROP TEMPORARY TABLE IF EXISTS ");

    if (error == 0)
        error = add_numbers_name(load, &sql);
    error = run(load, &sql, error, &count, failure);
    if (error != 0)
        return error;

    error = buffer_append_text(&sql, "CREATE TEMPORARY TABLE ");
    if (error == 0)
        error = add_numbers_name(load, &sql);
    if (error == 0)
        error = buffer_append_text(
            &sql, " (crmfs_row BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY) SELECT ");
    for (size_t k = 0; k < load->work.plan.key_count && error == 0; k++) {
        error = buffer_append_text(&sql, k == 0 ? "s." : ", s.");
        if (error == 0)
            error = load->class->dialect->add_column(load, load->work.plan.key[k], &sql);
        if (error == 0)
            error = buffer_print(&sql, " AS crmfs_key%zu", k);
    }
    if (error == 0)
        error = server_load_write(load, " FROM %s s", &sql);
    error = run(load, &sql, error, &count, failure);
    if (error != 0)
        return error;

    error = buffer_append_text(&sql, "SELECT MAX(crmfs_row) FROM ");
    if (error == 0)
        error = add_numbers_name(load, &sql);
    error = run(load, &sql, error, &count, failure);
    *ret_end = count + 1;
    return error;
}

int mysql_add_part(const struct server_load *load, struct buffer *sql)
{
    int error = buffer_append_text(sql, " JOIN ");

    if (error == 0)
        error = add_numbers_name(load, sql);
    if (error == 0)
        error = buffer_print(sql, " n ON n.crmfs_row >= %llu AND n.crmfs_row < %llu",
                             (unsigned long long)load->part->first,
                             (unsigned long long)load->part->end);
    for (size_t k = 0; k < load->work.plan.key_count && error == 0; k++) {
        error = buffer_print(sql, " AND n.crmfs_key%zu <=> s.", k);
        if (error == 0)
            error = load->class->dialect->add_column(load, load->work.plan.key[k], sql);
    }
    return error;
}

/* ---- PostgreSQL ------------------------------------------------------------------------------ */

int postgres_number_stage(struct server_load *load, uint64_t *ret_end, struct failure *failure)
{
    struct buffer sql = BUFFER(STATEMENT_LIMIT);
    int error = buffer_print(&sql,
                             "SELECT (pg_catalog.pg_relation_size('%s') / "
                             "pg_catalog.current_setting('block_size')::bigint + 1) * %d",
                             load->stage_sql, OFFSETS);

    return run(load, &sql, error, ret_end, failure);
}

int postgres_add_part(const struct server_load *load, struct buffer *sql)
{
    const struct stage_part *part = load->part;

    return buffer_print(
        sql, " AND s.ctid >= '(%llu,%llu)' AND s.ctid < '(%llu,%llu)'",
        (unsigned long long)(part->first / OFFSETS), (unsigned long long)(part->first % OFFSETS),
        (unsigned long long)(part->end / OFFSETS), (unsigned long long)(part->end % OFFSETS));
}
