/* SPDX-License-Identifier: MIT */
/*
 * One key slot as bytes: the master key, wrapped by a passphrase (FORMAT.md, "Key
 * slot"). Nothing here touches a storage.
 */
#ifndef CRMFS_STORE_KEY_SLOT_H
#define CRMFS_STORE_KEY_SLOT_H

#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/header.h"
#include "fs/store/store.h"

#define KEY_SLOT_BYTES 256
#define KEY_SLOT_ID_BYTES 16
#define KEY_LABEL_LIMIT 64 /* bytes of UTF-8 without control bytes */
#define MASTER_KEY_BYTES 32

#define KEY_PASSES_MOST 16
#define KEY_MEMORY_LEAST (UINT64_C(8) << 20)
#define KEY_MEMORY_MOST (UINT64_C(1) << 30)

/*
 * What a passphrase costs to try. Measured on a core of 2.0 GHz: 47 ms; libsodium's "interactive"
 * (2 passes over 64 MiB) 72 ms, OWASP's least (1 pass over 46 MiB) 31 ms, 4 passes over 48 MiB 87
 * ms. Not more memory: a mount is to stay in 64 MiB throughout, and this is in one piece with what
 * the process has before it opens a store. It is a mapping of its own, and gone right after. Not
 * more passes: a mount is to be there within 100 ms, and the memory is what holds up those who try
 * many.
 */
#define KEY_PASSES 2
#define KEY_MEMORY (UINT64_C(48) << 20)

enum key_kind {
    KEY_PASSPHRASE = 1,
    KEY_RECOVERY = 2, /* its passphrase is what recovery_key_read() gives */
};

struct key_cost {
    uint64_t passes;       /* 1 … KEY_PASSES_MOST */
    uint64_t memory_bytes; /* KEY_MEMORY_LEAST … KEY_MEMORY_MOST, a multiple of 1024 */
};

struct key_slot {
    uint8_t id[KEY_SLOT_ID_BYTES];
    enum key_kind kind;
    struct key_cost cost;
    uint64_t created; /* seconds since 1970 */
    char label[KEY_LABEL_LIMIT + 1];
};

/* -EINVAL with words: not a label, or not a cost, that a slot can have. */
int key_slot_check(const struct key_slot *slot, struct failure *failure);

/*
 * Makes the slot that SLOT describes: runs Argon2id. MASTER is in locked memory. 0, -EINVAL,
 * -ENOMEM (what Argon2id needs, or locked memory).
 */
int key_slot_seal(const uint8_t header[STORE_HEADER_BYTES], const struct key_slot *slot,
                  const struct store_passphrase *passphrase, const uint8_t master[MASTER_KEY_BYTES],
                  uint8_t ret_bytes[KEY_SLOT_BYTES], struct failure *failure);

/* What anybody can read: kind and cost; the rest of RET_SLOT is zeroed. -EBADMSG: malformed. */
int key_slot_decode(const uint8_t bytes[KEY_SLOT_BYTES], struct key_slot *ret_slot);

/*
 * Opens the slot called ID: runs Argon2id, with a cost that was found in range before. RET_MASTER
 * is locked memory. -EKEYREJECTED: not with this passphrase, or it was changed; -EBADMSG:
 * malformed; -ENOMEM.
 */
int key_slot_open(const uint8_t header[STORE_HEADER_BYTES], const uint8_t id[KEY_SLOT_ID_BYTES],
                  const uint8_t bytes[KEY_SLOT_BYTES], const struct store_passphrase *passphrase,
                  uint8_t ret_master[MASTER_KEY_BYTES], struct failure *failure);

/*
 * All of the slot called ID, for whoever has K(7), LABEL_KEY. -EBADMSG: malformed, or not
 * made by somebody who had it.
 */
int key_slot_describe(const uint8_t header[STORE_HEADER_BYTES], const uint8_t id[KEY_SLOT_ID_BYTES],
                      const uint8_t bytes[KEY_SLOT_BYTES], const uint8_t label_key[SEAL_KEY_BYTES],
                      struct key_slot *ret_slot);

/* K(PURPOSE) of the store with this header. Both keys are in locked memory. */
void subkey_derive(const uint8_t header[STORE_HEADER_BYTES], const uint8_t master[MASTER_KEY_BYTES],
                   enum store_purpose purpose, uint8_t ret_key[SEAL_KEY_BYTES]);

#endif
