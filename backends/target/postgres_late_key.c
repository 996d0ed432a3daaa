/* SPDX-License-Identifier: MIT */
/*
 * The primary key of a new table that many rows go into is made when they are there: sorting them
 * once takes a third of what it takes to keep an index of them as they come. The columns stay NOT
 * NULL meanwhile.
 */
#include <errno.h>
#include <stdlib.h>

#include "backends/target/postgres_target.h"
#include "fs/base/memory.h"

/* "ADD CONSTRAINT name PRIMARY KEY (…)", and its name; both NULL: there is none. */
static int read_key(struct postgres_target *target, const struct table *table, char **ret_name,
                    char **ret_addition, struct failure *failure)
{
    cleanup_result PGresult *result = NULL;
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_print(&sql,
                             "SELECT pg_catalog.quote_ident(conname), 'ADD CONSTRAINT ' || "
                             "pg_catalog.quote_ident(conname) || ' ' || "
                             "pg_catalog.pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint "
                             "WHERE conrelid = %u AND contype = 'p'",
                             table->oid);

    if (error == 0)
        error = postgres_target_run(target, &sql, &result, failure);
    buffer_release(&sql);
    *ret_name = NULL;
    *ret_addition = NULL;
    if (error != 0 || PQntuples(result) == 0)
        return error;
    *ret_name = strdup(PQgetvalue(result, 0, 0));
    *ret_addition = strdup(PQgetvalue(result, 0, 1));
    return *ret_name != NULL && *ret_addition != NULL ? 0 : -ENOMEM;
}

static int alter(struct postgres_target *target, const struct table *table, const char *change,
                 const char *name, struct failure *failure)
{
    struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    int error = buffer_append_text(&sql, "ALTER TABLE ");

    if (error == 0)
        error = postgres_add_table(&sql, table);
    if (error == 0)
        error = buffer_print(&sql, " %s%s", change, name);
    if (error == 0)
        error = postgres_target_run(target, &sql, NULL, failure);
    buffer_release(&sql);
    return error;
}

int postgres_put_off_key(struct postgres_target *target, struct postgres_place *place,
                         struct failure *failure)
{
    cleanup_free char *name = NULL;
    cleanup_free char *addition = NULL;
    int error = read_key(target, place->table, &name, &addition, failure);

    if (error != 0 || name == NULL)
        return error;
    error = alter(target, place->table, "DROP CONSTRAINT ", name, failure);
    if (error == 0)
        place->late_key = steal_pointer(&addition);
    return error;
}

int postgres_make_late_key(struct postgres_target *target, struct postgres_place *place,
                           struct failure *failure)
{
    cleanup_free char *addition = steal_pointer(&place->late_key);

    return addition != NULL ? alter(target, place->table, addition, "", failure) : 0;
}
