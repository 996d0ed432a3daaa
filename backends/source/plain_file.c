/* SPDX-License-Identifier: MIT */
#include "backends/source/plain_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/memory.h"

int plain_file_check(const char *path, struct failure *failure)
{
    struct stat about;

    if (stat(path, &about) != 0)
        return failure_set(failure, errno, SHOWN_PATH ": %s", path, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return failure_set(failure, EISDIR, SHOWN_PATH ": is a directory; name the database's file",
                           path);
    if (!S_ISREG(about.st_mode))
        return failure_set(failure, EINVAL,
                           SHOWN_PATH ": is not a regular file; name the database's file", path);
    if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
        return failure_set(failure, errno, SHOWN_PATH ": %s", path, strerror(errno));
    if (about.st_size == 0)
        return failure_set(failure, EILSEQ,
                           SHOWN_PATH ": the file is empty (0 bytes), not a database; "
                                      "is it the right one, and has its program written to it?",
                           path);
    return 0;
}

static int read_begin(sqlite3_vfs *vfs, const char *filename, sqlite3_file *file, void *begin,
                      size_t size)
{
    int code = vfs->xOpen(vfs, filename, file, SQLITE_OPEN_READONLY | SQLITE_OPEN_MAIN_DB, NULL);

    if (code == SQLITE_OK)
        code = file->pMethods->xRead(file, begin, (int)size, 0);
    if (file->pMethods != NULL)
        file->pMethods->xClose(file);
    return code;
}

static void free_filename(const char **filename)
{
    sqlite3_free_filename(*filename);
}

int plain_file_begin(const char *path, void *begin, size_t size, struct failure *failure)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    if (vfs == NULL)
        return failure_set(failure, EIO, SHOWN_PATH ": SQLite does not start", path);

    cleanup_free char *full_path = allocate_array(1, (size_t)vfs->mxPathname + 1);
    cleanup_free sqlite3_file *file = allocate_array(1, (size_t)vfs->szOsFile);

    if (full_path == NULL || file == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);
    /* Links are followed here; xOpen does not. 0 and SQLITE_OK_SYMLINK both mean success. */
    if ((vfs->xFullPathname(vfs, path, vfs->mxPathname, full_path) & 0xff) != SQLITE_OK)
        return failure_set(failure, ENAMETOOLONG,
                           SHOWN_PATH ": the path is too long for SQLite, which takes at most %d "
                                      "bytes with links followed",
                           path, vfs->mxPathname);

    const char *filename cleanup(free_filename) =
        sqlite3_create_filename(full_path, "", "", 0, NULL);

    if (filename == NULL)
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);

    int code = read_begin(vfs, filename, file, begin, size);

    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
        return failure_set(failure, code == SQLITE_NOMEM ? ENOMEM : EIO,
                           SHOWN_PATH ": the file cannot be read: %s", path, sqlite3_errstr(code));
    return 0;
}
