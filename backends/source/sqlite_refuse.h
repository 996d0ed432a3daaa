/* SPDX-License-Identifier: MIT */
/*
 * What both of our views of the file system share: the parts of an SQLite file and of its VFS that
 * write, lock or remove, made to refuse or to do nothing
 * (https://www.sqlite.org/c3ref/io_methods.html).
 */
#ifndef CRMFS_BACKENDS_SOURCE_SQLITE_REFUSE_H
#define CRMFS_BACKENDS_SOURCE_SQLITE_REFUSE_H

#include <sqlite3.h>

#define SQLITE_SMALLEST_PAGE_BYTES 512

/* SQLITE_READONLY. */
int sqlite_refuse_write(sqlite3_file *file, const void *buffer, int size, sqlite3_int64 offset);
int sqlite_refuse_truncate(sqlite3_file *file, sqlite3_int64 size);
int sqlite_refuse_delete(sqlite3_vfs *vfs, const char *name, int sync_directory);

/* SQLITE_OK: every lock is granted at once, and nobody else ever holds one. */
int sqlite_no_lock(sqlite3_file *file, int level);
int sqlite_no_reserved_lock(sqlite3_file *file, int *ret_reserved);

#endif
