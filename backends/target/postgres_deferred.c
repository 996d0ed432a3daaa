/* SPDX-License-Identifier: MIT */
/*
 * Constraint triggers that wait for the end of the transaction. They may change rows, as any
 * trigger may, so they are fired when all is written and before it is read back. Foreign keys wait
 * on: they change nothing, and what they refuse is looked for by itself.
 */
#include "backends/target/postgres_target.h"

int postgres_fire_deferred(struct postgres_target *target, struct failure *failure)
{
    cleanup_result PGresult *names = NULL;
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_append_text(
        &sql, "SELECT pg_catalog.string_agg(DISTINCT pg_catalog.format('%I.%I', n.nspname, "
              "o.conname), ', ') FROM pg_catalog.pg_constraint o JOIN pg_catalog.pg_namespace n "
              "ON n.oid = o.connamespace WHERE o.contype = 't' AND o.condeferrable "
              "AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')");

    if (error == 0)
        error = postgres_target_run(target, &sql, &names, failure);
    if (error != 0 || PQgetisnull(names, 0, 0))
        return error;
    error = buffer_print(&sql, "SET CONSTRAINTS %s IMMEDIATE", PQgetvalue(names, 0, 0));
    return error == 0 ? postgres_target_run(target, &sql, NULL, failure) : error;
}
