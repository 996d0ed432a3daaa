/* SPDX-License-Identifier: MIT */
/*
 * What the files of check share: its order (check.c), the log (check_log.c), data (check_data.c),
 * what snapshots lost by it (check_loss.c).
 */
#ifndef CRMFS_STORE_CHECK_INTERNAL_H
#define CRMFS_STORE_CHECK_INTERNAL_H

#include <pthread.h>

#include "fs/store/check.h"
#include "fs/store/log.h"
#include "fs/store/medium.h"
#include "fs/store/object.h"
#include "fs/store/reach.h"
#include "fs/store/unlisted.h"

struct checking {
    struct store *store;
    struct medium *medium;
    struct object_reader *reader;
    const struct check_options *options;
    const struct snapshot *const *only; /* NULL: all snapshots, and files/ */
    size_t only_count;
    struct log_state state;
    struct reach *reach;
    struct unlisted unlisted; /* what damaged directories hide */
    bool damaged; /* something that a snapshot needs: which, the snapshots are asked then */
    struct check_result result;
    struct failure *failure;
};

void check_find(struct checking *checking, const struct check_finding *finding);

/* Says what FAILURE says of FILE. */
void check_find_file(struct checking *checking, enum check_kind kind, const char *file,
                     bool harmless, const struct failure *failure);

/* All records and checkpoints. 0, -ENOMEM, -errno; the state is read elsewhere. */
int check_log(struct checking *checking);

/*
 * Whether an object is lost whose piece at SPOT is damaged, or something that it rests on: 0 if
 * another copy can be read, one that stands at DEPTH (or OBJECT_DEPTH_ANY). 1, 0, -ENOMEM. From one
 * thread at a time.
 */
int check_is_lost(struct checking *checking, const struct object_reference *reference, int depth,
                  enum object_type type, struct reach_spot spot);

/* A piece that is damaged. */
struct check_damaged {
    struct reach_spot spot;
    struct object_reference reference;
    enum object_type type;
    int depth;
};

/*
 * Of an object that opens and yet cannot be read: makes DAMAGED the first of its ancestors that
 * does not open, if the reach knows where that is; else leaves it. 0 or -ENOMEM. From any thread.
 */
int check_find_culprit(struct checking *checking, struct check_damaged *damaged);

bool check_wants(const struct checking *checking, const struct snapshot *snapshot);

/*
 * Finds what those snapshots of the state need that are wanted, and sets DAMAGED if some of that is
 * not there. 0 or -errno. Either way it is looked away from in the end.
 */
int check_look(struct checking *checking);
void check_look_away(struct checking *checking);

/* Reads packs in full; damaged objects are noted in the reach. */
int check_data(struct checking *checking);

/* Goes through every snapshot in full, to say what of it is lost. */
int check_losses(struct checking *checking);

#endif
