/* SPDX-License-Identifier: MIT */
/*
 * A snapshot protects rows, not tables. Who reads a table in an old snapshot after
 * it was truncated or rewritten finds it empty, or after it was dropped and made
 * anew, another one; and partitions may come and go. So before rows are read,
 *
 *   1. a query without rows locks the table, its partitions, and what a view is made of
 *      (ACCESS SHARE, which keeps out only what would change their shape), until
 *      postgres_table_leave; and it says what the columns are now;
 *   2. with that lock held, each locked relation's file is compared with the one that the moment
 *      knows, and partitions are counted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "backends/source/sql_text.h"

static int stale(const struct link *link, const struct table *table, struct failure *failure)
{
    return failure_set(
        failure, ESTALE,
        "%s: table \"%.200s\" was altered, rewritten or emptied since the folder was "
        "read",
        link->place, table->schema->name);
}

static bool columns_are_known(const struct table *table, const PGresult *result)
{
    for (size_t i = 0; i < table->schema->column_count; i++) {
        const struct table_column *column = &table->columns[i];
        int place = (int)i;

        if (PQftable(result, place) != table->oid || PQftablecol(result, place) != column->number ||
            PQftype(result, place) != column->type ||
            (!column->domain && PQfmod(result, place) != column->modifier))
            return false;
    }
    return (size_t)PQnfields(result) == table->schema->column_count;
}

static int write_lock(const struct table *table, struct buffer *sql)
{
    int error = buffer_append_text(sql, "SAVEPOINT crmfs; SELECT ");

    for (size_t i = 0; i < table->schema->column_count && error == 0; i++) {
        cleanup_free char *name = sql_name(table->columns[i].raw_name);

        error = name == NULL ? -ENOMEM : buffer_print(sql, "%s%s", i > 0 ? ", " : "", name);
    }
    if (error == 0)
        error = buffer_print(sql, " FROM %s LIMIT 0", table->from);
    return error == 0 ? buffer_append(sql, "", 1) : error;
}

static int lock_table(struct link *link, const struct table *table, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;

    if (write_lock(table, &sql) != 0)
        return postgres_no_memory(failure, link);

    link->guards = true;

    int error = postgres_link_run(link, (const char *)sql.data, &result, failure);

    if (error != 0)
        return error;
    return columns_are_known(table, result) ? 0 : stale(link, table, failure);
}

/*
 * pg_class is read by the moment's snapshot; pg_relation_filenode looks at what holds now. A value
 * that does not fit a page is kept in the TOAST table, and one that does cannot unfold to much.
 */
static const char check_query[] =
    "WITH RECURSIVE partitions (oid) AS ("
    " SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent OPERATOR(pg_catalog.=) %u"
    " UNION ALL SELECT i.inhrelid FROM partitions p"
    " JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) p.oid),"
    " locked AS MATERIALIZED (SELECT DISTINCT l.relation AS oid FROM pg_catalog.pg_locks l"
    " WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()"
    " AND l.locktype OPERATOR(pg_catalog.=) 'relation'"
    " AND l.relation OPERATOR(pg_catalog.>=) 16384)"
    "SELECT count(*) FILTER (WHERE c.oid IS NULL OR (c.relkind IN ('r', 'm')"
    " AND pg_catalog.pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode)),"
    " (SELECT count(*) FROM partitions),"
    " count(*) FILTER (WHERE c.relkind IN ('r', 'p', 'f')"
    " AND c.oid IN (SELECT oid FROM partitions)),"
    " coalesce(max(pg_catalog.pg_relation_size(c.reltoastrelid))"
    " FILTER (WHERE c.reltoastrelid OPERATOR(pg_catalog.<>) 0 AND c.relkind IN ('r', 'm')), 0)"
    " FROM locked l LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.oid";

/* The same of a table without partitions, or a materialised view: no other file is read. */
static const char plain_check_query[] =
    "SELECT count(*) FILTER (WHERE"
    " pg_catalog.pg_relation_filenode(c.oid) IS NOT DISTINCT FROM c.relfilenode)"
    " OPERATOR(pg_catalog.-) 1, 0, 0, coalesce(max(CASE WHEN c.reltoastrelid"
    " OPERATOR(pg_catalog.<>) 0 THEN pg_catalog.pg_relation_size(c.reltoastrelid) END), 0)"
    " FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) %u";

static bool is_plain(const struct table *table)
{
    return table->kind == 'r' || table->kind == 'm';
}

static int write_check(const struct table *table, struct buffer *sql)
{
    int error = is_plain(table)
                    ? buffer_print(sql, plain_check_query, table->oid)
                    : buffer_print(sql, check_query, table->kind == 'p' ? table->oid : 0);

    return error == 0 ? buffer_append(sql, "", 1) : error;
}

static int guard_table(struct link *link, const struct table *table, bool *ret_large,
                       struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;
    int error = lock_table(link, table, failure);

    if (error != 0)
        return error;
    if (write_check(table, &sql) != 0)
        return postgres_no_memory(failure, link);
    error = postgres_link_run(link, (const char *)sql.data, &result, failure);
    if (error != 0)
        return error;
    if (strcmp(PQgetvalue(result, 0, 0), "0") != 0 ||
        strcmp(PQgetvalue(result, 0, 1), PQgetvalue(result, 0, 2)) != 0)
        return stale(link, table, failure);
    *ret_large = strchr("rpm", table->kind) != NULL && strcmp(PQgetvalue(result, 0, 3), "0") != 0;
    return 0;
}

void postgres_table_leave(struct link *link)
{
    if (!link->guards)
        return;
    link->guards = false;
    /* An error that was before the savepoint was made leaves nothing to go back to. */
    if (!postgres_link_is_lost(link) && PQtransactionStatus(link->connection) != PQTRANS_ACTIVE)
        postgres_link_do(link, "ROLLBACK TO SAVEPOINT crmfs; RELEASE SAVEPOINT crmfs", NULL);
}

int postgres_foreign_failure(const struct link *link, const struct table *table, int error,
                             struct failure *failure)
{
    if (error != -EIO || table->kind != 'f' || postgres_link_is_lost(link))
        return error;
    if (failure != NULL)
        failure->code = EREMOTEIO;
    return -EREMOTEIO;
}

int postgres_dataset_take_guarded(struct postgres_dataset *dataset, const struct table *table,
                                  struct link **ret_link, bool *ret_large, struct failure *failure)
{
    for (int i = 0;; i++) {
        struct link *link;
        int error = postgres_dataset_take(dataset, &link, failure);

        if (error != 0)
            return error;
        error = guard_table(link, table, ret_large, failure);
        if (error == 0) {
            *ret_link = link;
            return 0;
        }

        error = postgres_foreign_failure(link, table, error, failure);

        bool lost = error == -EIO && postgres_link_is_lost(link);

        postgres_dataset_give_back(dataset, link);
        if (!lost || i == POSTGRES_LINKS_MOST)
            return error;
    }
}
