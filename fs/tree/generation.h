/* SPDX-License-Identifier: MIT */
/*
 * A generation: the dataset of a live source as the mount shows it at one
 * moment. Its names are fixed from the start; a table is read through into an
 * image when its size is first asked for.
 *
 *   OPEN     the dataset's transaction is open: any table can be read through.
 *   RESTING  it is closed (all is read, or nobody asked for a while, or the
 *            source is in a hurry). Images remain. To read another table, the
 *            source is asked for a new dataset: if it is of the same version,
 *            the generation is OPEN again; if not, the generation has ended and
 *            its unread tables answer -ESTALE, upon which the kernel looks the
 *            name up again and finds the next generation; or, who has read files
 *            of this one, an error (fs/tree/pins.h). So does a generation end
 *            that is OPEN when the source cannot show a table as it was, because
 *            it was made anew meanwhile. Nobody begins to read files of one of which
 *            that is known (generation_is_cut_off).
 *   RETIRED  not the newest any more and without users: images are given back,
 *            attributes stay for inodes that the kernel still remembers.
 *
 * Invariants: a table's sizes, once told, never change; an image lives as long
 * as a file in it is open, whatever becomes of the generation; at most one scan
 * runs in a generation at a time (memory stays bounded).
 *
 * Users are open files, open listings and pins (fs/tree/pins.h). References keep
 * the struct; users keep the images.
 */
#ifndef CRMFS_TREE_GENERATION_H
#define CRMFS_TREE_GENERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/table/reader.h"
#include "fs/table/records.h"
#include "fs/tree/history.h"
#include "fs/tree/keeper.h"
#include "fs/tree/node.h"
#include "fs/tree/view_bounds.h"

/* What all generations of a mount share. */
struct generation_context {
    struct spool *spool;
    struct render_cache *cache;
    const uint8_t *cut_key;
    unsigned scan_threads;
    const bool *cancelled; /* atomic: the mount is ending */
    struct keeper *keeper; /* NULL: there is no store, and nothing is kept */
    /* Called when the spool is full: what can be kept elsewhere leaves it. NULL: nothing can. */
    void (*relieve_spool)(void *owner);
    void *owner;
    struct records *records;
    bool list_records; /* folders of rows are listed */
};

struct generation;

/*
 * Asked whether a table's file may be opened, with the generation pinned (-ESTALE: it is to be
 * looked up again); told when it is, is being read (once a second), and closed. TOLD: of this
 * opening the owner will be told.
 */
struct generation_owner {
    int (*may_open)(struct generation_owner *owner, const struct caller *caller,
                    struct generation *generation, bool told, struct failure *failure);
    void (*opened)(struct generation_owner *owner, const struct caller *caller,
                   struct generation *generation, const char *name);
    void (*used)(struct generation_owner *owner, pid_t process);
    void (*closed)(struct generation_owner *owner, pid_t process);
};

struct generation_options {
    const struct generation_context *context;
    struct source *source;
    struct generation_owner *owner; /* must outlive the generation */
    const char *source_name;
    const char *path; /* of the source's folder below the mountpoint */
    struct history *history;
    struct view_bounds *views; /* outlives the generation, as the history */
    uint64_t serial;
    /* The newest so far, if any: of the same version, its images are taken over. Borrowed. */
    struct generation *before;
    /*
     * A source in a hurry is read through before anyone sees the generation: the one
     * before has ended because the source goes on faster than readers come back.
     */
    bool at_once;
};

/* Begins a dataset and reads its catalogue, no rows. Fails as the source does. */
int generation_create(const struct generation_options *options, struct generation **ret_generation,
                      struct failure *failure);
void generation_reference(struct generation *generation);
void generation_release(struct generation *generation);

const struct source_version *generation_version(const struct generation *generation);
struct timespec generation_changed(const struct generation *generation);

/* When the folder's names last changed, as far as that was seen. */
struct timespec generation_names_changed(const struct generation *generation);

/* One more, one fewer user; each also a reference. */
void generation_use(struct generation *generation);
void generation_leave(struct generation *generation);

/* The same for a walk: unlike open files, it may yet ask for tables that are not read. */
void generation_pin(struct generation *generation);
void generation_unpin(struct generation *generation);

/* It is not the newest any more: retires as soon as it has no users. */
void generation_supersede(struct generation *generation);

/* Whether an unread table turned out to be unreadable because the source has gone on. */
bool generation_has_ended(struct generation *generation);

/*
 * Whether a view was read that may show something else by now, although the source is the same
 * (fs/tree/passing_views.h). Asked by one thread at a time.
 */
bool generation_has_passed(struct generation *generation);

/*
 * Whether tables of it that were not read so far cannot be read any more: it has ended, or the
 * source has gone on and the dataset is closed. Stays so while it is pinned.
 */
bool generation_is_cut_off(struct generation *generation);

/* Words what it ended of, to somebody who has read other files of it; returns -EIO. */
int generation_tell_end(struct generation *generation, struct failure *failure);

bool generation_is_retired(struct generation *generation);

/*
 * Closes the dataset if no walk is under way and nobody has asked the generation for IDLE_NS; or
 * if nobody has read or asked for WALK_IDLE_NS, although one is.
 */
void generation_rest(struct generation *generation, uint64_t idle_ns, uint64_t walk_idle_ns);

/*
 * Has what was read through kept for the next mount, if nobody has asked or read for IDLE_NS and
 * the source has not gone on: what is not current any more is of no use to another mount.
 */
void generation_keep(struct generation *generation, uint64_t idle_ns);

/* What of it was given to be kept, and is by now, is read from there: the spool has room for
 * others.
 */
void generation_leave_spool(struct generation *generation);

/* Its files, in the order of the listing. */
size_t generation_file_count(const struct generation *generation);
const char *generation_file_name(const struct generation *generation, size_t index);
bool generation_file_is_shown(const struct generation *generation, size_t index);
uint64_t generation_file_inode(const struct generation *generation, size_t index);
struct node *generation_file(struct generation *generation, size_t index); /* a reference */

/* The folder raw/ of an archive, borrowed; NULL: there is none. */
struct node *generation_raw(const struct generation *generation);
#define GENERATION_RAW "raw"

/*
 * Makes sure that the file's attributes are known: reads its table through if
 * need be. -ESTALE when the source has gone on meanwhile, -ETIMEDOUT for a view that
 * was given up, -ECANCELED when CANCELLED (atomic; NULL: never) turned true and nobody
 * else waits for the table; else as a scan fails.
 */
int generation_prepare(struct generation *generation, size_t index, const bool *cancelled,
                       struct failure *failure);

/* The file's index, or -ENOENT. */
ssize_t generation_find(const struct generation *generation, const char *name);

/* The table whose files have the stem NAME, if its rows have a key; else -ENOENT. */
ssize_t generation_find_keyed(const struct generation *generation, const char *name);

/* The table that a file of the folder is of, and its format; -ENOENT: it is none's. */
ssize_t generation_find_file_table(const struct generation *generation, const char *name,
                                   enum table_format *ret_format);

/* How many tables there are, and what a table's folder of rows is called; NULL: it has none. */
size_t generation_table_count(const struct generation *generation);
const char *generation_records_name(const struct generation *generation, size_t table);

bool generation_is_read(struct generation *generation, size_t table);
const struct schema *generation_schema(const struct generation *generation, size_t table);

/*
 * The table's image, and its NDJSON file, both with a reference; it is read through if need be.
 * As generation_prepare. Opening that file for a row of it is not noted as part of a walk.
 */
int generation_rows(struct generation *generation, size_t table, const bool *cancelled,
                    struct image **ret_image, struct node **ret_rows, struct failure *failure);
int generation_open_rows(struct node *rows, const struct caller *caller, struct handle **ret_handle,
                         struct failure *failure);

struct generation_fault {
    struct failure failure; /* code 0: none */
    uint64_t failed_ns;     /* by clock_now_ns() */
};

/* Appends ,"last_error":… */
int generation_fault_append(struct buffer *text, const struct generation_fault *fault);

/*
 * Appends ,"generation":… and further members of a JSON object for the status; and gives the last
 * fault of its tables, if any cannot be read.
 */
int generation_status(struct generation *generation, struct buffer *text,
                      struct generation_fault *ret_fault);

#endif
