/* SPDX-License-Identifier: MIT */
/*
 * Where the ancestors of deltas are. A delta's head says where its parent is, so a chain can be
 * read only one link after another, and cold each of them waits for the disk. Pack directories say
 * the same (FORMAT.md, "Packs"): that of a pack which is read from here and there is read once, and
 * what it says is remembered, so that all links of a chain can be fetched at the same time.
 *
 * A hint and no more: nothing is read by it, and what it does not know is found as ever. Bounded in
 * memory; safe from several threads at once.
 */
#ifndef CRMFS_STORE_LINEAGE_H
#define CRMFS_STORE_LINEAGE_H

#include <stdbool.h>

#include "fs/store/file_keys.h"
#include "fs/store/pack_list.h"

struct lineage;

/* NULL: no memory. All are borrowed. */
struct lineage *lineage_create(struct store *store, struct file_keys *keys,
                               struct pack_list *packs);

/*
 * The parent of the delta that stands at PLACE (its id does not matter); of RET_PARENT the id is
 * zero. False: none is known. PLACE counts as read; the second read of a pack that does not go on
 * about where the last one was has its directory read, which takes as long as another such read.
 * What is read in order comes from the kernel's own reading ahead, and is not looked for.
 */
bool lineage_parent(struct lineage *lineage, const struct object_reference *place,
                    struct object_reference *ret_parent);

/* The same of any object, without reading anything. */
bool lineage_known(struct lineage *lineage, const struct object_reference *place,
                   struct object_reference *ret_parent);

void lineage_free(struct lineage *lineage); /* NULL is allowed */

#endif
