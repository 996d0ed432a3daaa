/* SPDX-License-Identifier: MIT */
/*
 * Where a changed object stands in the chain of its predecessors (FORMAT.md,
 * "Chains"): how far it is from an object stored whole, and against which
 * ancestor it is compressed.
 *
 * A chain grows by one up to OBJECT_DEPTH_MOST. Then it is folded back: the next
 * object hangs from the ancestor at the anchor's depth, and becomes the anchor
 * itself, one deeper. So no object has more than OBJECT_DEPTH_MOST ancestors, and
 * one in 37 to 44 versions is stored whole.
 *
 * What hangs from an anchor is large: all that has changed since. Objects that begin on one day and
 * change every day would all fold on one day; so the first run of each ends PHASE versions early.
 */
#ifndef CRMFS_STORE_CHAIN_H
#define CRMFS_STORE_CHAIN_H

#include <stdbool.h>

#include "fs/store/object_body.h"

struct chain_step {
    struct chain_place place; /* of the new object */
    uint8_t parent_depth;     /* of the predecessor, or of which of its ancestors is the parent */
};

/* PHASE: any number; counted modulo OBJECT_DEPTH_MOST. False: the object is to be stored whole. */
bool chain_next(const struct chain_place *predecessor, uint64_t phase, struct chain_step *ret_step);

#endif
