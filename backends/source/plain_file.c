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
        return failure_set(failure, EISDIR,
                           SHOWN_PATH ": is a directory; name the database's file", path);
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

int plain_file_begin(const char *path, void *begin, size_t size, struct failure *failure)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

    if (vfs == NULL)
        return failure_set(failure, EIO, SHOWN_PATH ": SQLite does not start", path);

    const char *filename = sqlite3_create_filename(path, "", "", 0, NULL);
    cleanup_free sqlite3_file *file = allocate_array(1, (size_t)vfs->szOsFile);

    if (filename == NULL || file == NULL) {
        sqlite3_free_filename((char *)filename);
        return failure_set(failure, ENOMEM, SHOWN_PATH ": out of memory", path);
    }

    int code = read_begin(vfs, filename, file, begin, size);

    sqlite3_free_filename((char *)filename);
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ)
        return failure_set(failure, code == SQLITE_NOMEM ? ENOMEM : EIO,
                           SHOWN_PATH ": the file cannot be read: %s", path, sqlite3_errstr(code));
    return 0;
}
