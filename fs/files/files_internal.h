/* SPDX-License-Identifier: MIT */
/*
 * What the parts of files/ share.
 *
 * An operation is one of
 *
 *   files_begin_look -> … -> files_end
 *   files_begin_change -> looks and checks -> changes, which cannot fail -> files_end_change
 *
 * with the lock held between the two, so that whatever is committed is what some operation left.
 */
#ifndef CRMFS_FILES_INTERNAL_H
#define CRMFS_FILES_INTERNAL_H

#include <pthread.h>

#include "fs/base/workers.h"
#include "fs/files/attributes.h"
#include "fs/files/catalogue.h"
#include "fs/files/claim.h"
#include "fs/files/content.h"
#include "fs/files/cut.h"
#include "fs/files/files.h"
#include "fs/files/past.h"
#include "fs/files/removed.h"
#include "fs/files/reserve.h"
#include "fs/files/runs.h"
#include "fs/store/log.h"

#define TOP_INODE 1
#define INODE_BITS 46
#define INODE_MASK ((UINT64_C(1) << INODE_BITS) - 1)
#define NAMES_KEY_BYTES 16
#define CHANGES_MOST 16 /* items that one operation changes, between reserves */
#define STORERS_MOST 4

/* A file that is open, has lost its names, or has content that is not stored. */
struct held_file {
    uint64_t inode;
    unsigned opened;
    bool orphan;
    bool refused;
    bool outdated;           /* others have changed it, and what is kept of it is not dropped yet */
    unsigned change;         /* how often they have */
    struct timespec changed; /* when it was, as far as that was told */
    bool waits;              /* it is in the list of those that have runs which nobody has taken */
    bool searching;          /* for what it is a new version of: it is not in that list meanwhile */
    bool unplaced;           /* where its content is to stand cannot be read, and that was said */
    bool held_back; /* for that it is not in that list either, until the next commit tries again */
    bool streamed;  /* its content came faster than it was stored: more of it is expected */
    struct runs runs;
    size_t known_bytes; /* that the runs take, as files_runs_changed() was told last */
    size_t known_taken;
    size_t known_runs;
    struct past past;   /* what it was before it was cut off to nothing, or a file like it is */
    uint64_t directory; /* of a new one, until its past is looked for: where; else 0 */
    char *name;         /* as what */
    struct held_file *previous, *next;
    UT_hash_handle hh;
};

/* A snapshot's files. */
struct files_view {
    uint64_t number;
    bool refused;
    struct catalogue tree;
    UT_hash_handle hh;
};

/* Somebody who reads a file from front to back. */
#define READ_STREAMS 8
struct read_stream {
    uint64_t number;
    uint64_t next;  /* where the reader will go on; 0: nothing was read yet */
    uint64_t bytes; /* that were read, or more */
    uint64_t ahead; /* up to where content was asked for */
};

/* Somebody who reads the files of a directory in the order in which they are listed. */
#define WALKS 4
#define WALK_FILES 16
struct folder_walk {
    uint64_t directory;         /* its number */
    uint64_t place;             /* in its listing, behind the last of FILES */
    uint64_t files[WALK_FILES]; /* inodes of those that come next */
    size_t count;
    size_t fetched; /* of them, that were asked for */
    unsigned hits;
};

/* Inodes of files that were opened since only we change them, those that are remembered. */
#define OPENED_KNOWN 4096
#define TOLD_ONLY (UINT64_C(1) << 63) /* or not opened, but told of */

/* How many new files in a row were like nothing that their directory has. */
#define SEARCHED_KNOWN 4
struct search_misses {
    uint64_t directory;
    unsigned misses;
};

struct pack_names {
    char **names;
    size_t count;
};

/* Which of the log's trees the one in memory is, as long as nothing is changed here. */
struct followed {
    bool is_open;
    bool is_stored; /* false: the empty one */
    uint8_t top[OBJECT_ID_BYTES];
};

struct files {
    struct files_options options;
    struct content_cache *contents; /* has its own lock */
    uint64_t gear[CUT_GEAR_ENTRIES];
    struct workers *readers; /* have their own locks; NULL: there are none */
    bool exclusive;          /* atomic: nobody else changes files/ now */

    pthread_mutex_t lock; /* guards all below */
    struct catalogue_cache nodes;
    struct catalogue tree; /* files/ as it is now */
    struct log_state state;
    uint64_t valid_until_ns; /* monotonic: the log is read again, without a claim */
    struct read_stream streams[READ_STREAMS];
    unsigned next_stream;
    struct folder_walk walks[WALKS];
    unsigned next_walk;
    unsigned outdated; /* open files that others have changed; atomic as well */
    struct files_view *views;
    uint64_t next_view; /* the last one's, in the bits above the inode's */
    struct held_file *held;
    struct run_pool blocks;
    struct held_file *waiting; /* what is to be stored; streams first */
    size_t waiting_bytes;      /* that runs take (runs_memory()) */
    size_t waiting_runs;       /* how many they are */
    size_t taken_bytes;        /* of them, by rounds that are under way */
    size_t waiting_most;       /* then they are stored before more is taken */
    struct failure unplaced;   /* content that files_sync() has told nobody of; code 0: none */
    unsigned rounds;           /* under way: flush.c */
    unsigned putting;          /* of them, who still put into the pack under way */
    uint64_t packs_ended;      /* by rounds */
    size_t past_bytes;         /* that earlier versions of held files take */
    size_t past_most;
    struct removed_files removed;
    struct search_misses searched[SEARCHED_KNOWN];
    unsigned next_searched;
    unsigned removed_misses; /* new files in a row that were like none of those removed */
    size_t dirty_nodes_most;
    size_t pieces_most; /* bytes of content that was read */
    uint64_t next_inode;
    struct own_claim own; /* made with the first attempt to claim */
    uint64_t replaced_ns; /* monotonic: when the tree was the last time, by one of others */
    uint64_t opened_known[OPENED_KNOWN]; /* by the inode's rest, with TOLD_ONLY; 0: none */
    uint8_t names_key[NAMES_KEY_BYTES];

    struct followed followed;
    bool replaced;   /* by a tree of others, since somebody looks */
    bool unreadable; /* the tree that the log has, when it was opened last */
    bool claimed;
    uint8_t refused_by[FILES_WRITER_BYTES]; /* whose claim was waited for in vain */
    struct failure broken;                  /* code 0: not; nothing can be changed any more */
    uint64_t changes;
    uint64_t committed;         /* of the changes */
    uint64_t oldest_change_ns;  /* that is not committed; monotonic */
    struct object_batch *batch; /* of all that is stored until the next commit; NULL: none yet */
    struct object_writer *writers[STORERS_MOST]; /* of that batch, which nobody uses now */
    unsigned writer_count;
    bool settled;  /* nothing was stored since the last commit, and none is under way */
    bool renewing; /* the index of the batch before is written, without the lock */
    bool spilling; /* one of the rounds writes nodes: spill.c */
    struct reserve reserve;
    struct pack_names packs; /* written since the last commit, of batches that ended */
    struct hint_list {
        uint64_t *hints;
        size_t count;
    } relied;                 /* packs of others that what was written since relies on */
    uint64_t commit_again_ns; /* by itself, not before; monotonic */
    uint64_t commit_pause_ns; /* that then was made; 0: the last one went well */
    bool disk_full; /* somebody was told so, and there is not room for max-garbage since */
    bool complained;
    bool commit_failed;
    bool round_failed; /* then nobody stores ahead until something was stored */
    bool committing;   /* one commit at a time */
    bool closed;       /* no operation changes anything now: a commit gathers what there is */
    bool finishing;    /* and nobody else may begin a round: the pack under way is the commit's */

    uint64_t tidy_again_ns;   /* the storage, not before; monotonic */
    uint64_t plenty_until_ns; /* monotonic: the disk is far from full */

    uint64_t dropped_bytes;   /* content that was cut off or removed since the last commit */
    uint64_t spent_bytes;     /* in packs, or given up, since the store was pruned last */
    uint64_t store_bytes;     /* that all packs had then; 0: not known */
    uint64_t pruned_again_ns; /* not before; monotonic */
    uint64_t pruned_ns;       /* when the last pruning began, since 1970; 0: never */

    pthread_t committer;
    pthread_t pruner;
    pthread_t storers[STORERS_MOST];
    unsigned storer_count;
    bool started;
    bool stopped;
    bool prunes;
    bool ending;           /* atomic as well */
    pthread_cond_t upkeep; /* the pruner */
    pthread_cond_t woken;  /* the committer */
    pthread_cond_t work;   /* the storers */
    pthread_cond_t moved;  /* who waits for rounds, a commit, or to be let in */
};

/* ---- files.c ---- */

/* The tree that NUMBER is in, with the lock held. 0, -ESTALE, what reading the log said. */
int files_begin_look(struct files *files, uint64_t number, struct catalogue **ret_tree,
                     struct failure *failure);

/* The lock, once changes may be made. */
void files_lock_change(struct files *files);

/* Until changes may be made again. The lock is held, and given back meanwhile. */
void files_await_opening(struct files *files);

/* The lock, a claim, and room for changes. NUMBER must be in files/ as it is now: else -EROFS. */
int files_begin_change(struct files *files, uint64_t number, struct failure *failure);

/* The same of two that are changed together. */
int files_begin_change_of(struct files *files, uint64_t number, uint64_t other,
                          struct failure *failure);

/* ERROR is returned. */
int files_end(struct files *files, int error);
int files_end_change(struct files *files, int error); /* 0: something was changed */

static inline uint64_t inode_of(uint64_t number)
{
    return number & INODE_MASK;
}

static inline uint64_t number_of(uint64_t inode, uint64_t like)
{
    return (like & ~INODE_MASK) | inode;
}

/* files/ as it is now, or one of the snapshots. */
static inline bool are_of_one_tree(uint64_t number, uint64_t other)
{
    return (number & ~INODE_MASK) == (other & ~INODE_MASK);
}

unsigned files_threads(void); /* that work at once makes sense in */
struct timespec files_now(void);

/* Until it is called, or for so long, whatever becomes of the time of day. The lock is held. */
void files_doze(struct files *files, pthread_cond_t *called, uint64_t most_ns);

/* ---- share.c ---- */

/* Gives all parts their room anew, with the lock held; caches that had more let go of the rest. */
void files_share_memory(struct files *files);

/* ---- follow.c: the lock is held ---- */

/* Makes the tree the newest. 0, or as log_read, but never as if a file were not there. */
int files_follow_log(struct files *files, struct failure *failure);

/* The same after a process of this host that is about to end, and writes, has ended: what it was
 * given stands then. umount(8) does not wait for it. */
int files_follow_newest(struct files *files, struct failure *failure);

/* From here on only we change the tree, which is the newest. -EROFS: somebody else does. */
int files_claim(struct files *files, struct failure *failure);

/* ---- held.c ---- */

/* NULL: there is no such view. */
struct files_view *files_find_view(struct files *files, uint64_t number);

/* NULL: it is not held. */
struct held_file *files_held(struct files *files, uint64_t inode);
struct held_file *files_hold(struct files *files, uint64_t inode); /* NULL: no memory */
void files_unhold(struct files *files, struct held_file *held);    /* if nothing needs it */

void held_free(struct held_file *held);

void files_set_outdated(struct files *files, struct held_file *held, bool outdated);

/* Its attributes are told now: files_ask_again(). */
void files_note_told(struct files *files, uint64_t inode);

/* After its runs have changed in any way. */
void files_runs_changed(struct files *files, struct held_file *held);

/* Content has no place, for WORDS: it waits apart from that of others. It is said once. */
void files_hold_back(struct files *files, struct held_file *held, const struct failure *words);
void files_try_held_back(struct files *files); /* again */
bool files_any_unplaced(const struct files *files);

/* ---- ahead.c ---- */

/* A file of TREE was read from OFFSET up to END. The lock is held. */
void files_read_ahead(struct files *files, struct catalogue *tree, uint64_t number, uint64_t offset,
                      uint64_t end);
struct workers *files_readers(void); /* NULL: none can be had */

/* Has a worker read it, if one can. */
void files_fetch(struct files *files, const struct object_reference *content);

/* ---- order.c: the lock is held ---- */

/* DIRECTORY is listed from its beginning; a file of TREE is read from its beginning. */
void files_begin_walk(struct files *files, struct catalogue *tree, uint64_t directory);
void files_go_on_walking(struct files *files, struct catalogue *tree, uint64_t number);

/* ---- upkeep.c ---- */

void *files_pruner(void *context); /* a thread of files */

/* ---- inodes.c ---- */

int inode_get(struct catalogue *tree, uint64_t inode, struct attributes *ret_attributes,
              struct failure *failure);
int inode_put(struct files *files, uint64_t inode, const struct attributes *attributes,
              struct failure *failure);
struct stat inode_stat(struct files *files, uint64_t number, const struct attributes *attributes);

/* Removes an orphan with all that it has. */
int inode_remove(struct files *files, uint64_t inode, struct failure *failure);
int inode_remove_orphans(struct files *files, struct failure *failure);

/* Notes that the file has lost its last name. */
int inode_orphan(struct files *files, uint64_t inode, struct failure *failure);

/* Makes the first items of an empty tree; or reads them. */
int inode_begin_tree(struct files *files, struct failure *failure);
int inode_read_root(struct files *files, struct failure *failure);
int inode_write_root(struct files *files, struct failure *failure);

/* ---- places.c: names and extended attributes by their hash ---- */

/*
 * KIND's item of INODE that NAME stands in. 0 and the item; -ENOENT, then RET_FREE (may be
 * NULL) is a key where it could be put; -ENOSPC: there is none.
 */
int place_find(struct files *files, struct catalogue *tree, uint64_t inode, uint8_t kind,
               const char *name, struct file_item *ret_item, struct file_key *ret_free,
               struct failure *failure);

#define ENTRY_HEAD_BYTES 9

/* ---- extents.c ---- */

/* Brings into memory what a cut changes, so that what cannot be read refuses it before. */
int extents_look(struct catalogue *tree, uint64_t inode, uint64_t from, uint64_t end,
                 struct failure *failure);

/* Nothing covers FROM up to END afterwards; the bytes that were are taken off *CONTENT_BYTES. */
int extents_cut(struct files *files, uint64_t inode, uint64_t from, uint64_t end,
                uint64_t *content_bytes, struct failure *failure);

/* Where nothing covers it now. */
int extent_put(struct files *files, uint64_t inode, uint64_t offset,
               const struct file_extent *extent, struct failure *failure);

/* The first extent that ends after OFFSET, and where it begins. -ENOENT. */
int extent_find(struct catalogue *tree, uint64_t inode, uint64_t offset, uint64_t *ret_begin,
                struct file_extent *ret_extent, struct failure *failure);

/* ---- change.c ---- */

/* Before what is there from FROM up to END is changed, or covered by what waits. */
int files_look_at_content(struct files *files, uint64_t inode, uint64_t from, uint64_t end,
                          struct failure *failure);

/* FROM up to END is zeros afterwards. The attributes are to be put; after an error they are. */
int files_cut_content(struct files *files, uint64_t inode, struct attributes *attributes,
                      uint64_t from, uint64_t end, struct failure *failure);

/* ---- flush.c: the lock is held ---- */

/* Stores content before there is too much of it. The lock is given back meanwhile. */
int files_wait_for_room(struct files *files, struct failure *failure);

/* Whether there is enough to do for another thread. */
bool files_has_work(const struct files *files);

void *files_storer(void *context); /* a thread of files */

/* ---- spill.c; the lock is held ---- */

/* Merges what is recent, and writes all nodes that are not stored: the last of them into the pack
 * under way. */
int files_write_nodes(struct files *files, struct object_reference *ret_top,
                      struct failure *failure);

/* For what grows: before it is accepted. */
int files_make_room(struct files *files, struct failure *failure);

/* ---- commit.c ---- */

/* What goes wrong with the store is no answer that a file's operation may give as it is. */
int files_store_error(int error, struct failure *failure);

/* For want of room something was refused: garbage is looked for soon. The lock is held. */
void files_disk_is_full(struct files *files);

/*
 * All changes are durable. The lock is given back in between. Not while another commit is under
 * way: that is waited for.
 */
int files_commit(struct files *files, struct failure *failure);
void files_await_commit(struct files *files);

/* Until no commit is under way, and the log was looked at: something can be stored then. */
void files_await_writing(struct files *files);

void files_break(struct files *files, const struct failure *failure);

/* ---- room.c: the lock is held, and may be given back meanwhile ---- */

/* The same for what grows, by BYTES of content and a name or so: on the disk, too. -ENOSPC. */
int files_make_room_for(struct files *files, uint64_t bytes, struct failure *failure);

/*
 * For what removes something, which is not refused for want of room. What was removed before is
 * stored while the reserve still is enough for that. 0 or -ENOMEM.
 */
int files_make_room_to_remove(struct files *files);

/* Whether BYTES more of content would fit. The lock is not given back. */
bool files_has_room_for(struct files *files, uint64_t bytes);

/* ---- read.c ---- */

#define FILES_PAGE_BYTES 4096 /* what the kernel reads and keeps as one */

/*
 * Whether SIZE bytes at OFFSET can be read, as far as the file goes. 0, or -errno with words.
 * Without the lock.
 */
int files_check_range(struct files *files, uint64_t number, uint64_t offset, size_t size,
                      struct failure *failure);

#endif
