/* SPDX-License-Identifier: MIT */
/*
 * The sealers of a store's files that were read last: making one takes locked
 * memory and some microseconds. Bounded; safe from several threads at once.
 */
#ifndef CRMFS_STORE_FILE_KEYS_H
#define CRMFS_STORE_FILE_KEYS_H

#include "fs/base/failure.h"
#include "fs/store/store.h"

struct file_keys;

/* NULL: no memory. STORE is borrowed. */
struct file_keys *file_keys_create(struct store *store);

/* The sealer of the file of PURPOSE, SALT and NAME, to be given back. 0, -ENOMEM … */
int file_keys_take(struct file_keys *keys, enum store_purpose purpose,
                   const uint8_t salt[STORE_SALT_BYTES], const char *name,
                   struct sealer **ret_sealer, struct failure *failure);
void file_keys_give(struct file_keys *keys, struct sealer *sealer);

void file_keys_free(struct file_keys *keys); /* NULL is allowed; all were given back */

#endif
