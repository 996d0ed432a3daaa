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
 *      knows, and so are partitions, heirs, what views and functions are, the names of
 *      enumerations' values, and policies (postgres_policies.c);
 *   3. partitions and heirs may be attached, functions replaced and values renamed in spite of the
 *      lock: where there may be any, the same is looked at again after the rows were read, when
 *      what functions have read is locked as well.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "backends/source/sql_text.h"
#include "fs/base/clock.h"

#define FIRST_OWN_TYPE 16384 /* the oids of those that PostgreSQL brings are below */

static int stale(const struct link *link, const struct table *table, struct failure *failure)
{
    return failure_set(
        failure, ESTALE,
        "%s: table \"%.200s\" was altered, rewritten or emptied since the folder was "
        "read, or what it is made of was",
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

/* Of all columns first: the catalogue has those that we may read, and a table without the others,
 * which somebody would take for all of it, is not shown. */
static int write_lock(const struct table *table, struct buffer *sql)
{
    int error =
        buffer_print(sql, "SAVEPOINT crmfs; SELECT * FROM %s LIMIT 0; SELECT ", table->from);

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
    link->guards_foreign = table->kind == 'f';
    link->foreign_silent = false;

    int error = postgres_link_run(link, (const char *)sql.data, &result, failure);

    if (error != 0)
        return error;
    return columns_are_known(table, result) ? 0 : stale(link, table, failure);
}

/*
 * What is read of the catalogue is read by the moment's snapshot; pg_relation_filenode,
 * pg_partition_tree and pg_xact_status look at what holds now. A value that does not fit a page is
 * kept in the TOAST table, and one that does cannot unfold to much.
 *
 * ROW was written anew since: the transaction that did it, of which the row has the last 32 bits of
 * the number, has committed. One that was given up leaves its number, too.
 */
#define NEXT_NUMBER                                                                  \
    "pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::pg_catalog.text" \
    "::pg_catalog.int8"
#define WAS_REPLACED(row)                                                         \
    "CASE WHEN " row ".xmax OPERATOR(pg_catalog.<>) '0'::pg_catalog.xid THEN"     \
    " pg_catalog.pg_xact_status((" NEXT_NUMBER " OPERATOR(pg_catalog.+) (" row    \
    ".xmax::pg_catalog.text::pg_catalog.int8 OPERATOR(pg_catalog.-) " NEXT_NUMBER \
    ")::pg_catalog.bit(32)::pg_catalog.int4)::pg_catalog.text::pg_catalog.xid8)"  \
    " OPERATOR(pg_catalog.=) 'committed' ELSE false END"

#define VIEWS_REPLACED                                                                \
    "(SELECT count(*) FROM locked l JOIN pg_catalog.pg_rewrite r"                     \
    " ON r.ev_class OPERATOR(pg_catalog.=) l.oid JOIN pg_catalog.pg_class v"          \
    " ON v.oid OPERATOR(pg_catalog.=) l.oid AND v.relkind OPERATOR(pg_catalog.=) 'v'" \
    " WHERE " WAS_REPLACED("r") ")"

/* Of a table that inherits from another since, or does not any more, the columns' rows were. */
#define HEIRS_CHANGED                                                                   \
    "(SELECT count(*) FROM family f JOIN pg_catalog.pg_attribute a"                     \
    " ON a.attrelid OPERATOR(pg_catalog.=) f.oid AND a.attnum OPERATOR(pg_catalog.>) 0" \
    " WHERE " WAS_REPLACED("a") ")"

/* Any: nobody knows what a function calls. */
#define FUNCTIONS_REPLACED                                                                 \
    "(SELECT count(*) FROM pg_catalog.pg_proc p WHERE p.oid OPERATOR(pg_catalog.>=) 16384" \
    " AND NOT pg_catalog.pg_is_other_temp_schema(p.pronamespace) AND " WAS_REPLACED("p") ")"

/* The relations that are locked, and the partitions of each that has some, then and now. */
static const char check_query[] =
    "WITH RECURSIVE locked AS MATERIALIZED (SELECT DISTINCT l.relation AS oid"
    " FROM pg_catalog.pg_locks l"
    " WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()"
    " AND l.locktype OPERATOR(pg_catalog.=) 'relation'"
    " AND l.relation OPERATOR(pg_catalog.>=) 16384),"
    " known (root, oid) AS (SELECT c.oid, c.oid FROM locked l"
    " JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.oid"
    " WHERE c.relkind OPERATOR(pg_catalog.=) 'p'"
    " UNION ALL SELECT k.root, i.inhrelid FROM known k"
    " JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) k.oid),"
    " family (oid) AS (SELECT l.oid FROM locked l UNION SELECT i.inhrelid FROM family f"
    " JOIN pg_catalog.pg_inherits i ON i.inhparent OPERATOR(pg_catalog.=) f.oid),"
    " present (root, oid) AS (SELECT k.root, t.relid::pg_catalog.oid FROM known k,"
    " LATERAL pg_catalog.pg_partition_tree(k.root) t WHERE k.root OPERATOR(pg_catalog.=) k.oid)"
    "SELECT count(*) FILTER (WHERE c.oid IS NULL OR (c.relkind IN ('r', 'm')"
    " AND pg_catalog.pg_relation_filenode(c.oid) IS DISTINCT FROM c.relfilenode))"
    " OPERATOR(pg_catalog.+) (SELECT count(*) FROM known k FULL JOIN present p"
    " ON p.root OPERATOR(pg_catalog.=) k.root AND p.oid OPERATOR(pg_catalog.=) k.oid"
    " WHERE p.oid IS NULL OR k.oid IS NULL)"
    " OPERATOR(pg_catalog.+) " VIEWS_REPLACED " OPERATOR(pg_catalog.+) " HEIRS_CHANGED
    " OPERATOR(pg_catalog.+) " FUNCTIONS_REPLACED "%s,"
    " coalesce(max(pg_catalog.pg_relation_size(c.reltoastrelid))"
    " FILTER (WHERE c.reltoastrelid OPERATOR(pg_catalog.<>) 0 AND c.relkind IN ('r', 'm')), 0)"
    " FROM locked l LEFT JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.oid";

/* The same of a table without partitions, or a materialised view: no other file is read. Nor do
 * policies hide rows of it that they did not hide then. */
static const char plain_check_query[] =
    "SELECT count(*) FILTER (WHERE"
    " pg_catalog.pg_relation_filenode(c.oid) IS NOT DISTINCT FROM c.relfilenode"
    " AND NOT pg_catalog.row_security_active(c.oid)) OPERATOR(pg_catalog.-) 1%s, coalesce(max(CASE WHEN c.reltoastrelid"
    " OPERATOR(pg_catalog.<>) 0 THEN pg_catalog.pg_relation_size(c.reltoastrelid) END), 0)"
    " FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) %u";

/* Values of enumerations that have other names now: they would be shown by those. */
static const char names_check[] =
    " OPERATOR(pg_catalog.+) (SELECT count(*) FROM pg_catalog.pg_enum e WHERE " WAS_REPLACED(
        "e") ")";

/* Which rows a policy shows may be up to other tables, and to functions. */
static bool is_plain(const struct table *table)
{
    return (table->kind == 'r' || table->kind == 'm') && !table->policies;
}

/* Whether values of an enumeration may be in what is shown: a view may make texts of them. */
static bool may_have_names(const struct table *table)
{
    bool may = table->kind == 'v' || table->policies;

    for (size_t i = 0; i < table->schema->column_count && !may; i++)
        may = table->columns[i].type >= FIRST_OWN_TYPE;
    return may;
}

static int write_check(const struct table *table, struct buffer *sql)
{
    const char *names = may_have_names(table) ? names_check : "";
    int error = is_plain(table) ? buffer_print(sql, plain_check_query, names, table->oid)
                                : buffer_print(sql, check_query, names);

    return error == 0 ? buffer_append(sql, "", 1) : error;
}

static int check_table(struct link *link, const struct table *table, bool *ret_large,
                       struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;

    if (write_check(table, &sql) != 0)
        return postgres_no_memory(failure, link);

    int error = postgres_link_run(link, (const char *)sql.data, &result, failure);

    if (error != 0)
        return error;
    if (strcmp(PQgetvalue(result, 0, 0), "0") != 0)
        return stale(link, table, failure);
    *ret_large = strchr("rpm", table->kind) != NULL && strcmp(PQgetvalue(result, 0, 1), "0") != 0;
    return 0;
}

static int check_policies(struct postgres_source *source, struct link *link,
                          const struct table *table, struct failure *failure)
{
    bool same = true;
    int error = is_plain(table) ? 0 : postgres_policies_hold(source, link, table, &same, failure);

    return error == 0 && !same ? stale(link, table, failure) : error;
}

static int guard_table(struct postgres_source *source, struct link *link, const struct table *table,
                       bool *ret_large, struct failure *failure)
{
    int error = lock_table(link, table, failure);

    if (error == 0)
        error = check_table(link, table, ret_large, failure);
    return error == 0 ? check_policies(source, link, table, failure) : error;
}

int postgres_table_check_again(struct link *link, const struct table *table,
                               struct failure *failure)
{
    bool large;

    return is_plain(table) && !may_have_names(table) ? 0
                                                     : check_table(link, table, &large, failure);
}

void postgres_table_leave(struct link *link)
{
    if (!link->guards)
        return;
    link->guards = link->guards_foreign = false;
    /* An error that was before the savepoint was made leaves nothing to go back to. */
    if (!postgres_link_is_lost(link) && PQtransactionStatus(link->connection) != PQTRANS_ACTIVE)
        postgres_link_do(link, "ROLLBACK TO SAVEPOINT crmfs; RELEASE SAVEPOINT crmfs", NULL);
}

int postgres_foreign_failure(const struct link *link, const struct table *table, int error,
                             struct failure *failure)
{
    if (error != -EIO || table->kind != 'f' ||
        (postgres_link_is_lost(link) && !link->foreign_silent))
        return error;
    if (link->foreign_silent)
        return failure_set(
            failure, EREMOTEIO,
            "%s: table \"%.200s\": the server that its rows are on has been silent for "
            "%g s; foreign-timeout=SECONDS in the URL gives it more time",
            link->place, table->schema->name,
            (double)link->source->foreign_timeout_ns / (double)NS_PER_SECOND);
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
        error = guard_table(dataset->source, link, table, ret_large, failure);
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
