/* SPDX-License-Identifier: MIT */
/*
 * SQLite's own access to files, cut down to reading. Even a read-only connection
 * to a WAL database would make a -wal where there is none, and a query might put
 * rows into a temporary file; here every file is opened for reading only, none is
 * made or deleted, and anything but a database and its journals is refused.
 *
 * A file that ends within a page is an error here. SQLite takes the missing part
 * for zeros, and would show them when a database is cut short while it is read.
 *
 * The unlocked kind takes no locks and has no shared memory; but it still closes
 * files the way the locking kind does, for a process that closes any descriptor
 * of a file by itself loses the locks that its other connections hold on it.
 */
#include "backends/source/sqlite_internal.h"

#include <string.h>

#include "backends/source/sqlite_refuse.h"

static sqlite3_vfs *below;
static sqlite3_vfs locking_vfs;
static sqlite3_vfs unlocked_vfs;

/* The methods of a database's file; made from SQLite's when the first is opened. */
static pthread_mutex_t methods_lock = PTHREAD_MUTEX_INITIALIZER;
static const sqlite3_io_methods *methods_below; /* guarded by methods_lock until set */
static sqlite3_io_methods locking_methods;
static sqlite3_io_methods unlocked_methods;

static int read_whole(sqlite3_file *file, void *buffer, int size, sqlite3_int64 offset)
{
    int code = methods_below->xRead(file, buffer, size, offset);

    return code == SQLITE_IOERR_SHORT_READ && offset >= SQLITE_SMALLEST_PAGE_BYTES ? SQLITE_CORRUPT
                                                                                   : code;
}

/* Whether FILE's methods are those that ours stand on. */
static bool make_methods(const sqlite3_file *file)
{
    pthread_mutex_lock(&methods_lock);
    if (methods_below == NULL) {
        methods_below = file->pMethods;
        locking_methods = *file->pMethods;
        locking_methods.xRead = read_whole;
        locking_methods.xWrite = sqlite_refuse_write;
        locking_methods.xTruncate = sqlite_refuse_truncate;
        unlocked_methods = locking_methods;
        unlocked_methods.iVersion = 1; /* no shared memory */
        unlocked_methods.xLock = sqlite_no_lock;
        unlocked_methods.xUnlock = sqlite_no_lock;
        unlocked_methods.xCheckReservedLock = sqlite_no_reserved_lock;
    }

    bool same = methods_below == file->pMethods;

    pthread_mutex_unlock(&methods_lock);
    return same;
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                     int *ret_flags)
{
    const int readable = SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL;

    file->pMethods = NULL;
    if (name == NULL || (flags & readable) == 0)
        return SQLITE_CANTOPEN;
    flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_DELETEONCLOSE);

    int code = below->xOpen(below, name, file, flags | SQLITE_OPEN_READONLY, ret_flags);

    if (code != SQLITE_OK || (flags & SQLITE_OPEN_MAIN_DB) == 0)
        return code;
    if (!make_methods(file)) {
        file->pMethods->xClose(file);
        file->pMethods = NULL;
        return SQLITE_CANTOPEN;
    }
    file->pMethods = vfs == &unlocked_vfs ? &unlocked_methods : &locking_methods;
    return SQLITE_OK;
}

/* As root, SQLite gives every -wal and -shm that it opens to the database's owner: a change. */
static int no_fchown(int descriptor, uid_t owner, gid_t group)
{
    (void)descriptor;
    (void)owner;
    (void)group;
    return 0;
}

static int registered; /* an SQLite result code */

static void register_both(void)
{
    below = sqlite3_vfs_find("unix");
    if (below == NULL) {
        registered = SQLITE_ERROR;
        return;
    }
    registered =
        below->xSetSystemCall(below, "fchown", (sqlite3_syscall_ptr)(void (*)(void))no_fchown);
    if (registered != SQLITE_OK)
        return;
    /* The other functions do not mind whose they are called as: what they need is in the copy. */
    locking_vfs = *below;
    locking_vfs.pNext = NULL;
    locking_vfs.zName = SQLITE_VFS_LOCKING;
    locking_vfs.xOpen = open_file;
    locking_vfs.xDelete = sqlite_refuse_delete;
    unlocked_vfs = locking_vfs;
    unlocked_vfs.zName = SQLITE_VFS_UNLOCKED;
    registered = sqlite3_vfs_register(&locking_vfs, 0);
    if (registered == SQLITE_OK)
        registered = sqlite3_vfs_register(&unlocked_vfs, 0);
}

int sqlite_vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, register_both);
    return registered;
}
