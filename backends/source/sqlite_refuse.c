/* SPDX-License-Identifier: MIT */
#include "backends/source/sqlite_refuse.h"

int sqlite_refuse_write(sqlite3_file *file, const void *buffer, int size, sqlite3_int64 offset)
{
    (void)file;
    (void)buffer;
    (void)size;
    (void)offset;
    return SQLITE_READONLY;
}

int sqlite_refuse_truncate(sqlite3_file *file, sqlite3_int64 size)
{
    (void)file;
    (void)size;
    return SQLITE_READONLY;
}

int sqlite_no_lock(sqlite3_file *file, int level)
{
    (void)file;
    (void)level;
    return SQLITE_OK;
}

int sqlite_no_reserved_lock(sqlite3_file *file, int *ret_reserved)
{
    (void)file;
    *ret_reserved = 0;
    return SQLITE_OK;
}

int sqlite_refuse_delete(sqlite3_vfs *vfs, const char *name, int sync_directory)
{
    (void)vfs;
    (void)name;
    (void)sync_directory;
    return SQLITE_READONLY;
}
