/* SPDX-License-Identifier: MIT */
/*
 * Splits a table into ranges with about the same number of rows: the keys of a
 * sample of its pages say where; tables without a key, by their pages. What begins a range is
 * SQL, kept in the dataset; a plan's starts are its numbers there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "backends/source/sql_text.h"

#define SMALLEST_TABLE 1024 /* pages of 8 KiB; below, splitting costs more than it saves */
#define SAMPLE_PAGES 300.0

/* Pages of a table and its partitions. */
static const char size_query[] =
    "WITH RECURSIVE parts (oid) AS (SELECT %u::pg_catalog.oid UNION ALL"
    " SELECT i.inhrelid FROM parts p"
    " JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) p.oid)"
    "SELECT (sum(pg_catalog.pg_relation_size(c.oid)) OPERATOR(pg_catalog./)"
    " pg_catalog.current_setting('block_size')::pg_catalog.int8)::pg_catalog.int8 FROM parts p"
    " JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) p.oid"
    " WHERE c.relkind IN ('r', 'm')";

/* The same of a table without partitions, which most are; there may be thousands of them. */
static const char plain_size_query[] =
    "SELECT pg_catalog.pg_relation_size(%u) OPERATOR(pg_catalog./)"
    " pg_catalog.current_setting('block_size')::pg_catalog.int8";

static int run(struct link *link, const struct buffer *sql, PGresult **ret_result,
               struct failure *failure)
{
    return postgres_link_run(link, (const char *)sql->data, ret_result, failure);
}

static int count_pages(struct link *link, const struct table *table, uint64_t *ret_pages,
                       struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;

    int error = table->kind == 'p' ? buffer_print(&sql, size_query, table->oid)
                                   : buffer_print(&sql, plain_size_query, table->oid);

    if (error != 0 || buffer_append(&sql, "", 1) != 0)
        return postgres_no_memory(failure, link);
    error = run(link, &sql, &result, failure);

    if (error == 0)
        *ret_pages = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
    return error;
}

/* --- what begins ranges ------------------------------------------------------------------- */

/* Takes START over, also on failure. */
static int keep_start(struct postgres_dataset *dataset, char *start, struct range_plan *plan,
                      struct failure *failure)
{
    int error = start != NULL ? 0 : -ENOMEM;

    pthread_mutex_lock(&dataset->lock);

    char **starts =
        error == 0 ? realloc((void *)dataset->starts, (dataset->start_count + 1) * sizeof *starts)
                   : NULL;

    if (starts != NULL) {
        dataset->starts = starts;
        plan->starts[plan->count++] = (int64_t)dataset->start_count;
        starts[dataset->start_count++] = start;
    }
    pthread_mutex_unlock(&dataset->lock);
    if (starts != NULL)
        return 0;
    free(start);
    return postgres_no_memory(failure, &dataset->keeper);
}

/* The first COUNT fields of a row as a list of literals. */
static char *literals(const PGresult *result, int row, size_t count)
{
    cleanup_buffer struct buffer list = BUFFER(POSTGRES_SQL_LIMIT);

    for (size_t i = 0; i < count; i++) {
        cleanup_free char *literal = sql_literal(PQgetvalue(result, row, (int)i));

        if (literal == NULL || buffer_print(&list, "%s%s", i > 0 ? ", " : "", literal) != 0)
            return NULL;
    }
    return strndup((const char *)list.data, list.size);
}

static int write_sample(const struct table *table, double percent, size_t wanted,
                        struct buffer *sql)
{
    int error = buffer_print(sql, "SELECT %s FROM (SELECT %s,", table->key_terms, table->key_terms);

    if (error == 0)
        error = buffer_print(sql,
                             " pg_catalog.row_number() OVER (ORDER BY %s) AS \"crmfs row\","
                             " pg_catalog.count(*) OVER () AS \"crmfs rows\""
                             " FROM %s TABLESAMPLE SYSTEM (%f) REPEATABLE (1)) s",
                             table->key_terms, table->from, percent);
    /* Where each WANTED-th of the rows is full. All such operators bind alike. */
    if (error == 0)
        error = buffer_print(
            sql,
            " WHERE ((\"crmfs row\" OPERATOR(pg_catalog.*) %zu) OPERATOR(pg_catalog./)"
            " \"crmfs rows\") OPERATOR(pg_catalog.>) (((\"crmfs row\" OPERATOR(pg_catalog.-) 1)"
            " OPERATOR(pg_catalog.*) %zu) OPERATOR(pg_catalog./) \"crmfs rows\")"
            " AND \"crmfs row\" OPERATOR(pg_catalog.<) \"crmfs rows\" ORDER BY %s",
            wanted, wanted, table->key_terms);
    return error == 0 ? buffer_append(sql, "", 1) : error;
}

static int plan_by_key(struct postgres_dataset *dataset, struct link *link,
                       const struct table *table, uint64_t pages, size_t wanted,
                       struct range_plan *plan, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;
    double percent = 100 * SAMPLE_PAGES / (double)pages;

    if (write_sample(table, percent < 100 ? percent : 100, wanted, &sql) != 0)
        return postgres_no_memory(failure, link);

    int error = run(link, &sql, &result, failure);
    size_t columns = table->schema->order_key_count;

    for (int i = 0; error == 0 && i < PQntuples(result) && plan->count < wanted; i++)
        error = keep_start(dataset, literals(result, i, columns), plan, failure);
    return error;
}

static int plan_by_place(struct postgres_dataset *dataset, uint64_t pages, size_t wanted,
                         struct range_plan *plan, struct failure *failure)
{
    int error = 0;

    for (size_t i = 1; i < wanted && error == 0; i++) {
        cleanup_buffer struct buffer start = BUFFER(POSTGRES_SQL_LIMIT);

        if (buffer_print(&start, "'(%llu,0)'", (unsigned long long)(pages * i / wanted)) != 0)
            return postgres_no_memory(failure, &dataset->keeper);
        error = keep_start(dataset, strndup((const char *)start.data, start.size), plan, failure);
    }
    return error;
}

static int split(struct postgres_dataset *dataset, const struct table *table, uint64_t pages,
                 size_t wanted, struct range_plan *plan, struct failure *failure)
{
    struct link *link;
    bool large;
    int error;

    if (table->order != ORDER_KEY)
        return plan_by_place(dataset, pages, wanted, plan, failure);
    error = postgres_dataset_take_guarded(dataset, table, &link, &large, failure);
    if (error != 0)
        return error;
    error = plan_by_key(dataset, link, table, pages, wanted, plan, failure);
    postgres_dataset_give_back(dataset, link);
    return error;
}

/* Whatever is wrong with a small table, or with the connection, who opens its cursor hears of. */
static int plan_table(struct postgres_dataset *dataset, const struct table *table, size_t wanted,
                      struct range_plan *plan, struct failure *failure)
{
    struct link *link;
    uint64_t pages = 0;
    int error = postgres_dataset_take(dataset, &link, failure);

    if (error != 0)
        return postgres_dataset_failure(dataset, table, error, failure);
    error = count_pages(link, table, &pages, failure);

    bool lost = error == -EIO && postgres_link_is_lost(link);

    postgres_dataset_give_back(dataset, link);
    if (error == 0 && pages >= SMALLEST_TABLE)
        error = split(dataset, table, pages, wanted, plan, failure);
    return lost ? 0 : postgres_dataset_failure(dataset, table, error, failure);
}

static bool can_split(const struct postgres_dataset *dataset, const struct table *table)
{
    if (table->order == ORDER_KEY)
        return table->key_terms != NULL && strchr("rpm", table->kind) != NULL;
    return table->order == ORDER_PLACE && dataset->keeper.version >= POSTGRES_TID_RANGES;
}

int postgres_plan(struct dataset *base, size_t index, size_t wanted, struct range_plan *ret_plan,
                  struct failure *failure)
{
    struct postgres_dataset *dataset = (struct postgres_dataset *)base;
    const struct table *table = &dataset->catalogue->tables[index];
    struct range_plan plan = {.count = 1, .starts = allocate_array(wanted, sizeof *plan.starts)};
    int error = 0;

    if (plan.starts == NULL)
        return postgres_no_memory(failure, &dataset->keeper);
    plan.starts[0] = INT64_MIN;
    if (wanted > 1 && can_split(dataset, table))
        error = plan_table(dataset, table, wanted, &plan, failure);
    if (error != 0) {
        free(plan.starts);
        return error;
    }
    *ret_plan = plan;
    return 0;
}
