/* SPDX-License-Identifier: MIT */
/*
 * What the files of prune share: the order of things (prune.c), packs that are removed
 * (prune_remove.c) and rewritten (prune_rewrite.c), those of snapshots under way (prune_young.c),
 * the log's old files (prune_log.c).
 */
#ifndef CRMFS_STORE_PRUNE_INTERNAL_H
#define CRMFS_STORE_PRUNE_INTERNAL_H

#include <stdint.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/log.h"
#include "fs/store/object.h"
#include "fs/store/prune.h"
#include "fs/store/reach.h"

/* So long a pack may be of a snapshot that is being taken, or a file in tmp/ be written. */
#define PRUNE_YOUNG_SECONDS 86400

struct pruning {
    struct store *store;
    struct object_reader *reader;
    const struct prune_options *options;
    struct log_state state;             /* goes on while records are put */
    struct reach *reach;                /* of the state as it was when it was made … */
    uint64_t looked_at;                 /* … after that record */
    uint8_t (*named)[STORE_SALT_BYTES]; /* packs that take and files records name, in order, */
    size_t named_count;
    uint64_t named_until; /* up to that record; 0: not asked for yet */
    bool named_for_good;  /* records may have gone since: what later ones name counts as young */
    struct prune_result result;
    struct failure no_room; /* for what was to be rewritten; code 0: there was */
    struct failure damaged; /* of what was to be rewritten, the first; code 0: nothing was */
    struct failure *failure;
};

/* Lists of packs' names, borrowed from the state or the reach. */
struct names {
    const char **names;
    size_t count;
};

static inline void names_release(struct names *names)
{
    free((void *)names->names);
}

#define cleanup_names __attribute__((__cleanup__(names_release)))

int names_add(struct names *names, const char *name); /* 0 or -ENOMEM */

/*
 * From now on they are copies, not borrowed: the state's own change with it. The caller frees
 * *ret_copies after the last use. 0 or -ENOMEM.
 */
int names_copy(struct names *names, char **ret_copies);

/* So often a record is put while others write to the log, who all do so as long. */
#define PRUNE_RECORD_ATTEMPTS 100

/*
 * Puts one record that names them, or several. The names must not be the state's own. -EAGAIN: the
 * marks have changed.
 */
typedef int append_packs(struct store *store, struct log_state *state, const char *const *packs,
                         size_t count, struct failure *failure);
int prune_append(struct pruning *pruning, append_packs *append, const struct names *names);

static inline void prune_sum_add(struct prune_sum *sum, const struct reach_pack *pack)
{
    sum->packs++;
    sum->bytes += pack->file_bytes;
}

/* -ECANCELED when it is to end. */
static inline int prune_go_on(const struct pruning *pruning)
{
    const bool *ending = pruning->options->ending;

    return ending != NULL && __atomic_load_n(ending, __ATOMIC_RELAXED) ? -ECANCELED : 0;
}

static inline bool prune_is_full(int error)
{
    return error == -ENOSPC || error == -EDQUOT;
}

static inline int prune_no_memory(const struct pruning *pruning)
{
    return failure_set(pruning->failure, ENOMEM, "%s", strerror(ENOMEM));
}

/* What the log says now, and what that needs: the state and the reach anew. */
int prune_look(struct pruning *pruning);

/* Which marked packs are wanted after all, and which may go now. 0 or -ENOMEM. */
int prune_judge_marks(const struct pruning *pruning, struct names *wanted, struct names *due);

/*
 * Whether the pack is older than a snapshot can be that has not been recorded yet, or a record that
 * the reach has seen names it. 1, 0, -errno.
 */
int prune_is_settled(struct pruning *pruning, const struct reach_pack *pack);

/* The records that name packs may be removed from now on. 0 or -errno. */
int prune_note_named(struct pruning *pruning);

/*
 * Makes durable what holds living copies and may not be yet: another process has put it, and
 * perhaps not come to flushing it. 0; -EAGAIN: one was removed meanwhile; -errno.
 */
int prune_make_durable(struct pruning *pruning);

/* Records and then does it. */
int prune_remove(struct pruning *pruning);

/* Places of packs in the reach. */
struct pack_set {
    size_t *places;
    size_t count;
};

int pack_set_add(struct pack_set *set, size_t place); /* 0 or -ENOMEM */

static inline void pack_set_release(struct pack_set *set)
{
    free(set->places);
}

#define cleanup_pack_set __attribute__((__cleanup__(pack_set_release)))

/* Which packs are to be rewritten so that no more than the options allow stays unused. */
int prune_choose(struct pruning *pruning, struct pack_set *set);

/* Writes what lives in these packs into new ones, with their index, durably. 0, -ENOSPC, -errno. */
int prune_rewrite(struct pruning *pruning, struct pack_set *set);

/* Removes the records and checkpoints that nobody needs. */
int prune_log(struct pruning *pruning);

#endif
