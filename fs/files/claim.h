/* SPDX-License-Identifier: MIT */
/*
 * Who writes to files/: one process at a time, by a record of the log. Whether the one that has the
 * claim is still there can be told on its own host only.
 */
#ifndef CRMFS_FILES_CLAIM_H
#define CRMFS_FILES_CLAIM_H

#include <stdbool.h>

#include "fs/base/failure.h"
#include "fs/store/log.h"

/* This process's claim, with a new writer's id; to be given back with claim_release(). */
int claim_make(struct files_claim *ret_claim, struct failure *failure);
void claim_release(struct files_claim *claim);

/* Whether the process that made it has certainly ended. */
bool claim_is_dead(const struct files_claim *claim);

/* Whether it has said that it is about to end: what it holds will stand in the store then. */
bool claim_is_ending(const struct files_claim *claim);
void claim_say_ending(void); /* of this process; as ps(1) shows it */

/* Words for who has it; returns -EROFS. */
int claim_refuse(const struct files_claim *claim, struct failure *failure);

#endif
