/* SPDX-License-Identifier: MIT */
/*
 * A store opened: its storage, its header, its keys. What is in it, object.h,
 * log.h and the others of this folder say; FORMAT.md fixes the bytes.
 */
#ifndef CRMFS_STORE_STORE_H
#define CRMFS_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/storage/storage.h"
#include "fs/base/failure.h"
#include "fs/store/seal.h"

#define STORE_ID_BYTES 16
#define STORE_SALT_BYTES 32
#define STORE_PASSPHRASE_LIMIT 4096

/* What a key is derived for; the numbers are FORMAT.md's. */
enum store_purpose {
    STORE_OBJECT_NAMES = 1,
    STORE_PACKS,
    STORE_INDEX,
    STORE_LOG,
    STORE_CHECKPOINTS,
    STORE_BOUNDARIES,
    STORE_KEY_LABELS,
    STORE_CACHE,
    STORE_CACHE_NAMES,
    STORE_PURPOSES
};

struct store_header {
    enum seal_cipher cipher;
    uint32_t group_bytes;  /* mean size of a row group */
    int compression_level; /* zstd's; 0: none */
    uint8_t id[STORE_ID_BYTES];
};

struct store;

/* A passphrase, in the caller's locked memory; not NUL-terminated. */
struct store_passphrase {
    const char *bytes;
    size_t size; /* 1 … STORE_PASSPHRASE_LIMIT */
};

/*
 * Makes a store of an empty storage: header, one key slot, the log's first
 * record. HEADER's id is made here. 0, or -errno with nothing that opens left.
 */
int store_init(struct storage *storage, const struct store_header *header,
               const struct store_passphrase *passphrase, struct failure *failure);

/*
 * Opens a store; STORAGE is taken over on success. -EINVAL: not a store, or a
 * version that this crmfs does not know; -EKEYREJECTED: no slot opens with the
 * passphrase; -EBADMSG: damaged.
 */
int store_open(struct storage *storage, const struct store_passphrase *passphrase,
               struct store **ret_store, struct failure *failure);
void store_close(struct store *store); /* NULL is allowed; wipes the keys */

/* As store_close(), but the storage is the caller's again. */
void store_give_back(struct store *store);

struct storage *store_storage(struct store *store);                 /* borrowed */
const struct store_header *store_header(const struct store *store); /* borrowed */

/* The 32 bytes of a subkey, in locked memory; borrowed. */
const uint8_t *store_key(const struct store *store, enum store_purpose purpose);

/* The sealer of one file: its key is made of the purpose's subkey, the salt and the file's name. */
int store_file_sealer(const struct store *store, enum store_purpose purpose,
                      const uint8_t salt[STORE_SALT_BYTES], const char *name,
                      struct sealer **ret_sealer, struct failure *failure);

#endif
