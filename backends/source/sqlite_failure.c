/* SPDX-License-Identifier: MIT */
#include "backends/source/sqlite_internal.h"

#include <errno.h>
#include <string.h>

#include "backends/source/plain_file.h"

/* What SQLite said, as an errno and in words: what failed; what to do. */
struct verdict {
    int code;
    const char *words;
};

static struct verdict read_only(int code)
{
    if (code == SQLITE_READONLY_ROLLBACK)
        return (struct verdict){
            EROFS, "a program died while it wrote and left a -journal beside the database; crmfs "
                   "does not repair what it only reads: open the database once with the program "
                   "it belongs to, or with sqlite3"};
    if (code == SQLITE_READONLY_RECOVERY || code == SQLITE_READONLY_CANTINIT)
        return (struct verdict){
            EBUSY, "its -wal needs recovery after a program died; open the database once with the "
                   "program it belongs to, or with sqlite3"};
    return (struct verdict){EROFS, "it asks to be written, which crmfs does not do"};
}

static struct verdict cannot_open(int system_error)
{
    switch (system_error) {
    case ENOENT: return (struct verdict){ENOENT, "no such file; was the database moved?"};
    case EMFILE:
    case ENFILE:
        return (struct verdict){system_error, "too many open files; raise the limit (ulimit -n)"};
    default:
        return (struct verdict){EACCES, "it or a file beside it (-wal, -shm, -journal) cannot be "
                                        "opened; look at their owners and modes"};
    }
}

static struct verdict judge(int code, int system_error)
{
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return (struct verdict){EBUSY,
                                "it is locked by another program; try again when that has "
                                "finished, or wait longer (a mount: -o busy-timeout=SECONDS)"};
    case SQLITE_NOTADB:
        return (struct verdict){EILSEQ, "it is not a SQLite database, or it is encrypted; crmfs "
                                        "reads plain ones only"};
    case SQLITE_CORRUPT:
        return (struct verdict){EIO, "the database is damaged; see what PRAGMA integrity_check "
                                     "says, and restore a backup"};
    case SQLITE_READONLY: return read_only(code);
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH: return cannot_open(system_error);
    case SQLITE_NOMEM:
        return (struct verdict){ENOMEM, "out of memory: end other programs, or give the machine "
                                        "more"};
    case SQLITE_INTERRUPT: return (struct verdict){EINTR, "interrupted"};
    case SQLITE_TOOBIG:
        return (struct verdict){EFBIG, "a value in it is larger than SQLite can handle"};
    case SQLITE_IOERR:
        return (struct verdict){code == SQLITE_IOERR_NOMEM ? ENOMEM : EIO,
                                "the file cannot be read; look at the disk and the system's log"};
    default: return (struct verdict){EIO, NULL};
    }
}

int sqlite_failure(struct failure *failure, struct connection *connection, int code,
                   const char *table)
{
    sqlite3 *database = connection->database;
    int system_error = database != NULL ? sqlite3_system_errno(database) : 0;
    struct verdict verdict = judge(code, system_error);
    const char *said = database != NULL && sqlite3_extended_errcode(database) == code
                           ? sqlite3_errmsg(database)
                           : sqlite3_errstr(code);

    if ((code & 0xff) == SQLITE_INTERRUPT && connection->ended != 0)
        verdict = (struct verdict){-connection->ended, "reading it was called off"};
    if (connection->foreign_collation) {
        verdict = (struct verdict){EIO, "to read it takes a sorting order (collation) that only "
                                        "the database's own program has"};
        said = "unknown collation";
    }
    if (failure == NULL)
        return -verdict.code;
    return failure_set(
        failure, verdict.code, SHOWN_PATH "%s%.200s%s: %s%s%.200s%s", connection->path,
        table != NULL ? ": table \"" : "", table != NULL ? table : "", table != NULL ? "\"" : "",
        verdict.words != NULL ? verdict.words : "", verdict.words != NULL ? " (SQLite: " : "", said,
        verdict.words != NULL ? ")" : "");
}

int sqlite_no_memory(struct failure *failure, const char *path)
{
    return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);
}
