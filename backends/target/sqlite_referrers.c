/* SPDX-License-Identifier: MIT */
/* Whether rows that are to be deleted are referred to by rows of other tables, or by such that
 * stay. */
#include "backends/target/sqlite_statements.h"

#include <errno.h>
#include <string.h>

/*
 * SELECT … of the rows of SCHEMA that meet CONDITION and that CHILD refers to by FOREIGN. What is
 * referred to stands on the left, as its collation is the one that a foreign key compares by.
 */
static int write_referred(const struct schema *schema, const struct table *child,
                          const struct foreign_key *foreign, const char *condition,
                          struct buffer *sql)
{
    int error = buffer_append_text(sql, "SELECT 1 FROM main.");

    if (error == 0)
        error = sqlite_add_name(sql, schema->name);
    if (error == 0)
        error = buffer_print(sql, " AS doomed WHERE %s AND EXISTS (SELECT 1 FROM main.", condition);
    if (error == 0)
        error = sqlite_add_name(sql, child->schema->name);
    for (size_t c = 0; c < foreign->count && error == 0; c++) {
        const char *column = foreign->target_columns != NULL ? foreign->target_columns[c]
                             : c < schema->primary_key_count
                                 ? schema->columns[schema->primary_key[c]].name
                                 : "rowid";

        error = buffer_append_text(sql, c == 0 ? " AS child WHERE doomed." : " AND doomed.");
        if (error == 0)
            error = sqlite_add_name(sql, column);
        if (error == 0)
            error = buffer_append_text(sql, " = child.");
        if (error == 0)
            error = sqlite_add_name(sql, child->raw_columns[foreign->columns[c]]);
    }
    return error;
}

/* " AND NOT …": it is the row itself, by its primary key. 1 or -errno. */
static int add_another(const struct table *table, struct buffer *sql)
{
    const struct schema *schema = table->schema;
    int error = 0;

    for (size_t k = 0; k < schema->primary_key_count && error == 0; k++) {
        const char *name = table->raw_columns[schema->primary_key[k]];

        error = buffer_append_text(sql, k == 0 ? " AND NOT (doomed." : " AND doomed.");
        if (error == 0)
            error = sqlite_add_name(sql, name);
        if (error == 0)
            error = buffer_append_text(sql, " IS child.");
        if (error == 0)
            error = sqlite_add_name(sql, name);
    }
    if (error == 0)
        error = buffer_append_text(sql, ")");
    return error == 0 ? 1 : error;
}

/*
 * OWN: … and that stays; where a single row goes, ALONE, all others do. 1, or -errno; 0: rows are
 * not replaced.
 */
static int write_look(const struct sqlite_target *target, const struct schema *schema,
                      const struct table *child, const struct foreign_key *foreign,
                      const char *condition, bool own, bool alone, struct buffer *sql)
{
    int error = write_referred(schema, child, foreign, condition, sql);
    int stays = error != 0 || !own ? 1
                : alone            ? add_another(child, sql)
                                   : sqlite_add_stays(target, child, "child", sql);

    if (error != 0 || stays <= 0)
        return error != 0 ? error : stays;
    error = buffer_append_text(sql, ") LIMIT 1");
    return error == 0 ? 1 : error;
}

/*
 * 1: CHILD has a row that refers by FOREIGN to one of those that meet CONDITION; 0: none. Of its
 * own table: one that stays; what else refers to a row goes with it, or is found at the end.
 */
static int find_referrer(struct sqlite_target *target, const struct schema *schema,
                         const char *condition, const struct cell *key, size_t key_count,
                         const struct table *child, const struct foreign_key *foreign,
                         struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    sqlite3_stmt *statement = NULL;
    bool own = child->schema == schema;
    int code = SQLITE_OK;
    int error = write_look(target, schema, child, foreign, condition, own, key_count != 0, &sql);

    if (error == 0) {
        buffer_release(&sql);
        return 0;
    }
    error = sqlite_prepare_text(target, schema->name, &sql, error == 1 ? 0 : error, &statement,
                                failure);
    if (error != 0)
        return error;
    for (size_t k = 0; k < key_count && code == SQLITE_OK; k++)
        code = sqlite_bind_cell(statement, 1 + (int)k, &key[k]);
    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code != SQLITE_ROW && code != SQLITE_DONE)
        error = sqlite_target_failure(target, code, schema->name, failure);
    sqlite3_finalize(statement);
    return error != 0 ? error : code == SQLITE_ROW;
}

static int check_referrer(struct sqlite_target *target, const struct schema *schema,
                          const char *condition, const struct cell *key, size_t key_count,
                          const struct table *child, const struct foreign_key *foreign,
                          struct failure *failure)
{
    int found = find_referrer(target, schema, condition, key, key_count, child, foreign, failure);

    if (found == 1) {
        found = sqlite_repoint(target, child, foreign, failure);
        found = found < 0    ? found
                : found == 0 ? 1
                             : find_referrer(target, schema, condition, key, key_count, child,
                                             foreign, failure);
    }
    if (found != 1)
        return found;
    if (child->schema == schema && key_count != 0)
        return failure_set(failure, EBUSY,
                           "table \"%s\": other rows of it refer to this one; delete these first",
                           schema->name);
    if (child->schema == schema)
        return failure_set(failure, EBUSY,
                           "table \"%s\": rows of it that stay refer to rows that would be "
                           "deleted; nothing was changed. Restore the columns that refer as well, "
                           "or have these refer to others first",
                           schema->name);
    return failure_set(failure, EBUSY,
                       "table \"%s\": rows of \"%s\" refer to rows that would be deleted; nothing "
                       "was changed. Restore \"%s\" as well, or delete these first",
                       schema->name, child->schema->name, child->schema->name);
}

int sqlite_check_referrers(struct sqlite_target *target, const struct schema *schema,
                           const char *condition, const struct cell *key, size_t key_count,
                           struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->target.class->table_count(&target->target) && error == 0; i++) {
        const struct table *child = sqlite_nth_table(target, i);

        for (size_t f = 0; f < child->schema->foreign_key_count && error == 0; f++) {
            const struct foreign_key *foreign = &child->schema->foreign_keys[f];

            if (strcmp(foreign->target_table, schema->name) == 0)
                error = check_referrer(target, schema, condition, key, key_count, child, foreign,
                                       failure);
        }
    }
    return error;
}
