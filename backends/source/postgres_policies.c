/* SPDX-License-Identifier: MIT */
/*
 * Policies that hide rows are those that hold now, whatever the moment. One that was made since is
 * not in the moment's catalogue, and leaves no other trace there; so the catalogue is asked outside
 * of the moment as well. Whoever changes a table's policies waits for whoever has locked it.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/postgres_internal.h"

/* Of what is locked: the table, its partitions, and what a view is made of. */
static const char locked_query[] =
    "SELECT pg_catalog.array_agg(DISTINCT l.relation)::pg_catalog.text,"
    " pg_catalog.row_security_active(%u::pg_catalog.oid) FROM pg_catalog.pg_locks l"
    " WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid()"
    " AND l.locktype OPERATOR(pg_catalog.=) 'relation'"
    " AND l.relation OPERATOR(pg_catalog.>=) 16384";

/* A policy that is altered gets another row. */
static const char policies_query[] =
    "SET LOCAL statement_timeout = 0; SELECT pg_catalog.string_agg(pg_catalog.concat(c.oid, ' ',"
    " c.relrowsecurity, ' ', c.relforcerowsecurity, ' ', (SELECT pg_catalog.string_agg("
    "pg_catalog.concat(p.oid, ':', p.xmin), ' ' ORDER BY p.oid) FROM pg_catalog.pg_policy p"
    " WHERE p.polrelid OPERATOR(pg_catalog.=) c.oid)), ',' ORDER BY c.oid)"
    " FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) ANY ('%s'::pg_catalog.oid[])";

static int compare(struct postgres_source *source, struct link *link, const char *locked,
                   bool *ret_same, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *then = NULL;
    cleanup_result PGresult *now = NULL;
    size_t host = 0;
    int error;

    if (buffer_print(&sql, policies_query, locked) != 0 || buffer_append(&sql, "", 1) != 0)
        return postgres_no_memory(failure, link);
    error = postgres_link_run(link, (const char *)sql.data, &then, failure);
    if (error == 0)
        error = postgres_ask_now(source, (const char *)sql.data, &now, &host, failure);
    if (error == 0)
        *ret_same =
            host == link->host && strcmp(PQgetvalue(then, 0, 0), PQgetvalue(now, 0, 0)) == 0;
    return error;
}

int postgres_policies_hold(struct postgres_source *source, struct link *link,
                           const struct table *table, bool *ret_same, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *locked = NULL;
    int error;

    if (buffer_print(&sql, locked_query, table->oid) != 0 || buffer_append(&sql, "", 1) != 0)
        return postgres_no_memory(failure, link);
    error = postgres_link_run(link, (const char *)sql.data, &locked, failure);
    if (error != 0)
        return error;
    *ret_same = (PQgetvalue(locked, 0, 1)[0] == 't') == table->policies;
    return !*ret_same || PQgetisnull(locked, 0, 0)
               ? 0
               : compare(source, link, PQgetvalue(locked, 0, 0), ret_same, failure);
}
