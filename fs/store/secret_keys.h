/* SPDX-License-Identifier: MIT */
/*
 * Locked memory for keys, which no core dump shows. A key shares a page with others: a page of its
 * own takes a dozen calls of the system, and a reader of many packs makes a key for each.
 */
#ifndef CRMFS_STORE_SECRET_KEYS_H
#define CRMFS_STORE_SECRET_KEYS_H

#include <stdint.h>

#define SECRET_KEY_BYTES 32

/* Room for a key, to be given back. NULL: there is no locked memory. */
uint8_t *secret_key_take(void);

void secret_key_give(uint8_t *key); /* wipes it; NULL is allowed */

#endif
