/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the directory storage share: the directory, ways into it
 * that follow no symbolic link, and which of its folders are still to be flushed.
 *
 * How a file becomes durable:
 * 1. It is written as tmp/<32 hex digits>.
 * 2. It is moved to its name, never over a file that is there already. From
 *    here on readers see it, whole.
 * 3. Its data is flushed (fdatasync); for an exclusive put before 2, for others by the next sync(),
 *    while the kernel has begun with it.
 * 4. The folder that the name stands in is flushed, and, if the folder may be
 *    younger than the last flush of those above it, they are as well. For an
 *    exclusive put this is done at once, for others by the next sync().
 * A power cut before 4 may take the name away; before 3, of a file that is no exclusive put, part
 * of the data as well. If 3 fails for one file, it is written again before a sync() succeeds
 * (dir_flush.c).
 */
#ifndef CRMFS_STORAGE_DIR_INTERNAL_H
#define CRMFS_STORAGE_DIR_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <xxhash.h>

#include "backends/storage/dir_files.h"
#include "backends/storage/storage.h"

#define TEMPORARY_FOLDER "tmp"
#define TEMPORARY_NAME_DIGITS 32

#define UNFLUSHED_MOST 64

struct dir_folder {
    char *name;    /* relative to the store; "": the store's own */
    bool dirty;    /* names in it came or went since it was flushed */
    bool flushing; /* belongs to the sync() under way */
    bool durable;  /* it will be found after a power cut: all above it were flushed since */
};

/* A file that has its name, and whose data may not be durable yet. */
struct dir_unflushed {
    int file; /* open; closed once it was tried */
    uint64_t size;
    uint64_t sum; /* XXH64 of what was written */
    char name[STORAGE_NAME_LIMIT + 1];
};

struct dir_storage {
    struct storage base;
    char *path;
    char *place; /* the same without links, from the root; NULL: not known */
    int root;
    bool read_only;
    bool withheld;    /* read-only, since its owner could not read what we would write */
    bool gives_away;  /* what we make becomes its owner's; else it stays ours */
    atomic_bool walk; /* the kernel has no openat2 */

    struct dir_files files;

    pthread_mutex_t unflushed_lock; /* guards these */
    struct dir_unflushed unflushed[UNFLUSHED_MOST];
    size_t unflushed_count;
    unsigned flushing_count; /* taken out of them, by who found no room */
    pthread_cond_t flushed;
    struct dir_unflushed doubtful[UNFLUSHED_MOST]; /* that could not be flushed */
    size_t doubtful_count;
    int lost; /* errno; what was written is there no more, or is not known any more: it stays */

    /* One sync() at a time: a second may not return before the first has flushed what both want. */
    pthread_mutex_t sync_lock;

    pthread_mutex_t lock; /* guards all below */
    size_t folder_count;
    struct dir_folder *folders; /* that something was put in or removed from; they only grow */
};

static inline struct dir_storage *dir_of(struct storage *storage)
{
    return (struct dir_storage *)storage;
}

/* Whether the store's directory was removed while it is open. */
bool dir_is_gone(const struct dir_storage *dir);

/* Words what could not be done to NAME; returns -CODE. */
int dir_failure(const struct dir_storage *dir, int code, const char *tried, const char *name,
                struct failure *failure);

/* 0; -EINVAL when NAME is none for a storage; -EROFS when WRITES and the directory is read-only. */
int dir_check(const struct dir_storage *dir, const char *name, bool writes,
              struct failure *failure);

/*
 * Opens a file or folder below the store ("" is the store itself) without
 * following symbolic links on any part of the way. The descriptor or -errno.
 */
int dir_open_at(struct dir_storage *dir, const char *name, int flags);

/* Opens a folder, made with those above it when missing and MAKE. The descriptor or -errno. */
int dir_open_folder(struct dir_storage *dir, const char *folder, bool make, int flags);

/* The part of NAME before its last '/', or ""; returns where the last segment begins. */
const char *dir_split(const char *name, char folder[STORAGE_NAME_LIMIT + 1]);

/* Makes an entry for FOLDER in `folders`, and for those above it. 0 or -ENOMEM. */
int dir_folder_add(struct dir_storage *dir, const char *folder);

/* Names in FOLDER, which was added before, have changed: the next sync() flushes it. */
void dir_folder_mark(struct dir_storage *dir, const char *folder);

/* Flushes FOLDER, which was added before, now. 0 or -errno. */
int dir_folder_flush(struct dir_storage *dir, const char *folder);

/* Takes over FILE's descriptor; its data is to be durable after the next sync(). */
void dir_flush_later(struct dir_storage *dir, const struct dir_unflushed *file);

/* All of those. 0 or -errno; *ret_lost: it will be no other the next time. For sync() alone. */
int dir_flush_files(struct dir_storage *dir, bool *ret_lost);

void dir_flush_end(struct dir_storage *dir); /* closes them */

int dir_flush_data(int file); /* 0 or -errno */

int dir_write_all(int file, const void *data, size_t size); /* 0 or -errno */

/* A new file in the folder tmp/, to be written: its descriptor or -errno, and its name. */
int dir_make_temporary(const struct dir_storage *dir, int folder,
                       char ret_name[TEMPORARY_NAME_DIGITS + 1]);

/* False: what we would write, the owner of the directory could not read. */
bool dir_owner_look(struct dir_storage *dir);

/* A descriptor of what was just made becomes the owner's, if that is to be. 0 or -errno. */
int dir_owner_give(const struct dir_storage *dir, int made);

/* Whether the name of a file in tmp/ is one that this storage gives. */
bool dir_temporary_name(const char *name);

/* The rest of struct storage_class that writes; dir_write.c, dir_folder.c, dir_flush.c. */
int dir_put_exclusive(struct storage *storage, const char *name, const void *bytes, size_t size,
                      struct failure *failure);
int dir_try_room(struct storage *storage, uint64_t bytes, struct failure *failure);
int dir_create(struct storage *storage, const char *name, struct storage_writer **ret_writer,
               struct failure *failure);
int dir_append(struct storage_writer *base, const void *bytes, size_t size,
               struct failure *failure);
int dir_commit(struct storage_writer *base, struct failure *failure);
void dir_abort(struct storage_writer *base);
int dir_sync(struct storage *storage, struct failure *failure);
int dir_flush(struct storage *storage, const char *name, struct failure *failure);
int dir_remove(struct storage *storage, const char *name, struct failure *failure);
int dir_sweep(struct storage *storage, time_t modified_before, struct failure *failure);

#endif
