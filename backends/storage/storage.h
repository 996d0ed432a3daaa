/* SPDX-License-Identifier: MIT */
/*
 * A storage: where a store's files rest. Whole immutable files under names such
 * as "packs/3f/3f09…": put, read, listed, removed, never changed. One
 * implementation a file, behind struct storage_class; all I/O of a store passes
 * through it, so that tests can count, fail, cut short and reorder every operation.
 *
 * Durability: a file that was put is durable, and found under its name after a
 * power cut, once a later sync() has returned 0; an exclusive put when it returns.
 * A file is there whole or not at all.
 *
 * Names: segments of printable ASCII joined by '/', at most 3 segments and 200 bytes. The store's
 * own are of [0-9a-z.-]; what others have called its files ("3f09…~", "3f09… (1)") is found, too.
 * Safe from several threads at once. Errors are -errno of what the medium said.
 */
#ifndef CRMFS_STORAGE_STORAGE_H
#define CRMFS_STORAGE_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "fs/base/failure.h"

struct storage;
struct storage_writer;

/* CONTEXT, the name below the folder, the file's length in bytes, when it was put. Not 0 ends the
 * listing. */
typedef int storage_visit(void *context, const char *name, uint64_t size, time_t modified);

struct storage_class {
    /*
     * Puts a small file whole, durably; -EEXIST when the name is there already. After another
     * error it may be there all the same: the medium failed when it was about to say so.
     */
    int (*put_exclusive)(struct storage *storage, const char *name, const void *bytes, size_t size,
                         struct failure *failure);

    /*
     * A large file in pieces. It appears under its name by commit (-EEXIST when that is taken),
     * which frees the writer, as abort does; after an append that failed there is only abort.
     */
    int (*create)(struct storage *storage, const char *name, struct storage_writer **ret_writer,
                  struct failure *failure);
    int (*append)(struct storage_writer *writer, const void *bytes, size_t size,
                  struct failure *failure);
    int (*commit)(struct storage_writer *writer, struct failure *failure);
    void (*abort)(struct storage_writer *writer);

    /*
     * Whether so many bytes more could be written now: they are asked of the medium, and given
     * back. 0, also where that cannot be told; -ENOSPC, -EDQUOT. NULL: there is always room.
     */
    int (*try_room)(struct storage *storage, uint64_t bytes, struct failure *failure);

    /*
     * Everything committed or removed before is durable. What could not be made so is tried again
     * the next time; if it is lost by then, no sync of this storage succeeds until it is opened
     * anew.
     */
    int (*sync)(struct storage *storage, struct failure *failure);
    /*
     * The file is durable, and found under its name, whoever put it: another process may have
     * committed it, and not come to its sync() yet. -ENOENT. NULL: whatever can be seen is durable.
     */
    int (*flush)(struct storage *storage, const char *name, struct failure *failure);

    /* Reads exactly SIZE bytes at OFFSET. -ENOENT; -ENODATA when the file ends before; -EISDIR:
     * what has the name is no file, nor listed. */
    int (*read)(struct storage *storage, const char *name, uint64_t offset, void *bytes,
                size_t size, struct failure *failure);
    /*
     * So many bytes there will be read soon, and may be fetched meanwhile; does not wait for them,
     * nor says what is wrong. NULL: that is of no use here.
     */
    void (*expect)(struct storage *storage, const char *name, uint64_t offset, size_t size);
    int (*size)(struct storage *storage, const char *name, uint64_t *ret_size,
                struct failure *failure);

    /* Every file below FOLDER ("packs", "log", …), in no order; files being written are not among
     * them. */
    int (*list)(struct storage *storage, const char *folder, storage_visit *visit, void *context,
                struct failure *failure);

    /* As list(), but nobody asks each file for its length and time: VISIT is given zeros. NULL:
     * list() is as cheap. */
    int (*names)(struct storage *storage, const char *folder, storage_visit *visit, void *context,
                 struct failure *failure);

    /* -ENOENT when it is not there. */
    int (*remove)(struct storage *storage, const char *name, struct failure *failure);

    /* Removes what writers left behind that died before MODIFIED_BEFORE. */
    int (*sweep)(struct storage *storage, time_t modified_before, struct failure *failure);

    /*
     * An open descriptor of a folder for what belongs to this machine and is no file of the
     * storage: it is never listed, and may change. Made when missing and MAKE. NULL, or -ENOTSUP:
     * the storage is not on this machine. -ENOENT, -EROFS …
     */
    int (*local_folder)(struct storage *storage, const char *folder, bool make);

    /*
     * Where the storage is, as no other one on this machine is called; the storage's. NULL, or NULL
     * is given: that is not known.
     */
    const char *(*place)(struct storage *storage);

    /*
     * Now and then, while nothing else may be asked for: lets go of what it has open of files that
     * others have removed, which take room until then. NULL: it has none.
     */
    void (*idle)(struct storage *storage);

    void (*close)(struct storage *storage);
};

struct storage {
    const struct storage_class *class;
};

struct storage_writer {
    struct storage *storage;
};

#define STORAGE_NAME_LIMIT 200

/*
 * A local directory (backends/storage/dir.c). CREATE: it is made if missing, and
 * must hold no file, but for what an attempt before left in tmp/. -ENOENT, -ENOTDIR, -ENOTEMPTY,
 * -EACCES, -EROFS …; a directory that cannot be written to opens read-only: writes then fail with
 * -EROFS.
 */
int dir_storage_open(const char *path, int create, struct storage **ret_storage,
                     struct failure *failure);

#endif
