/* SPDX-License-Identifier: MIT */
#include "backends/source/sqlite.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/plain_file.h"
#include "backends/source/sqlite_internal.h"
#include "fs/base/called_off.h"
#include "fs/base/memory.h"

#define OPEN_FLAGS \
    (SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI | SQLITE_OPEN_EXRESCODE)
#define STEPS_BETWEEN_LOOKS 20000 /* of SQLite's machine: some tenths of a millisecond */
#define CACHE_KIB "1024"          /* of pages, a connection */
#define HEADER_WRITE_VERSION 18   /* where a database's header has it; the read version follows */
#define VERSION_WAL 2

/* --- connections -------------------------------------------------------------------------- */

/*
 * PATH as a URI. readonly_shm: the shared memory is neither made nor written, and a reader that
 * is alone works from the -wal by itself. NULL: no memory.
 */
static char *make_uri(const char *path, enum moment moment)
{
    static const char *const options[] = {
        [MOMENT_SNAPSHOT] = "?readonly_shm=1",
        [MOMENT_LOCKED] = "",
        [MOMENT_FILE] = "?immutable=1",
        [MOMENT_FILE_LOG] = "",
        [MOMENT_HELD] = "",
    };
    static const char digits[] = "0123456789ABCDEF";
    char *uri = malloc(sizeof "file:" + 3 * strlen(path) + strlen(options[moment]));

    if (uri == NULL)
        return NULL;

    char *to = stpcpy(uri, "file:");

    for (const char *from = path; *from != '\0'; from++) {
        if (strchr("%?#", *from) == NULL) {
            *to++ = *from;
        } else {
            *to++ = '%';
            *to++ = digits[(unsigned char)*from >> 4];
            *to++ = digits[*from & 15];
        }
    }
    stpcpy(to, options[moment]);
    return uri;
}

/*
 * A collation of the database's own program. An index that is merely walked along does not need
 * it; whatever does, fails: rows in a wrong order, or wrongly taken for equal, would be wrong rows.
 */
static int foreign_collation(void *context, int left_size, const void *left, int right_size,
                             const void *right)
{
    struct connection *connection = context;
    int common = left_size < right_size ? left_size : right_size;
    int order = memcmp(left, right, (size_t)common);

    connection->foreign_collation = true;
    sqlite3_interrupt(connection->database);
    return order != 0 ? order : left_size - right_size;
}

static void need_collation(void *context, sqlite3 *database, int encoding, const char *name)
{
    (void)encoding;
    sqlite3_create_collation(database, name, SQLITE_UTF8, context, foreign_collation);
}

static int configure(struct connection *connection, enum moment moment, unsigned busy_timeout_ms)
{
    static const struct {
        int option;
        int value;
    } switches[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        /* SQLite 3.40 has the JSON functions and FTS among what an untrusted schema may not use;
         * all that is built in only reads. */
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 1},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, 0},
    };
    sqlite3 *database = connection->database;
    int code = SQLITE_OK;

    sqlite3_busy_timeout(database, busy_timeout_ms > INT32_MAX ? INT32_MAX : (int)busy_timeout_ms);
    for (size_t i = 0; i < sizeof switches / sizeof *switches && code == SQLITE_OK; i++)
        code = sqlite3_db_config(database, switches[i].option, switches[i].value, NULL);
    sqlite3_limit(database, SQLITE_LIMIT_ATTACHED, 0);
    connection->longest = sqlite3_limit(database, SQLITE_LIMIT_LENGTH, -1);
    if (code == SQLITE_OK)
        code = sqlite3_collation_needed(database, connection, need_collation);
    if (code == SQLITE_OK)
        code = sqlite3_exec(database,
                            "PRAGMA query_only=1; PRAGMA temp_store=MEMORY;"
                            "PRAGMA cell_size_check=1; PRAGMA mmap_size=0;",
                            NULL, NULL, NULL);
    /* Alone with the file, SQLite keeps the index of the -wal in memory of its own. */
    if (code == SQLITE_OK && moment == MOMENT_FILE_LOG)
        code = sqlite3_exec(database, "PRAGMA locking_mode=EXCLUSIVE", NULL, NULL, NULL);
    return code;
}

/* A view may keep SQLite busy for ever without giving a row. */
static int is_to_end(void *context)
{
    struct connection *connection = context;
    const struct source_bound *bound = connection->bound;

    connection->ended = 0;
    if (called_off(connection->cancelled))
        connection->ended = -ECANCELED;
    else if (bound != NULL && bound->look != NULL)
        connection->ended = bound->look(bound->context);
    return connection->ended != 0;
}

/* CODE: what opening gave. */
static int finish_open(struct connection *connection, int code, enum moment moment,
                       const struct source_options *options, struct failure *failure)
{
    if (code == SQLITE_OK)
        code = configure(connection, moment, options->busy_timeout_ms);
    if (code == SQLITE_OK) {
        connection->cancelled = options->cancelled;
        sqlite3_progress_handler(connection->database, STEPS_BETWEEN_LOOKS, is_to_end, connection);
        return 0;
    }

    int error = sqlite_failure(failure, connection, code, NULL);

    connection_close(connection);
    return error;
}

int connection_open(struct connection *connection, const char *path, enum moment moment,
                    const struct source_options *options, struct failure *failure)
{
    cleanup_free char *uri = make_uri(path, moment);

    *connection = (struct connection){.path = path};
    if (uri == NULL)
        return sqlite_no_memory(failure, path);

    int code = sqlite_vfs_register();

    if (code == SQLITE_OK)
        code =
            sqlite3_open_v2(uri, &connection->database, OPEN_FLAGS,
                            moment == MOMENT_FILE_LOG ? SQLITE_VFS_UNLOCKED : SQLITE_VFS_LOCKING);
    return finish_open(connection, code, moment, options, failure);
}

int connection_open_held(struct connection *connection, const char *name, struct held_bytes *bytes,
                         const struct source_options *options, struct failure *failure)
{
    char uri[64];
    int code = sqlite_held_vfs_register();

    *connection = (struct connection){.path = name};
    snprintf(uri, sizeof uri, "file:held?immutable=1&held=%p", (void *)bytes);
    if (code == SQLITE_OK)
        code = sqlite3_open_v2(uri, &connection->database, OPEN_FLAGS, SQLITE_VFS_HELD);
    return finish_open(connection, code, MOMENT_HELD, options, failure);
}

void connection_close(struct connection *connection)
{
    sqlite3_close_v2(connection->database);
    connection->database = NULL;
}

int connection_start(struct connection *connection)
{
    int code = sqlite3_exec(connection->database, "BEGIN", NULL, NULL, NULL);

    /* The first read takes the lock; this one reads no schema. */
    if (code == SQLITE_OK)
        code = sqlite3_exec(connection->database, "PRAGMA schema_version", NULL, NULL, NULL);
    return code;
}

void connection_end(struct connection *connection)
{
    if (!sqlite3_get_autocommit(connection->database))
        sqlite3_exec(connection->database, "ROLLBACK", NULL, NULL, NULL);
}

int connection_ready(struct connection *connection, struct failure *failure)
{
    if (connection->ready)
        return 0;

    int code =
        sqlite3_exec(connection->database, "PRAGMA cache_size=-" CACHE_KIB, NULL, NULL, NULL);

    if (code != SQLITE_OK)
        return sqlite_failure(failure, connection, code, NULL);
    connection->ready = true;
    return 0;
}

int connection_header_says_wal(struct connection *connection, bool *ret_wal)
{
    uint8_t header[100] = {0};
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(connection->database, "main", SQLITE_FCNTL_FILE_POINTER, &file);

    if (code == SQLITE_OK)
        code = file->pMethods->xRead(file, header, sizeof header, 0);
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
        return code;
    *ret_wal = header[HEADER_WRITE_VERSION + 1] == VERSION_WAL;
    return SQLITE_OK;
}

int connection_keep_log(struct connection *connection)
{
    sqlite3_file *file = NULL;
    int code = sqlite3_file_control(connection->database, "main", SQLITE_FCNTL_FILE_POINTER, &file);

    return code == SQLITE_OK ? file->pMethods->xLock(file, SQLITE_LOCK_SHARED) : code;
}

int connection_data_version(struct connection *connection, int64_t *ret_version)
{
    sqlite3_stmt *statement;
    int code = connection_prepare(connection, &statement, "PRAGMA data_version");

    if (code != SQLITE_OK)
        return code;
    code = sqlite3_step(statement);
    if (code == SQLITE_ROW)
        *ret_version = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return code == SQLITE_ROW ? SQLITE_OK : code == SQLITE_DONE ? SQLITE_ERROR : code;
}

int connection_prepare(struct connection *connection, sqlite3_stmt **ret_statement,
                       const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);

    char *sql = sqlite3_vmprintf(format, arguments);

    va_end(arguments);
    if (sql == NULL)
        return SQLITE_NOMEM;

    int code = sqlite3_prepare_v2(connection->database, sql, -1, ret_statement, NULL);

    sqlite3_free(sql);
    return code;
}

const char *connection_text(sqlite3_stmt *statement, int column)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text != NULL ? text : "";
}

/* --- sources ------------------------------------------------------------------------------ */

/*
 * What is no database any more was one before: to whoever reads its files, an error of input. And
 * what is not there was.
 */
static int unreadable(int error, struct failure *failure)
{
    struct failure said;

    if (error == -ENOENT && failure != NULL) {
        said = *failure;
        return failure_set(failure, ENOENT,
                           "%s; if it was moved or deleted, put it back, or unmount and mount what "
                           "took its place",
                           said.text);
    }
    if (error != -EILSEQ)
        return error;
    if (failure != NULL)
        failure->code = EIO;
    return -EIO;
}

static int source_version(struct source *base, struct source_version *ret_version,
                          struct failure *failure)
{
    const struct sqlite_source *source = (const struct sqlite_source *)base;
    cleanup_place struct place place = {.path = NULL};
    int error = place_look(source->path, &place, failure);

    if (error != 0)
        return unreadable(error, failure);
    *ret_version = place_version(&place);
    return 0;
}

static int source_begin(struct source *source, struct dataset **ret_dataset,
                        struct source_version *ret_version, struct failure *failure)
{
    int error = sqlite_begin((struct sqlite_source *)source, ret_dataset, ret_version, failure);

    return error != 0 ? unreadable(error, failure) : 0;
}

static void source_close(struct source *base)
{
    struct sqlite_source *source = (struct sqlite_source *)base;

    catalogue_release(source->latest);
    pthread_mutex_destroy(&source->lock);
    free(source->path);
    free(source);
}

static const struct source_class class = {
    .kind = "sqlite",
    .version = source_version,
    .begin = source_begin,
    .close = source_close,
};

/* The working directory changes when crmfs becomes a daemon. Links stay as they are named. */
static char *absolute_path(const char *path)
{
    if (*path == '/')
        return strdup(path);

    cleanup_free char *directory = getcwd(NULL, 0);
    char *absolute = NULL;

    if (directory == NULL || asprintf(&absolute, "%s/%s", directory, path) < 0)
        return NULL;
    return absolute;
}

int sqlite_source_open(const char *path, const struct source_options *options,
                       struct source **ret_source, struct failure *failure)
{
    struct sqlite_source *source = calloc(1, sizeof *source);
    struct dataset *dataset;
    struct source_version version;

    if (source == NULL)
        return sqlite_no_memory(failure, path);
    source->source.class = &class;
    source->path = absolute_path(path);
    source->options = *options;
    pthread_mutex_init(&source->lock, NULL);
    if (source->path == NULL) {
        source_close(&source->source);
        return sqlite_no_memory(failure, path);
    }

    int error = sqlite_begin(source, &dataset, &version, failure);

    if (error != 0) {
        source_close(&source->source);
        return error;
    }
    dataset->class->release(dataset);
    *ret_source = &source->source;
    return 0;
}
