/* SPDX-License-Identifier: MIT */
/*
 * Objects that are in no pack's directory, because that is damaged, and can be read all the same
 * where a reference says that they are. Each is tried once. What is lost is not looked for in every
 * directory: the reach has gone through them, and whoever removes a pack says so in the log first.
 */
#ifndef CRMFS_STORE_UNLISTED_H
#define CRMFS_STORE_UNLISTED_H

#include <pthread.h>

#include "fs/store/known_objects.h"
#include "fs/store/log.h"
#include "fs/store/object.h"
#include "fs/store/object_body.h"
#include "fs/store/reach.h"

#define UNLISTED_DEPTHS (OBJECT_DEPTH_MOST + 1)

struct unlisted {
    struct store *store;
    struct object_reader *reader;
    struct reach *reach;  /* NULL: it has not begun */
    pthread_mutex_t lock; /* guards these three */
    struct log_state state;
    size_t removed; /* of the reach's packs, as the state has it */
    bool outdated;  /* one was removed since the directories were read */

    struct known_objects readable[UNLISTED_DEPTHS]; /* with their places, by depth */
    struct known_objects lost[UNLISTED_DEPTHS + 1]; /* by depth; the last: at any */
};

/*
 * REACH, made for STATE, asks UNLISTED from now on, and READER, which both use, knows the reach's
 * directories. All are borrowed. 0 or -ENOMEM.
 */
int unlisted_begin(struct unlisted *unlisted, struct store *store, struct object_reader *reader,
                   struct reach *reach, const struct log_state *state);

/*
 * A reach_unlisted, of a struct unlisted. The head of one that was asked for before says that it
 * has no parent: that has been said already.
 */
int unlisted_ask(void *context, const struct object_reference *reference, int depth,
                 enum object_type type, struct object_head *ret_head);

/* How many that can be read stand in the pack of HINT. */
size_t unlisted_in_pack(const struct unlisted *unlisted, uint64_t hint);
void unlisted_release(struct unlisted *unlisted); /* one that is zeroed, too */

#endif
