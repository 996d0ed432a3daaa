/* SPDX-License-Identifier: MIT */
/*
 * Which packs a store has, listed folder by folder as they are asked for. What
 * is not found is looked for once more on the storage: packs only come and go
 * as a whole. Bounded in memory; safe from several threads at once.
 */
#ifndef CRMFS_STORE_PACK_LIST_H
#define CRMFS_STORE_PACK_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/pack.h"

struct pack_list;

/* NULL: no memory. STORAGE is borrowed. */
struct pack_list *pack_list_create(struct storage *storage);

/*
 * The salts of the packs that HINT stands for, at most MOST: one, but for what an
 * adversary puts there. Their number, 0 when there is none, or -errno.
 */
int pack_list_find(struct pack_list *list, uint64_t hint, int most,
                   uint8_t ret_salts[][STORE_SALT_BYTES], struct failure *failure);

/* The same, of what is known without asking the storage. */
int pack_list_known(struct pack_list *list, uint64_t hint, int most,
                    uint8_t ret_salts[][STORE_SALT_BYTES]);

/* From now on packs that were removed meanwhile are not found any more. */
void pack_list_forget(struct pack_list *list);

/*
 * All packs of one folder (0 to 255) as they are now; *ret_salts is the caller's to free.
 * 0 or -errno.
 */
int pack_list_folder(struct pack_list *list, uint8_t folder,
                     uint8_t (**ret_salts)[STORE_SALT_BYTES], size_t *ret_count,
                     struct failure *failure);

void pack_list_free(struct pack_list *list); /* NULL is allowed */

#endif
