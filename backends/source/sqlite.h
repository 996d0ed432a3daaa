/* SPDX-License-Identifier: MIT */
/*
 * SQLite databases as sources. A database is only ever read: neither it nor its
 * -wal and -journal are written, and no file is made beside it, not even the
 * -shm that SQLite's own read-only mode would leave behind.
 *
 * How a dataset is one moment depends on what lies beside the database:
 *
 *   -wal and -shm         a program has it open in WAL mode. All connections
 *                         read one and the same snapshot; nobody waits.
 *   no -wal               a rollback journal database: a SHARED lock is held
 *                         while it is read, and writers wait (hurry). A WAL
 *                         database that was closed: the file is complete by
 *                         itself and is read as it is, under a SHARED lock, which
 *                         has programs that come and go leave their -wal there;
 *                         verify() tells whether a checkpoint changed the file
 *                         meanwhile (hurry).
 *   -wal but no -shm      left by a program that died, or copied so: read
 *                         together, without locks, as above (hurry).
 *
 * Tables stand in the order of their primary key, else of the shortest unique
 * key over NOT NULL columns, else of their rowids; an index serves it, nothing
 * is sorted. What has none of them (views, some virtual tables) is sorted by all
 * columns, in memory, for SQLite would otherwise put its rows into temporary
 * files; so beyond SQLITE_SORT_BYTES of rows it is shown in the order in which
 * SQLite finds it, and its memory is bounded.
 *
 * A cell above CELL_INLINE_BYTES comes without data and is read in pieces. From
 * memory come those of views, virtual tables, WITHOUT ROWID tables, tables with
 * generated columns, tables whose rowid has no name left or no room beside the
 * columns, and databases in UTF-16: SQLite gives these no other way.
 */
#ifndef CRMFS_SOURCE_SQLITE_H
#define CRMFS_SOURCE_SQLITE_H

#include "backends/source/source.h"
#include "fs/base/failure.h"

/*
 * PATH is the database's file. Reads it enough to know that it is one. -ENOENT,
 * -EACCES, -EISDIR, -EILSEQ (no database, or an encrypted one), -EBUSY (locked),
 * -EROFS (a crashed program's journal must be rolled back first), -EIO (damaged).
 */
int sqlite_source_open(const char *path, const struct source_options *options,
                       struct source **ret_source, struct failure *failure);

#endif
