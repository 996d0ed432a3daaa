/* SPDX-License-Identifier: MIT */
#include "backends/target/sqlite_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "backends/source/plain_file.h"
#include "backends/target/sqlite_orphans.h"
#include "backends/target/targets.h"
#include "fs/base/called_off.h"

#define CACHE_KIB "16384"

int sqlite_target_failure(struct sqlite_target *target, int code, const char *table,
                          struct failure *failure)
{
    sqlite3 *database = target->connection.database;
    const char *said = database != NULL ? sqlite3_errmsg(database) : sqlite3_errstr(code);

    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
        return failure_set(failure, EINVAL, SHOWN_PATH ": %s%s%s%s", target->path,
                           table != NULL ? "table \"" : "", table != NULL ? table : "",
                           table != NULL ? "\": " : "", said);
    case SQLITE_BUSY:
        return failure_set(failure, EBUSY,
                           SHOWN_PATH ": it is locked by another program; try again when that has "
                                      "finished",
                           target->path);
    case SQLITE_FULL:
        return failure_set(failure, ENOSPC,
                           SHOWN_PATH ": no space is left on the disk; nothing was changed. Make "
                                      "room and try again",
                           target->path);
    case SQLITE_READONLY:
        return failure_set(failure, EROFS,
                           SHOWN_PATH ": it, or its folder, may not be written; look at the owner "
                                      "and the modes",
                           target->path);
    case SQLITE_IOERR:
        return failure_set(failure, code == SQLITE_IOERR_NOMEM ? ENOMEM : EIO,
                           SHOWN_PATH ": it cannot be written (%s); look at the disk and the "
                                      "system's log",
                           target->path, said);
    case SQLITE_INTERRUPT:
        return failure_set(failure, ECANCELED, "it was called off; nothing was changed");
    case SQLITE_ERROR:
        return failure_set(failure, EINVAL, SHOWN_PATH ": %s%s%s%s", target->path,
                           table != NULL ? "table \"" : "", table != NULL ? table : "",
                           table != NULL ? "\": " : "", said);
    default: return sqlite_failure(failure, &target->connection, code, table);
    }
}

/* ---- The transaction ------------------------------------------------------------------------- */

static int execute(struct sqlite_target *target, const char *sql, struct failure *failure)
{
    int code = sqlite3_exec(target->connection.database, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : sqlite_target_failure(target, code, NULL, failure);
}

/* What SQLite sorts for an index goes beside the database itself, into files without a name. */
static void set_temporary_folder(const char *path)
{
    const char *end = strrchr(path, '/');

    if (sqlite3_temp_directory == NULL && end != NULL && end != path)
        sqlite3_temp_directory = sqlite3_mprintf("%.*s", (int)(end - path), path);
}

static int is_cancelled(void *context)
{
    const struct sqlite_target *target = context;

    return called_off(target->options.cancelled);
}

static int connect(struct sqlite_target *target, struct failure *failure)
{
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    sqlite3 **database = &target->connection.database;
    struct stat status;

    target->made = target->create && stat(target->path, &status) != 0 && errno == ENOENT;
    set_temporary_folder(target->path);

    int code = sqlite3_open_v2(target->path, database,
                               target->made ? flags | SQLITE_OPEN_CREATE : flags, NULL);

    if (code == SQLITE_OK) {
        sqlite3_busy_timeout(*database, (int)target->options.busy_timeout_ms);
        sqlite3_db_config(*database, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(*database, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
        sqlite3_limit(*database, SQLITE_LIMIT_ATTACHED, 0);
        sqlite3_progress_handler(*database, 20000, is_cancelled, target);
        sqlite3_db_config(*database, SQLITE_DBCONFIG_ENABLE_FKEY, !target->unrelated, NULL);
        code = sqlite3_exec(*database,
                            "PRAGMA cell_size_check=1; PRAGMA temp_store=FILE;"
                            "PRAGMA cache_size=-" CACHE_KIB,
                            NULL, NULL, NULL);
    }
    return code == SQLITE_OK ? 0 : sqlite_target_failure(target, code, NULL, failure);
}

/*
 * A defensive connection refuses what writes to any table that is named as a virtual table's own.
 * Those that are its own are not in the catalogue, so nothing is written there anyway; others of
 * such names are ordinary tables, and may yet be made.
 */
static void allow_shadow_names(struct sqlite_target *target)
{
    bool virtual = false;

    for (size_t i = 0; i < target->catalogue->count; i++)
        virtual |= target->catalogue->tables[i].schema->kind == RELATION_VIRTUAL;
    if (virtual)
        sqlite3_db_config(target->connection.database, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
}

static int begin(struct target *base, struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    int error = target->connection.database == NULL ? connect(target, failure) : 0;

    if (error == 0)
        error = execute(
            target, target->look_only ? "BEGIN" : "BEGIN IMMEDIATE; PRAGMA defer_foreign_keys=1",
            failure);
    if (error != 0)
        return error;
    target->open = true;
    target->connection.ready = true;
    error = catalogue_read(&target->connection, NULL, &target->catalogue, failure);
    if (error == 0)
        allow_shadow_names(target);
    return error;
}

static size_t table_count(const struct target *base)
{
    const struct sqlite_target *target = (const struct sqlite_target *)base;

    return target->catalogue->count + target->made_count;
}

const struct table *sqlite_nth_table(const struct sqlite_target *target, size_t index)
{
    return index < target->catalogue->count
               ? &target->catalogue->tables[index]
               : &target->made_tables[index - target->catalogue->count]->table;
}

static struct schema *schema_at(const struct target *base, size_t index)
{
    return sqlite_nth_table((const struct sqlite_target *)base, index)->schema;
}

const struct table *sqlite_target_table(const struct sqlite_target *target,
                                        const struct schema *schema)
{
    for (size_t i = 0; i < table_count(&target->target); i++) {
        if (sqlite_nth_table(target, i)->schema == schema)
            return sqlite_nth_table(target, i);
    }
    return NULL;
}

static int room(const struct target *base, uint64_t *ret_bytes)
{
    struct statvfs status;

    if (statvfs(((const struct sqlite_target *)base)->path, &status) != 0)
        return -errno;
    *ret_bytes = (uint64_t)status.f_bavail * status.f_frsize;
    return 0;
}

/* ---- Constraints ----------------------------------------------------------------------------- */

/* Names the first row of TABLE that misses what it refers to. 0: there is none. */
static int find_orphan(struct sqlite_target *target, const struct table *table,
                       struct failure *failure)
{
    sqlite3_stmt *statement = NULL;
    int error = 0;
    int code = connection_prepare(&target->connection, &statement,
                                  "PRAGMA main.foreign_key_check(\"%w\")", table->schema->name);

    if (code == SQLITE_OK)
        code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        error = failure_set(failure, EINVAL,
                            "table \"%s\": a row (rowid %s) refers to a row of \"%s\" that is not "
                            "there; " TARGET_ORPHAN_HINT,
                            table->schema->name, connection_text(statement, 1),
                            connection_text(statement, 2));
    else if (code != SQLITE_DONE)
        error = sqlite_target_failure(target, code, table->schema->name, failure);
    sqlite3_finalize(statement);
    return error;
}

static int check(struct target *base, struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    int pending = 0, highest = 0;
    int error = sqlite_complete_tables(target, failure);

    if (error != 0)
        return error;
    sqlite3_db_status(target->connection.database, SQLITE_DBSTATUS_DEFERRED_FKS, &pending, &highest,
                      0);
    if (pending != 0 || sqlite_had_orphans(target))
        error = sqlite_find_new_orphan(target, failure);
    for (size_t i = 0; pending != 0 && i < table_count(base) && error == 0; i++) {
        if (sqlite_nth_table(target, i)->schema->foreign_key_count != 0)
            error = find_orphan(target, sqlite_nth_table(target, i), failure);
    }
    if (error == 0 && pending != 0)
        error =
            failure_set(failure, EINVAL, SHOWN_PATH ": a foreign key would not hold", target->path);
    return error;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

static int commit(struct target *base, struct failure *failure)
{
    struct sqlite_target *target = (struct sqlite_target *)base;
    int error;

    sqlite3_finalize(target->locked);
    target->locked = NULL;
    error = execute(target, "COMMIT", failure);
    if (error == 0) {
        target->open = false;
        target->committed = true;
    }
    return error;
}

static void rollback(struct target *base)
{
    struct sqlite_target *target = (struct sqlite_target *)base;

    sqlite3_finalize(target->locked);
    target->locked = NULL;
    if (target->open && !sqlite3_get_autocommit(target->connection.database))
        sqlite3_exec(target->connection.database, "ROLLBACK", NULL, NULL, NULL);
    target->open = false;
}

static void close_target(struct target *base)
{
    struct sqlite_target *target = (struct sqlite_target *)base;

    rollback(base);
    sqlite_watched_release(target);
    sqlite3_close_v2(target->connection.database);
    /* A file that was made for nothing. */
    if (target->made && !target->committed)
        unlink(target->path);
    for (size_t i = 0; i < target->made_count; i++)
        made_table_free(target->made_tables[i]);
    free((void *)target->made_tables);
    free(target->staged);
    catalogue_release(target->catalogue);
    free(target->cells);
    free(target->numbers);
    free(target->path);
    free(target);
}

static const struct target_class class = {
    .kind = "sqlite",
    .creates_within = true,
    .begin = begin,
    .table_count = table_count,
    .schema = schema_at,
    .room = room,
    .create_table = sqlite_create_table,
    .create_view = sqlite_create_view,
    .open_load = sqlite_open_load,
    .check = check,
    .commit = commit,
    .rollback = rollback,
    .lock_row = sqlite_lock_row,
    .update_row = sqlite_update_row,
    .delete_row = sqlite_delete_row,
    .close = close_target,
};

int sqlite_target_open(char *path, const struct target_options *options, struct target **ret_target,
                       struct failure *failure)
{
    struct sqlite_target *target = calloc(1, sizeof *target);
    struct stat status;

    if (target == NULL) {
        free(path);
        return -ENOMEM;
    }
    target->target.class = &class;
    target->path = path;
    target->connection.path = path;
    target->create = options->create;
    target->unrelated = options->unrelated;
    target->look_only = options->look_only;
    target->options = options->source;
    if (stat(path, &status) != 0 && !(errno == ENOENT && options->create)) {
        int error = failure_set(failure, errno, SHOWN_PATH ": %s", path, strerror(errno));

        close_target(&target->target);
        return error;
    }
    *ret_target = &target->target;
    return 0;
}
