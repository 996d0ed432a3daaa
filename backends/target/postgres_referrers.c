/* SPDX-License-Identifier: MIT */
/* Whether rows that are to be deleted are referred to by rows of other tables, or by such that
 * stay. */
#include "backends/target/postgres_target.h"

#include <errno.h>
#include <string.h>

/* Rows of TABLE, called t, that are to be deleted: the condition, and its parameters. */
struct doomed {
    struct postgres_target *target;
    const struct table *table;
    const char *condition;
    const char *const *values;
    size_t value_count;
};

/* "SELECT 1 FROM … t WHERE they go and EXISTS (SELECT FROM … c WHERE it refers to t": unclosed. */
static int write_referred(const struct doomed *doomed, const char *from, const char *match,
                          struct buffer *sql)
{
    return buffer_print(sql, "SELECT 1 FROM %s t WHERE %s AND EXISTS (SELECT FROM %s c WHERE %s",
                        doomed->table->from, doomed->condition, from, match);
}

/* Whether it is a single row that goes: then whatever else refers to it is in the way. */
static bool is_alone(const struct doomed *doomed)
{
    return doomed->value_count != 0;
}

/* " AND …": the row c, of the table itself, stays. 1; 0: none that refers does; -errno. */
static int add_stays(const struct doomed *doomed, struct buffer *sql)
{
    int error;

    if (!is_alone(doomed))
        return postgres_add_stays(doomed->target, doomed->table, "c", sql);
    error = buffer_append_text(sql, " AND (c.tableoid, c.ctid) <> (t.tableoid, t.ctid)");
    return error == 0 ? 1 : error;
}

/* 1: a row of FROM refers, as MATCH tells, to one of those that go; 0: none. OWN: … and stays. */
static int find_referrer(const struct doomed *doomed, const char *from, const char *match, bool own,
                         struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;
    int error = write_referred(doomed, from, match, &sql);

    if (error == 0 && own) {
        int stays = add_stays(doomed, &sql);

        if (stays <= 0)
            return stays;
    }
    /* With a limit the server would plan for the first row soon, and mostly there is none. */
    if (error == 0)
        error = buffer_append(&sql, ") HAVING pg_catalog.count(*) > 0", 33);
    if (error != 0)
        return error;
    result = PQexecParams(doomed->target->link.connection, (const char *)sql.data,
                          (int)doomed->value_count, NULL, doomed->values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return postgres_target_failure(doomed->target, result, doomed->table->schema->name,
                                       failure);
    return PQntuples(result) != 0;
}

static int refuse(const struct doomed *doomed, const char *child, bool own, struct failure *failure)
{
    const char *name = doomed->table->schema->name;

    if (own && is_alone(doomed))
        return failure_set(failure, EBUSY,
                           "table \"%s\": other rows of it refer to this one; delete these first",
                           name);
    if (own)
        return failure_set(failure, EBUSY,
                           "table \"%s\": rows of it that stay refer to rows that would be "
                           "deleted; nothing was changed. Restore the columns that refer as well, "
                           "or have these refer to others first",
                           name);
    return failure_set(failure, EBUSY,
                       "table \"%s\": rows of \"%s\" refer to rows that would be deleted; nothing "
                       "was changed. Restore \"%s\" as well, or delete these first",
                       name, child, child);
}

/* Of its own table: what refers to a row goes with it, unless it stays. */
static int check_referrer(const struct doomed *doomed, const PGresult *references,
                          const struct table *child, const struct foreign_key *key,
                          struct failure *failure)
{
    struct postgres_target *target = doomed->target;
    const char *match = postgres_reference_match(references, child, doomed->table, key);
    bool own = child == doomed->table;
    int found = match != NULL ? find_referrer(doomed, child->from, match, own, failure) : 0;

    if (found == 1) {
        found = postgres_repoint(target, child, doomed->table, key, failure);
        found = found < 0    ? found
                : found == 0 ? 1
                             : find_referrer(doomed, child->from, match, own, failure);
    }
    if (found == 1) {
        found = postgres_is_staged(target, child)
                    ? postgres_defer(target, child, doomed->table, false, failure)
                    : 0;
        found = found < 0 ? found : !found;
    }
    return found == 1 ? refuse(doomed, child->schema->name, own, failure) : found;
}

/* A foreign key that no schema has: what it would have deleted or changed is only looked for. */
static int check_unknown(const struct doomed *doomed, const PGresult *references, int row,
                         struct failure *failure)
{
    const char *child = PQgetvalue(references, row, REFERENCE_NAME);
    struct failure said = {.code = 0};
    int found = find_referrer(doomed, PQgetvalue(references, row, REFERENCE_FROM),
                              PQgetvalue(references, row, REFERENCE_MATCH), false, &said);

    if (found < 0)
        return failure_set(failure, found == -ECANCELED || found == -ENOMEM ? -found : EACCES,
                           "table \"%s\": a deletion would delete or change the rows of \"%s\" "
                           "that refer to it, and whether there are such cannot be seen: %.500s",
                           doomed->table->schema->name, child, failure_text(&said, found));
    return found == 1 ? refuse(doomed, child, false, failure) : 0;
}

/* The server looks at foreign keys in the owner's name, from whom no row is hidden. */
static int check_hidden(const struct doomed *doomed, const char *child, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(POSTGRES_SQL_LIMIT);
    cleanup_result PGresult *result = NULL;
    const char *name = doomed->table->schema->name;
    int error = buffer_print(&sql, "SELECT 1 FROM %s t WHERE %s LIMIT 1", doomed->table->from,
                             doomed->condition);

    if (error == 0)
        error = buffer_append(&sql, "", 1);
    if (error != 0)
        return error;
    result = PQexecParams(doomed->target->link.connection, (const char *)sql.data,
                          (int)doomed->value_count, NULL, doomed->values, NULL, NULL, 0);
    if (PQresultStatus(result) != PGRES_TUPLES_OK)
        return postgres_target_failure(doomed->target, result, name, failure);
    if (PQntuples(result) == 0)
        return 0;
    return failure_set(failure, EACCES,
                       "table \"%s\": a deletion would delete or change the rows of \"%s\" that "
                       "refer to it, and row-level security may hide such rows from this user; one "
                       "with BYPASSRLS, or the owner of \"%s\", sees them",
                       name, child, child);
}

int postgres_check_referrers(struct postgres_target *target, const struct table *table,
                             const char *condition, const char *const *values, size_t value_count,
                             struct failure *failure)
{
    const struct doomed doomed = {target, table, condition, values, value_count};
    cleanup_result PGresult *references = NULL;
    int error = postgres_ask_references(target, table, "t", "c", &references, failure);

    for (size_t i = 0; i < target->place_count && error == 0; i++) {
        const struct table *child = target->places[i]->table;

        for (size_t f = 0; f < child->schema->foreign_key_count && error == 0; f++) {
            const struct foreign_key *key = &child->schema->foreign_keys[f];

            if (strcmp(key->target_table, table->schema->name) == 0)
                error = check_referrer(&doomed, references, child, key, failure);
        }
    }
    for (int i = 0; error == 0 && i < PQntuples(references); i++) {
        if (PQgetvalue(references, i, REFERENCE_CHANGES)[0] != 't')
            continue;
        if (!postgres_reference_is_known(target, references, i, table))
            error = check_unknown(&doomed, references, i, failure);
        if (error == 0 && PQgetvalue(references, i, REFERENCE_HIDDEN)[0] == 't')
            error = check_hidden(&doomed, PQgetvalue(references, i, REFERENCE_NAME), failure);
    }
    return error;
}
