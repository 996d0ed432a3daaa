/* SPDX-License-Identifier: MIT */
/* Whether rows that are to be deleted are referred to by rows of other tables. */
#include "backends/target/postgres_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/sql_text.h"
#include "fs/base/memory.h"

const char *postgres_key_target(const struct foreign_key *key, const struct schema *parent,
                                size_t index)
{
    if (key->target_columns != NULL)
        return key->target_columns[index];
    return index < parent->primary_key_count ? parent->columns[parent->primary_key[index]].name
                                             : "";
}

static int write_referred(const struct table *table, const struct table *child,
                          const struct foreign_key *key, const char *condition, struct buffer *sql)
{
    int error = buffer_print(sql, "SELECT 1 FROM %s t WHERE %s AND EXISTS (SELECT FROM %s",
                             table->from, condition, child->from);

    for (size_t i = 0; i < key->count && error == 0; i++) {
        cleanup_free char *name = sql_name(postgres_key_target(key, table->schema, i));

        error =
            name == NULL ? -ENOMEM : buffer_append_text(sql, i == 0 ? " c WHERE c." : " AND c.");
        if (error == 0)
            error = postgres_add_column(sql, child, key->columns[i]);
        if (error == 0)
            error = buffer_print(sql, " OPERATOR(pg_catalog.=) t.%s", name);
    }
    return error == 0 ? buffer_append(sql, ") LIMIT 1", 10) : error;
}

/* 1: CHILD has a row that refers by KEY to one of those that meet CONDITION; 0: none. */
static int find_referrer(struct postgres_target *target, const struct table *table,
                         const char *condition, const char *const *values, size_t value_count,
                         const struct table *child, const struct foreign_key *key,
                         struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;
    int error = write_referred(table, child, key, condition, &sql);

    if (error != 0)
        return error;
    result = PQexecParams(target->link.connection, (const char *)sql.data, (int)value_count, NULL,
                          values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return postgres_target_failure(target, result, table->schema->name, failure);
    return PQntuples(result) != 0;
}

static int check_referrer(struct postgres_target *target, const struct table *table,
                          const char *condition, const char *const *values, size_t value_count,
                          const struct table *child, const struct foreign_key *key,
                          struct failure *failure)
{
    int found = find_referrer(target, table, condition, values, value_count, child, key, failure);

    if (found == 1) {
        found = postgres_repoint(target, child, table, key, failure);
        found = found < 0    ? found
                : found == 0 ? 1
                             : find_referrer(target, table, condition, values, value_count, child,
                                             key, failure);
    }
    if (found == 1) {
        found = postgres_is_staged(target, child)
                    ? postgres_defer(target, child, table, false, failure)
                    : 0;
        found = found < 0 ? found : !found;
    }
    if (found != 1)
        return found;
    return failure_set(failure, EBUSY,
                       "table \"%s\": rows of \"%s\" refer to rows that would be deleted; nothing "
                       "was changed. Restore \"%s\" as well, or delete these first",
                       table->schema->name, child->schema->name, child->schema->name);
}

int postgres_check_referrers(struct postgres_target *target, const struct table *table,
                             const char *condition, const char *const *values, size_t value_count,
                             struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        const struct table *child = target->places[i]->table;

        for (size_t f = 0; f < child->schema->foreign_key_count && error == 0; f++) {
            const struct foreign_key *key = &child->schema->foreign_keys[f];

            if (strcmp(key->target_table, table->schema->name) != 0)
                continue;
            /* Of its own table: what refers to a row goes with it, or is found by the server. */
            if (child == table)
                error = postgres_repoint(target, child, table, key, failure);
            else
                error = check_referrer(target, table, condition, values, value_count, child, key,
                                       failure);
            error = error > 0 ? 0 : error;
        }
    }
    return error;
}
