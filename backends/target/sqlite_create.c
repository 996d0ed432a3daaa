/* SPDX-License-Identifier: MIT */
/*
 * New tables in SQLite. One that was an SQLite table is made by its own statements, of which an
 * authorizer lets through nothing but the making of that table, its indexes and its triggers.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/create.h"
#include "backends/target/ddl.h"
#include "backends/target/sqlite_statements.h"
#include "backends/target/sqlite_target.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

void made_table_free(struct made_table *made)
{
    table_release(&made->table);
    free(made->rest);
    table_extras_release(&made->extras);
    free(made);
}

/* Whether OBJECT is what SQLite keeps its catalogue in. */
static bool is_catalogue(const char *object)
{
    return object != NULL &&
           (strcmp(object, "sqlite_master") == 0 || strcmp(object, "sqlite_schema") == 0 ||
            strcmp(object, "sqlite_sequence") == 0);
}

/* CONTEXT: whether a view may be made, and no table. */
static int authorize(void *context, int action, const char *one, const char *two,
                     const char *database, const char *trigger)
{
    const bool *view = context;

    (void)two;
    (void)trigger;
    switch (action) {
    case SQLITE_CREATE_VIEW:
    case SQLITE_CREATE_TABLE:
    case SQLITE_CREATE_INDEX:
        if (*view != (action == SQLITE_CREATE_VIEW))
            return SQLITE_DENY;
        __attribute__((fallthrough));
    case SQLITE_CREATE_TRIGGER:
        return database != NULL && strcmp(database, "main") == 0 ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE: return is_catalogue(one) ? SQLITE_OK : SQLITE_DENY;
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_REINDEX:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    default: return SQLITE_DENY;
    }
}

/* What a statement may do. */
enum guard { GUARD_NOTHING, GUARD_TABLE, GUARD_VIEW };

/* Runs the first statement of *PLACE, unless it is PASSED over; *PLACE moves behind it. */
static int take_first(struct sqlite_target *target, const char **place, enum guard guard,
                      bool passed, const char *table, struct failure *failure)
{
    sqlite3 *database = target->connection.database;
    sqlite3_stmt *statement = NULL;
    bool view = guard == GUARD_VIEW;
    int code;

    if (guard != GUARD_NOTHING)
        sqlite3_set_authorizer(database, authorize, &view);
    code = sqlite3_prepare_v2(database, *place, -1, &statement, place);
    if (code == SQLITE_OK && statement != NULL && !passed)
        code = sqlite3_step(statement);
    sqlite3_set_authorizer(database, NULL, NULL);
    sqlite3_finalize(statement);
    if (code == SQLITE_OK || code == SQLITE_DONE || code == SQLITE_ROW)
        return 0;
    return sqlite_target_failure(target, code, table, failure);
}

static int run_first(struct sqlite_target *target, const char **place, enum guard guard,
                     const char *table, struct failure *failure)
{
    return take_first(target, place, guard, false, table, failure);
}

/* SQLite takes foreign keys to tables that are not there yet. */
static int write_foreign_keys(const struct schema *like, const struct table_rules *rules,
                              struct buffer *sql)
{
    cleanup_buffer struct buffer notes = BUFFER(SQLITE_SQL_LIMIT); /* SQLite can do all */
    int error = 0;

    for (size_t f = 0; f < like->foreign_key_count && error == 0; f++) {
        const struct foreign_key *key = &like->foreign_keys[f];

        for (size_t i = 0; i < key->count && error == 0; i++) {
            error = buffer_append_text(sql, i == 0 ? ",\n  FOREIGN KEY (" : ", ");
            if (error == 0)
                error = sqlite_add_name(sql, like->columns[key->columns[i]].name);
        }
        if (error == 0)
            error = buffer_append_text(sql, ") REFERENCES ");
        if (error == 0)
            error = sqlite_add_name(sql, key->target_table);
        for (size_t i = 0; key->target_columns != NULL && i < key->count && error == 0; i++) {
            error = buffer_append_text(sql, i == 0 ? "(" : ", ");
            if (error == 0)
                error = sqlite_add_name(sql, key->target_columns[i]);
        }
        if (error == 0 && key->target_columns != NULL)
            error = buffer_append_text(sql, ")");
        if (error == 0)
            error = rules_add_acts(ENGINE_SQLITE, rules, like, key, sql, &notes);
    }
    return error == 0 ? buffer_append(sql, "\n)", 3) : error;
}

static int create_foreign(struct sqlite_target *target, const struct schema *like, const char *kind,
                          struct made_table *made, char **ret_notes, struct failure *failure)
{
    cleanup_buffer struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
    cleanup_buffer struct buffer notes = BUFFER(SQLITE_SQL_LIMIT);
    int error = table_extras_read(like, kind, &made->extras);

    if (error != 0)
        return error;
    error = create_table_write(ENGINE_SQLITE, like, kind, &made->extras, like->name, &sql, &notes);
    if (error == 0)
        error = write_foreign_keys(like, &made->extras.rules, &sql);
    if (error == 0) {
        const char *place = (const char *)sql.data;

        error = run_first(target, &place, GUARD_NOTHING, like->name, failure);
    }
    return error == 0 ? create_notes(&notes, ret_notes) : error;
}

static int create_own(struct sqlite_target *target, const struct schema *like,
                      struct made_table *made, struct failure *failure)
{
    const char *place = like->ddl;
    int error = run_first(target, &place, GUARD_TABLE, like->name, failure);

    if (error != 0)
        return error;
    made->rest = strdup(place);
    return made->rest != NULL ? 0 : -ENOMEM;
}

/* Reads what has been made. */
static int read_made(struct sqlite_target *target, const struct schema *like,
                     struct made_table *made, struct failure *failure)
{
    sqlite3_stmt *statement = NULL;
    int code = connection_prepare(
        &target->connection, &statement,
        "SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = '%q'", like->name);

    if (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
        made->table.without_rowid = sqlite3_column_int(statement, 0) != 0;
    sqlite3_finalize(statement);
    made->table.rowid_column = -1;
    made->table.schema = schema_create(like->name, 0);
    if (made->table.schema == NULL)
        return -ENOMEM;
    code = table_read(&target->connection, &made->table, target->catalogue->utf16);
    if (code != SQLITE_OK)
        return sqlite_target_failure(target, code, like->name, failure);
    return made->table.broken ? failure_set(failure, EINVAL,
                                            "table \"%s\": SQLite makes no sense of it", like->name)
                              : 0;
}

int sqlite_create_table(struct target *base, const struct schema *like, const char *kind,
                        struct schema **ret_schema, char **ret_notes, struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    struct made_table **all = reallocarray((void *)target->made_tables, target->made_count + 1,
                                           sizeof(struct made_table *));
    struct made_table *made;
    int error;

    *ret_notes = NULL;
    if (all == NULL)
        return -ENOMEM;
    target->made_tables = all;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return -ENOMEM;
    error = strcmp(kind, "sqlite") == 0 && like->ddl != NULL && like->ddl[0] != '\0'
                ? create_own(target, like, made, failure)
                : create_foreign(target, like, kind, made, ret_notes, failure);
    if (error == 0)
        error = read_made(target, like, made, failure);
    if (error != 0) {
        made_table_free(made);
        return error;
    }
    all[target->made_count++] = made;
    *ret_schema = schema_reference(made->table.schema);
    return 0;
}

/* Whether a table or an index is called so. */
static int is_name_taken(struct sqlite_target *target, const char *name, bool *ret_taken,
                         struct failure *failure)
{
    sqlite3_stmt *statement = NULL;
    int code =
        connection_prepare(&target->connection, &statement,
                           "SELECT 1 FROM main.sqlite_master WHERE name = %Q COLLATE NOCASE", name);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    *ret_taken = code == SQLITE_ROW;
    sqlite3_finalize(statement);
    return code == SQLITE_ROW || code == SQLITE_DONE
               ? 0
               : sqlite_target_failure(target, code, NULL, failure);
}

/* UNIQUES: those that are unique; else what is still lacking. */
static int add_indexes(struct sqlite_target *target, const struct made_table *made, bool uniques,
                       struct failure *failure)
{
    const struct schema *schema = made->table.schema;
    int error = 0;

    for (size_t i = 0; i < made->extras.index_count && error == 0; i++) {
        cleanup_buffer struct buffer sql = BUFFER(SQLITE_SQL_LIMIT);
        char name[CREATE_INDEX_NAME_SIZE];
        bool is_unique = made->extras.indexes[i].is_unique;
        bool is_taken;

        if (uniques ? !is_unique : is_unique && made->has_uniques)
            continue;
        create_index_name(ENGINE_SQLITE, schema, &made->extras, i, false, name);
        error = is_name_taken(target, name, &is_taken, failure);
        if (error == 0 && is_taken)
            create_index_name(ENGINE_SQLITE, schema, &made->extras, i, true, name);
        if (error == 0)
            error = create_index_write(ENGINE_SQLITE, schema, &made->extras.indexes[i], name,
                                       schema->name, &sql);
        if (error == 0)
            error = buffer_append(&sql, "", 1);
        if (error == 0) {
            const char *place = (const char *)sql.data;

            error = run_first(target, &place, GUARD_NOTHING, schema->name, failure);
        }
    }
    return error;
}

/* Runs those of SQLite's own statements that make unique indexes, and keeps the others. */
static int run_uniques(struct sqlite_target *target, struct made_table *made,
                       struct failure *failure)
{
    const char *name = made->table.schema->name;
    const char *place = made->rest;
    cleanup_buffer struct buffer left = BUFFER(SQLITE_SQL_LIMIT);
    int error = 0;

    while (*place != '\0' && error == 0) {
        const char *begin = place;
        struct sql_lexer lexer = ddl_lexer(ENGINE_SQLITE, place);
        bool is_unique = sql_accept(&lexer, "CREATE") && sql_accept(&lexer, "UNIQUE");

        error = take_first(target, &place, GUARD_TABLE, !is_unique, name, failure);
        if (error == 0 && !is_unique)
            error = buffer_append(&left, begin, (size_t)(place - begin));
    }
    if (error == 0)
        error = buffer_append(&left, "", 1);
    if (error == 0) {
        free(made->rest);
        made->rest = (char *)steal_pointer(&left.data);
    }
    return error;
}

/* Whether KEY refers to what is no primary key of SCHEMA's. */
static bool refers_elsewhere(const struct foreign_key *key, const struct schema *schema)
{
    if (!ascii_equal(key->target_table, schema->name) || key->target_columns == NULL)
        return false;
    for (size_t i = 0; i < key->count; i++) {
        size_t k = 0;

        while (k < schema->primary_key_count &&
               !ascii_equal(schema->columns[schema->primary_key[k]].name, key->target_columns[i]))
            k++;
        if (k == schema->primary_key_count)
            return true;
    }
    return key->count != schema->primary_key_count;
}

static bool is_referred(const struct sqlite_target *target, const struct schema *schema)
{
    for (size_t i = 0; i < target->target.class->table_count(&target->target); i++) {
        const struct schema *child = sqlite_nth_table(target, i)->schema;

        for (size_t f = 0; f < child->foreign_key_count; f++) {
            if (refers_elsewhere(&child->foreign_keys[f], schema))
                return true;
        }
    }
    return false;
}

int sqlite_make_referred(struct sqlite_target *target, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->made_count && error == 0; i++) {
        struct made_table *made = target->made_tables[i];

        if (made->has_uniques || !is_referred(target, made->table.schema))
            continue;
        error = made->rest != NULL ? run_uniques(target, made, failure)
                                   : add_indexes(target, made, true, failure);
        made->has_uniques = true;
    }
    return error;
}

int sqlite_complete_tables(struct sqlite_target *target, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < target->made_count && error == 0; i++) {
        struct made_table *made = target->made_tables[i];
        const char *place = made->rest;

        while (place != NULL && *place != '\0' && error == 0)
            error = run_first(target, &place, GUARD_TABLE, made->table.schema->name, failure);
        free(made->rest);
        made->rest = NULL;
        if (error == 0)
            error = add_indexes(target, made, false, failure);
        table_extras_release(&made->extras);
    }
    return error;
}

/* The view, and the triggers of it. */
int sqlite_create_view(struct target *base, const struct schema *like, struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    const char *place = like->ddl;
    int error = 0;

    if (sqlite3_exec(target->connection.database, "SAVEPOINT crmfs_view", NULL, NULL, NULL) != 0)
        return failure_set(failure, EIO, "%s", sqlite3_errmsg(target->connection.database));
    while (*place != '\0' && error == 0)
        error = run_first(target, &place, GUARD_VIEW, like->name, failure);
    sqlite3_exec(target->connection.database,
                 error == 0 ? "RELEASE crmfs_view" : "ROLLBACK TO crmfs_view; RELEASE crmfs_view",
                 NULL, NULL, NULL);
    return error;
}
