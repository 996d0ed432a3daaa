/* SPDX-License-Identifier: MIT */
/*
 * Objects that are in no pack's directory, because that is damaged, and can be read all the same
 * where a reference says that they are. Each is tried once.
 */
#ifndef CRMFS_STORE_UNLISTED_H
#define CRMFS_STORE_UNLISTED_H

#include "fs/store/known_objects.h"
#include "fs/store/object.h"
#include "fs/store/object_body.h"

#define UNLISTED_DEPTHS (OBJECT_DEPTH_MOST + 1)

struct unlisted {
    struct object_reader *reader;
    struct known_objects readable[UNLISTED_DEPTHS]; /* with their places, by depth */
    struct known_objects lost[UNLISTED_DEPTHS + 1]; /* by depth; the last: at any */
};

/*
 * A reach_unlisted, of a struct unlisted. The head of one that was asked for before says that it
 * has no parent: that has been said already.
 */
int unlisted_ask(void *context, const struct object_reference *reference, int depth,
                 enum object_type type, struct object_head *ret_head);

/* How many that can be read stand in the pack of HINT. */
size_t unlisted_in_pack(const struct unlisted *unlisted, uint64_t hint);
void unlisted_release(struct unlisted *unlisted);

#endif
