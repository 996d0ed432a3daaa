/* SPDX-License-Identifier: MIT */
/*
 * Packs that are damaged where it loses nothing: their directory, their first bytes, objects that
 * nobody needs or of which there is another copy. What is needed of them is written into new packs,
 * durably; then they are marked, and prune removes them as any other.
 */
#ifndef CRMFS_STORE_REPAIR_PACKS_H
#define CRMFS_STORE_REPAIR_PACKS_H

#include "fs/store/log.h"
#include "fs/store/progress.h"

struct repaired_packs {
    size_t marked;  /* now */
    size_t objects; /* written again for that */
    bool lost;      /* something that is needed, and is in none of them that can be read */
    size_t closed;  /* whose directory does not open, and something is lost that may be in them */
};

/* READ_DATA: objects that nobody needs are looked at too. STATE is brought up to date. 0 or -errno.
 */
int repair_packs(struct store *store, struct log_state *state, bool read_data,
                 const struct store_progress *progress, struct repaired_packs *ret_repaired,
                 struct failure *failure);

#endif
