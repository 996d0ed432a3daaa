/* SPDX-License-Identifier: MIT */
/*
 * Who writes to files/: one process at a time, by a record of the log. Whether the one that has the
 * claim is still there can be told on its own host only, by its process, or by the lock that it
 * holds.
 */
#ifndef CRMFS_FILES_CLAIM_H
#define CRMFS_FILES_CLAIM_H

#include <stdbool.h>

#include "fs/base/failure.h"
#include "fs/store/claim_lock.h"
#include "fs/store/log.h"

/* This process's, with a new writer's id; and its lock, if one can be had. */
struct own_claim {
    struct files_claim claim; /* zeroed: it is not made yet */
    struct claim_lock lock;
};

int claim_make(struct storage *storage, struct own_claim *ret_own, struct failure *failure);
void claim_release(struct storage *storage, struct own_claim *own);

/* Whether the process that made it has certainly ended. */
bool claim_is_dead(struct storage *storage, const struct files_claim *claim);

/* Whether it has said that it is about to end: what it holds will stand in the store then. */
bool claim_is_ending(const struct files_claim *claim);
void claim_say_ending(void); /* of this process; as ps(1) shows it */

/*
 * Somebody says that the process that has the claim has ended, though that cannot be seen from
 * here: it is given back, if there is one. Should the process live after all, it can store nothing
 * more. -EBUSY: it is seen to run.
 */
int claim_end(struct store *store, bool *ret_stood, struct failure *failure);

/* Words for who has it; returns -EROFS. */
int claim_refuse(const struct files_claim *claim, struct failure *failure);

#endif
