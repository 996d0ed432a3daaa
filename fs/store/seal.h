/* SPDX-License-Identifier: MIT */
/*
 * Authenticated encryption of pieces of data under one key.
 *
 * AES-256-GCM where the processor has it, XChaCha20-Poly1305 otherwise; the
 * key's bytes rest in locked memory that no core dump shows. AES goes through
 * libcrypto, whose vectorised GCM measured 2.8 times libsodium 1.0.18's
 * (4.7 against 1.7 GB/s on one core); what libcrypto expands of the key is put
 * into the same kind of memory. Both ciphers are standard and interchangeable
 * with libsodium's.
 *
 * A sealer is made for one purpose; nonces are the caller's: a pair of key and
 * nonce must never seal two different pieces. Nonces are numbers, so a counter
 * will do for a key that lives no longer than the process.
 */
#ifndef CRMFS_STORE_SEAL_H
#define CRMFS_STORE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"

#define SEAL_KEY_BYTES 32
#define SEAL_OVERHEAD_BYTES 16 /* the tag, after the ciphertext */

enum seal_cipher {
    SEAL_AES_256_GCM = 1,
    SEAL_XCHACHA20_POLY1305 = 2,
};

struct sealer;

/* The faster cipher of this processor. */
enum seal_cipher seal_best_cipher(void);

/* A sealer with a random key that dies with it. -ENOMEM (also: no locked memory), -ENOTSUP. */
int sealer_create_random(enum seal_cipher cipher, struct sealer **ret_sealer,
                         struct failure *failure);

/*
 * A sealer with a key of the caller's, which is copied into locked memory. All that
 * is ever sealed under KEY must differ in its nonce, whatever sealer does it.
 */
int sealer_create(enum seal_cipher cipher, const uint8_t key[SEAL_KEY_BYTES],
                  struct sealer **ret_sealer, struct failure *failure);

/*
 * Seals SIZE bytes of PLAIN into SEALED (SIZE + SEAL_OVERHEAD_BYTES bytes; must
 * not overlap). NONCE and the SIZE are bound; ASSOCIATED (may be empty) as well.
 * Safe from several threads at once. 0, -ENOMEM, -EIO.
 */
int seal(struct sealer *sealer, uint64_t nonce, const void *associated, size_t associated_size,
         const void *plain, size_t size, void *sealed);

/*
 * Opens SIZE bytes of SEALED (tag included) into PLAIN (SIZE - SEAL_OVERHEAD_BYTES
 * bytes). -EBADMSG when anything differs from what was sealed; PLAIN then holds
 * nothing of use and is wiped.
 */
int unseal(struct sealer *sealer, uint64_t nonce, const void *associated, size_t associated_size,
           const void *sealed, size_t size, void *plain);

void sealer_free(struct sealer *sealer); /* wipes the key; NULL is allowed */

#endif
