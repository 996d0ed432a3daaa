/* SPDX-License-Identifier: MIT */
/*
 * All indexes of a store, searched from the newest to the oldest. A damaged one
 * is passed over: what it would have said is in the packs' directories too.
 *
 * Bounded in memory: the list of the newest INDEX_SET_FILES indexes, and a cache
 * of some blocks. Safe from several threads at once; one of them searches at a time.
 */
#ifndef CRMFS_STORE_INDEX_SET_H
#define CRMFS_STORE_INDEX_SET_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/file_keys.h"
#include "fs/store/index.h"

#define INDEX_SET_FILES ((size_t)16384)

struct index_set;

/* NULL: no memory. STORE and KEYS are borrowed. The indexes are listed at the first search. */
struct index_set *index_set_create(struct store *store, struct file_keys *keys);

/* Lists the indexes anew. 0 or -errno; the old list is kept then. */
int index_set_refresh(struct index_set *set, struct failure *failure);

/* At most MOST of the places that the indexes know of an object; their number, or -errno. */
int index_set_find(struct index_set *set, const uint8_t id[OBJECT_ID_BYTES], int most,
                   struct index_entry *ret_entries, struct failure *failure);

void index_set_free(struct index_set *set); /* NULL is allowed */

/* ---- The list, for those that go through whole indexes ---- */

struct index_listed {
    struct index_file file;
    time_t modified;
};

/* The newest first, at most INDEX_SET_FILES; *ret_files is the caller's to free. 0 or -errno. */
int index_list(struct storage *storage, struct index_listed **ret_files, size_t *ret_count,
               struct failure *failure);

#endif
