/* SPDX-License-Identifier: MIT */
/*
 * Packs that can be seen, and that a power cut may still take away: another process has put them,
 * and not come to its sync(). Whoever lets something rest on one that it has not written itself
 * asks here first.
 */
#ifndef CRMFS_STORE_DURABLE_H
#define CRMFS_STORE_DURABLE_H

#include "fs/base/failure.h"
#include "fs/store/index_set.h"
#include "fs/store/store.h"

/* The file is durable, whoever put it. 0, -ENOENT, -errno. */
int durable_flush(struct store *store, const char *name, struct failure *failure);

/*
 * The same of the pack of SALT, in which the object of PLACE stands. An index that says so spares
 * the flush: indexes are written after a sync of their packs.
 */
int durable_make(struct store *store, struct index_set *indexes,
                 const uint8_t salt[STORE_SALT_BYTES], const struct object_reference *place,
                 struct failure *failure);

/* The same of the pack called NAME, whatever is in it. */
int durable_make_pack(struct store *store, struct index_set *indexes, const char *name,
                      struct failure *failure);

#endif
