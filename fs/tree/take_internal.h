/* SPDX-License-Identifier: MIT */
/*
 * One attempt at taking a snapshot: its sources (take_sources.c), its packs (take_packs.c), its
 * record (take.c).
 */
#ifndef CRMFS_TREE_TAKE_INTERNAL_H
#define CRMFS_TREE_TAKE_INTERNAL_H

#include "fs/store/tables.h"
#include "fs/table/store_sink.h"
#include "fs/tree/take.h"
#include "fs/tree/take_base.h"

struct take_attempt {
    const struct take_options *options;
    bool anew; /* what the store has is written again */
    struct log_state *state;
    struct take_bases bases;
    struct object_batch *batch;
    struct store_sink *sink;
    struct stored_tree tree;
    struct failure files_lost; /* why, where the tree says that it lacks files/ */
    uint64_t time_ns;          /* the oldest of its sources' moments */
    uint64_t raw_bytes;
    bool *excluded_met; /* one a word of options->excluded */
    struct failure *failure;
};

/*
 * Reads every source, each at one moment, into the sink: the tree then says what they consist of,
 * and the attempt's time and bytes are known. 0, -ECANCELED, what a source or the store refused.
 */
int take_scan_sources(struct take_attempt *attempt);

/* Whether nobody wants the snapshot any more: then *ret_error is -ECANCELED, in words. */
bool take_is_called_off(const struct take_attempt *attempt, int *ret_error);
void take_release_sources(struct take_attempt *attempt);

/*
 * Packs that the snapshot needs may have been marked meanwhile, its own if it took longer than
 * prune waits: they are unmarked, which takes a record. Where another one came before that, the
 * marks are looked at again: it may say that a pack is removed. That is gone: -EAGAIN, all anew.
 */
int take_keep_packs(struct take_attempt *attempt, const char *const *packs, size_t pack_count);

/*
 * What was written for nothing is marked, where that is possible, so that it goes as all garbage
 * does, and not only when it is a day old. The batch ends by it.
 */
void take_give_up_packs(struct take_attempt *attempt);

int take_refuse_busy(struct failure *failure); /* -EBUSY */

#endif
