/* SPDX-License-Identifier: MIT */
/*
 * Which of the stored objects snapshots reach: their trees, images, schemas, pages
 * and row groups, and the ancestors that those are compressed against. Knows every
 * pack's directory by 13 bytes and some bits an object, and by 8 more once objects turn up
 * that prune has moved. No index is asked: what is true stands in the packs.
 *
 * Of an object that is reached, one copy lives: where its reference says, if that
 * pack stands and is not marked for removal; else in another such pack; and only else in a marked
 * one. Copies that cannot be read come last: damaged ones, and those of which an ancestor is gone
 * or damaged in all its copies. Of an ancestor, only a copy that stands at the right depth in its
 * chain: another one might be compressed against its own descendants.
 */
#ifndef CRMFS_STORE_REACH_H
#define CRMFS_STORE_REACH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "fs/store/log.h"
#include "fs/store/pack.h"
#include "fs/store/progress.h"
#include "fs/store/walk.h"

struct reach_pack {
    char name[PACK_NAME_SIZE];
    uint64_t hint;
    uint64_t file_bytes;
    time_t modified;
    bool marked;           /* in the state that the reach was made for; removed ones too */
    int error;             /* why its directory is not known; 0: it is */
    uint32_t count;        /* of its objects */
    uint32_t living_count; /* of those that live */
    uint32_t lost_count;   /* of these: no copy of them can be read */
    bool avoided; /* a reference leads to a copy in it that cannot be read: another lives */
    uint64_t object_bytes; /* sealed */
    uint64_t living_bytes;
};

struct reach;

/*
 * Lists the packs and reads their directories; a pack that cannot be read is kept with its
 * error. READER is borrowed. 0 or -errno.
 */
int reach_create(struct store *store, struct object_reader *reader, const struct log_state *state,
                 const struct store_progress *progress, struct reach **ret_reach,
                 struct failure *failure);
void reach_free(struct reach *reach); /* NULL is allowed */

/*
 * Asked of an object that is in no pack's directory, or damaged there: whether it can be read all
 * the same, where its reference says (unlisted.h). DEPTH as reach_find() has it. 1, with its head,
 * whose parent is then added or asked for; 0: it is lost; -errno. Without somebody to ask it is
 * lost.
 */
typedef int reach_unlisted(void *context, const struct object_reference *reference, int depth,
                           enum object_type type, struct object_head *ret_head);
void reach_ask(struct reach *reach, reach_unlisted *unlisted, void *context);

/*
 * Adds all that SNAPSHOT reaches but for ancestors. It is borrowed for as long as something else is
 * added or chosen again. 0, -ENOMEM.
 */
int reach_add(struct reach *reach, const struct snapshot *snapshot, struct failure *failure);

/* The same for files/ as it is now, whose top node is TOP. */
int reach_add_files(struct reach *reach, const struct object_reference *top,
                    struct failure *failure);

/*
 * Adds the ancestors of all that was added before. Where some are lost, it looks for copies that
 * do without them.
 */
int reach_add_ancestors(struct reach *reach, struct failure *failure);

/* As if nothing had been added; what is known to be damaged stays so. */
void reach_forget(struct reach *reach);

/* Sealed bytes of what lives as an ancestor only, when ancestors were added last. */
uint64_t reach_ancestor_bytes(const struct reach *reach);

/*
 * How much of what snapshots need is in no pack's directory, or cannot be read, and was not found
 * readable by asking. While there is
 * any, nothing can be said to be garbage.
 */
uint64_t reach_lost(const struct reach *reach);

size_t reach_pack_count(const struct reach *reach);
const struct reach_pack *reach_pack(const struct reach *reach, size_t pack); /* by name */
const struct reach_pack *reach_pack_named(const struct reach *reach,
                                          const char *name);                          /* or NULL */
const struct reach_pack *reach_pack_hinted(const struct reach *reach, uint64_t hint); /* or NULL */

/*
 * Where an object stands: its copy that lives or would. False: it is in no pack. A parent is asked
 * for with its depth: its child's, less one.
 */
#define REACH_ANY_DEPTH (-1)
struct reach_spot {
    uint32_t pack;
    uint32_t entry; /* in the order of the pack's directory */
};
bool reach_find(struct reach *reach, const struct object_reference *reference, int depth,
                struct reach_spot *ret_spot);
bool reach_lives(const struct reach *reach, struct reach_spot spot);
bool reach_is_named(const struct reach *reach,
                    struct reach_spot spot); /* not as an ancestor alone */

/*
 * Where else the object of ID stands, at DEPTH or any: at most MOST of its copies. Their number, or
 * -errno. This, reach_find() and reach_stands_alone() may be asked by several threads at once.
 */
int reach_copies(struct reach *reach, const uint8_t id[OBJECT_ID_BYTES], int depth, int most,
                 struct object_reference *ret_copies);

/*
 * 1: if it cannot be read where it stands, it cannot be read at all: it is compressed against
 * nothing, and there is no other copy of it. 0: perhaps it can; -ENOMEM.
 */
int reach_stands_alone(struct reach *reach, struct reach_spot spot);

/*
 * Objects that cannot be read, though they are there: first those that somebody says, then all
 * that is compressed against one of them or against something lost. 0, -ENOMEM or -errno.
 * reach_set_damaged() may be called while other threads ask where objects are.
 */
int reach_set_damaged(struct reach *reach, struct reach_spot spot);
bool reach_is_damaged(const struct reach *reach, struct reach_spot spot);
int reach_spread_damage(struct reach *reach, struct failure *failure);

/* Spreads the damage, and decides anew, of all that was added, which copies live. */
int reach_choose_again(struct reach *reach, struct failure *failure);

#endif
