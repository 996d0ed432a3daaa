/* SPDX-License-Identifier: MIT */
#include "backends/target/sqlite_orphans.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/sqlite_statements.h"
#include "backends/target/targets.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

static int fail(struct sqlite_target *target, const struct sqlite_watched *one, int code,
                struct failure *failure)
{
    return sqlite_target_failure(target, code, one->child->schema->name, failure);
}

/* ---- The rows -------------------------------------------------------------------------------- */

static int add_child_columns(const struct table *child, const size_t *columns, size_t count,
                             const char *behind, struct buffer *sql)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        error = buffer_append_text(sql, "c.");
        if (error == 0)
            error = sqlite_add_name(sql, child->raw_columns[columns[i]]);
        if (error == 0)
            error = buffer_append_text(sql, behind);
    }
    return error;
}

/* The parent's column on the left: its collation and affinity are those of the foreign key. */
static int add_match(const struct sqlite_watched *one, struct buffer *sql)
{
    const struct foreign_key *key = one->key;
    const struct schema *parent = one->parent->schema;
    int error = 0;

    for (size_t i = 0; i < key->count && error == 0; i++) {
        const char *column = key->target_columns != NULL ? key->target_columns[i]
                             : i < parent->primary_key_count
                                 ? one->parent->raw_columns[parent->primary_key[i]]
                                 : "rowid";

        error = buffer_append_text(sql, i == 0 ? "p." : " AND p.");
        if (error == 0)
            error = sqlite_add_name(sql, column);
        if (error == 0)
            error = buffer_append_text(sql, " = +c.");
        if (error == 0)
            error = sqlite_add_name(sql, one->child->raw_columns[key->columns[i]]);
    }
    return error;
}

/* Each orphan: the row, by rowid or primary key, and what it refers to. */
static int write_orphans(const struct sqlite_watched *one, struct buffer *sql)
{
    const struct table *child = one->child;
    const struct schema *schema = child->schema;
    int error = buffer_append_text(sql, "SELECT ");

    if (error == 0 && child->rowid != NULL)
        error = buffer_print(sql, "%s, ", child->rowid);
    else if (error == 0)
        error = add_child_columns(child, schema->primary_key, schema->primary_key_count, ", ", sql);
    if (error == 0)
        error = add_child_columns(child, one->key->columns, one->key->count, ", ", sql);
    if (error == 0)
        error = buffer_append_text(sql, "1 FROM main.");
    if (error == 0)
        error = sqlite_add_name(sql, schema->name);
    if (error == 0)
        error = buffer_append_text(sql, " AS c WHERE ");
    if (error == 0)
        error = add_child_columns(child, one->key->columns, one->key->count, " NOT NULL AND ", sql);
    if (error == 0)
        error = buffer_append_text(sql, "NOT EXISTS (SELECT 1 FROM main.");
    if (error == 0)
        error = sqlite_add_name(sql, one->parent->schema->name);
    if (error == 0)
        error = buffer_append_text(sql, " AS p WHERE ");
    if (error == 0)
        error = add_match(one, sql);
    return error == 0 ? buffer_append_text(sql, ")") : error;
}

/* An orphan that was none before, and meets MORE conditions. *ret_statement stands on it, if there
 * is one: 1; 0; -errno. */
static int find_orphan(struct sqlite_target *target, const struct sqlite_watched *one,
                       const char *more, sqlite3_stmt **ret_statement, struct failure *failure)
{
    struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    int error = write_orphans(one, &sql);
    int code;

    if (error == 0)
        error = buffer_append_text(&sql, more);
    if (error == 0 && one->kept != NULL)
        error = buffer_print(&sql, " EXCEPT SELECT * FROM main.\"%s\"", one->kept);
    if (error == 0)
        error = buffer_append_text(&sql, " LIMIT 1");
    *ret_statement = NULL;
    error =
        sqlite_prepare_text(target, one->child->schema->name, &sql, error, ret_statement, failure);
    if (error != 0)
        return error;
    code = sqlite3_step(*ret_statement);
    return code == SQLITE_ROW ? 1 : code == SQLITE_DONE ? 0 : fail(target, one, code, failure);
}

/* ---- Before ---------------------------------------------------------------------------------- */

/* ADDED: the table that a row was just inserted into, which is no orphan of before; NULL: none. */
static int keep_orphans(struct sqlite_target *target, struct sqlite_watched *one,
                        const struct table *added, struct failure *failure)
{
    char others[64] = "";
    cleanup_buffer struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    sqlite3_stmt *statement;
    int found;

    if (one->child == added)
        snprintf(others, sizeof others, " AND %s <> %lld", added->rowid,
                 (long long)sqlite3_last_insert_rowid(target->connection.database));
    found = find_orphan(target, one, others, &statement, failure);
    sqlite3_finalize(statement);
    if (found != 1)
        return found;
    found = write_orphans(one, &sql);
    if (found == 0)
        found = buffer_append(&sql, others, strlen(others) + 1);
    one->kept = sqlite3_mprintf("crmfs orphans %llu", (unsigned long long)++target->room_count);
    if (found != 0 || one->kept == NULL)
        return -ENOMEM;
    return sqlite_run(target, one->child->schema->name, failure, "CREATE TABLE main.\"%w\" AS %s",
                      one->kept, (const char *)sql.data);
}

static bool is_watched(const struct sqlite_target *target, const struct foreign_key *key)
{
    for (size_t i = 0; i < target->watched_count; i++) {
        if (target->watched[i].key == key)
            return true;
    }
    return false;
}

static int look(struct sqlite_target *target, const struct table *added, struct failure *failure)
{
    int error = 0;

    while (target->looked_count < target->watched_count && error == 0)
        error = keep_orphans(target, &target->watched[target->looked_count++], added, failure);
    return error;
}

static bool makes_orphans(const struct sqlite_target *target)
{
    int pending = 0, highest = 0;

    sqlite3_db_status(target->connection.database, SQLITE_DBSTATUS_DEFERRED_FKS, &pending, &highest,
                      0);
    return pending != 0;
}

static int watch(struct sqlite_target *target, const struct table *child,
                 const struct foreign_key *key, const struct table *parent)
{
    struct sqlite_watched *all;

    if (is_watched(target, key))
        return 0;
    all = reallocarray(target->watched, target->watched_count + 1, sizeof *all);
    if (all == NULL)
        return -ENOMEM;
    target->watched = all;
    all += target->watched_count++;
    *all = (struct sqlite_watched){.child = child, .parent = parent, .key = key};
    return 0;
}

static const struct table *find_parent(const struct sqlite_target *target,
                                       const struct foreign_key *key)
{
    for (size_t i = 0; i < target->target.class->table_count(&target->target); i++) {
        const struct table *table = sqlite_nth_table(target, i);

        if (ascii_equal(table->schema->name, key->target_table))
            return table->broken || table->schema->kind != RELATION_TABLE ? NULL : table;
    }
    return NULL;
}

int sqlite_watch_orphans(struct sqlite_target *target, const struct table *table, bool adds_only,
                         struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->target.class->table_count(&target->target) && error == 0; i++) {
        const struct table *child = sqlite_nth_table(target, i);

        for (size_t f = 0; f < child->schema->foreign_key_count && error == 0; f++) {
            const struct foreign_key *key = &child->schema->foreign_keys[f];
            const struct table *parent = find_parent(target, key);

            if (parent != NULL && (child == table || parent == table))
                error = watch(target, child, key, parent);
        }
    }
    target->changes_rows = target->changes_rows || !adds_only || table->rowid == NULL;
    return error == 0 && (target->changes_rows || makes_orphans(target))
               ? look(target, NULL, failure)
               : error;
}

int sqlite_note_added(struct sqlite_target *target, const struct table *table,
                      struct failure *failure)
{
    return target->looked_count < target->watched_count && makes_orphans(target)
               ? look(target, table, failure)
               : 0;
}

/* ---- At the end ------------------------------------------------------------------------------ */

bool sqlite_had_orphans(const struct sqlite_target *target)
{
    for (size_t i = 0; i < target->watched_count; i++) {
        if (target->watched[i].kept != NULL)
            return true;
    }
    return false;
}

int sqlite_find_new_orphan(struct sqlite_target *target, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->watched_count && error == 0; i++) {
        const struct sqlite_watched *one = &target->watched[i];
        sqlite3_stmt *statement;
        int found = find_orphan(target, one, "", &statement, failure);

        error = found != 1
                    ? found
                    : failure_set(failure, EINVAL,
                                  "table \"%s\": a row (%s %s) refers to a row of \"%s\" that is "
                                  "not there; " TARGET_ORPHAN_HINT,
                                  one->child->schema->name, sqlite3_column_name(statement, 0),
                                  connection_text(statement, 0), one->key->target_table);
        sqlite3_finalize(statement);
        if (error == 0 && one->kept != NULL)
            error = sqlite_run(target, one->child->schema->name, failure, "DROP TABLE main.\"%w\"",
                               one->kept);
    }
    if (error == 0)
        sqlite_watched_release(target);
    return error;
}

void sqlite_watched_release(struct sqlite_target *target)
{
    for (size_t i = 0; i < target->watched_count; i++)
        sqlite3_free(target->watched[i].kept);
    free(target->watched);
    target->watched = NULL;
    target->watched_count = 0;
    target->looked_count = 0;
}
