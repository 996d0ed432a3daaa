/* SPDX-License-Identifier: MIT */
#include "fs/store/seal.h"

#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/secret_heap.h"
#include "fs/store/secret_keys.h"

#define GCM_NONCE_BYTES 12
#define LARGEST_PIECE ((size_t)1 << 30)
#define CONTEXTS_KEPT 16

struct sealer {
    enum seal_cipher cipher;
    uint8_t *key;    /* of secret_key_take() */
    EVP_CIPHER *aes; /* fetched beforehand: fetching takes more memory than a key's context */
    pthread_mutex_t lock;
    size_t context_count; /* guarded by lock */
    EVP_CIPHER_CTX
    *contexts[CONTEXTS_KEPT]; /* idle AES contexts with the key set; guarded by lock */
};

enum seal_cipher seal_best_cipher(void)
{
    if (sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() != 0)
        return SEAL_AES_256_GCM;
    return SEAL_XCHACHA20_POLY1305;
}

/* libcrypto does not say why it has nothing: where memory lacked, the C library did. */
static int fetch_aes(struct sealer *sealer, struct failure *failure)
{
    errno = 0;
    sealer->aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    if (sealer->aes != NULL)
        return 0;
    if (errno == ENOMEM)
        return -ENOMEM;
    return failure_set(failure, ENOTSUP, "libcrypto has no AES-256-GCM");
}

/* A sealer whose key is to be filled in. */
static int sealer_allocate(enum seal_cipher cipher, struct sealer **ret_sealer,
                           struct failure *failure)
{
    int error = secret_heap_install();

    if (error != 0) {
        failure_set(failure, -error, "cannot prepare locked memory for keys%s",
                    error == -ENOMEM ? ": raise `ulimit -l`" : "");
        return error;
    }
    if (cipher != SEAL_AES_256_GCM && cipher != SEAL_XCHACHA20_POLY1305) {
        failure_set(failure, ENOTSUP, "unknown cipher %d", (int)cipher);
        return -ENOTSUP;
    }

    struct sealer *sealer = calloc(1, sizeof *sealer);

    if (sealer == NULL)
        return -ENOMEM;
    sealer->cipher = cipher;
    pthread_mutex_init(&sealer->lock, NULL);
    sealer->key = secret_key_take();
    if (sealer->key == NULL) {
        sealer_free(sealer);
        failure_set(failure, ENOMEM, "no locked memory for a key: raise `ulimit -l`");
        return -ENOMEM;
    }
    if (cipher == SEAL_AES_256_GCM)
        error = fetch_aes(sealer, failure);
    if (error != 0) {
        sealer_free(sealer);
        return error;
    }
    *ret_sealer = sealer;
    return 0;
}

int sealer_create_random(enum seal_cipher cipher, struct sealer **ret_sealer,
                         struct failure *failure)
{
    struct sealer *sealer = NULL;
    int error = sealer_allocate(cipher, &sealer, failure);

    if (error != 0)
        return error;
    randombytes_buf(sealer->key, SEAL_KEY_BYTES);
    *ret_sealer = sealer;
    return 0;
}

int sealer_create(enum seal_cipher cipher, const uint8_t key[SEAL_KEY_BYTES],
                  struct sealer **ret_sealer, struct failure *failure)
{
    struct sealer *sealer = NULL;
    int error = sealer_allocate(cipher, &sealer, failure);

    if (error != 0)
        return error;
    memcpy(sealer->key, key, SEAL_KEY_BYTES);
    *ret_sealer = sealer;
    return 0;
}

void sealer_free(struct sealer *sealer)
{
    if (sealer == NULL)
        return;
    for (size_t i = 0; i < sealer->context_count; i++)
        EVP_CIPHER_CTX_free(sealer->contexts[i]);
    EVP_CIPHER_free(sealer->aes);
    secret_key_give(sealer->key);
    pthread_mutex_destroy(&sealer->lock);
    free(sealer);
}

static EVP_CIPHER_CTX *context_take(struct sealer *sealer)
{
    EVP_CIPHER_CTX *context = NULL;

    pthread_mutex_lock(&sealer->lock);
    if (sealer->context_count > 0)
        context = sealer->contexts[--sealer->context_count];
    pthread_mutex_unlock(&sealer->lock);
    if (context != NULL)
        return context;

    context = EVP_CIPHER_CTX_new();
    if (context == NULL)
        return NULL;

    secret_heap_enter();
    int made = EVP_CipherInit_ex(context, sealer->aes, NULL, sealer->key, NULL, 1);
    secret_heap_leave();
    if (made != 1) {
        EVP_CIPHER_CTX_free(context);
        return NULL;
    }
    return context;
}

static void context_give(struct sealer *sealer, EVP_CIPHER_CTX *context)
{
    pthread_mutex_lock(&sealer->lock);
    if (sealer->context_count < CONTEXTS_KEPT) {
        sealer->contexts[sealer->context_count++] = context;
        context = NULL;
    }
    pthread_mutex_unlock(&sealer->lock);
    EVP_CIPHER_CTX_free(context);
}

static void little_endian(uint8_t *bytes, uint64_t number)
{
    for (int i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(number >> (8 * i));
}

/* Starts CONTEXT for one piece: direction, nonce, associated data. */
static bool context_begin(EVP_CIPHER_CTX *context, int encrypt, uint64_t nonce,
                          const void *associated, size_t associated_size)
{
    uint8_t nonce_bytes[GCM_NONCE_BYTES] = {0};
    int length;

    little_endian(nonce_bytes, nonce);
    if (EVP_CipherInit_ex(context, NULL, NULL, NULL, nonce_bytes, encrypt) != 1)
        return false;
    return associated_size == 0 ||
           EVP_CipherUpdate(context, NULL, &length, associated, (int)associated_size) == 1;
}

static int gcm_seal(struct sealer *sealer, uint64_t nonce, const void *associated,
                    size_t associated_size, const void *plain, size_t size, uint8_t *sealed)
{
    EVP_CIPHER_CTX *context = context_take(sealer);

    if (context == NULL)
        return -ENOMEM;

    int length = 0;
    bool done = context_begin(context, 1, nonce, associated, associated_size) &&
                EVP_CipherUpdate(context, sealed, &length, plain, (int)size) == 1 &&
                EVP_CipherFinal_ex(context, sealed + size, &length) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, SEAL_OVERHEAD_BYTES,
                                    sealed + size) == 1;

    context_give(sealer, context);
    return done ? 0 : -EIO;
}

static int gcm_unseal(struct sealer *sealer, uint64_t nonce, const void *associated,
                      size_t associated_size, const uint8_t *sealed, size_t size, uint8_t *plain)
{
    EVP_CIPHER_CTX *context = context_take(sealer);

    if (context == NULL)
        return -ENOMEM;

    uint8_t tag[SEAL_OVERHEAD_BYTES];
    int length = 0;

    memcpy(tag, sealed + size, sizeof tag);
    bool good = context_begin(context, 0, nonce, associated, associated_size) &&
                EVP_CipherUpdate(context, plain, &length, sealed, (int)size) == 1 &&
                EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1 &&
                EVP_CipherFinal_ex(context, tag, &length) == 1; /* GCM writes nothing there */

    context_give(sealer, context);
    return good ? 0 : -EBADMSG;
}

int seal(struct sealer *sealer, uint64_t nonce, const void *associated, size_t associated_size,
         const void *plain, size_t size, void *sealed)
{
    if (size > LARGEST_PIECE || associated_size > LARGEST_PIECE)
        return -EFBIG;
    if (sealer->cipher == SEAL_AES_256_GCM)
        return gcm_seal(sealer, nonce, associated, associated_size, plain, size, sealed);

    uint8_t nonce_bytes[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {0};

    little_endian(nonce_bytes, nonce);
    crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, plain, size, associated,
                                               associated_size, NULL, nonce_bytes, sealer->key);
    return 0;
}

int unseal(struct sealer *sealer, uint64_t nonce, const void *associated, size_t associated_size,
           const void *sealed, size_t size, void *plain)
{
    if (size < SEAL_OVERHEAD_BYTES)
        return -EBADMSG;
    if (size > LARGEST_PIECE || associated_size > LARGEST_PIECE)
        return -EFBIG;

    size_t plain_size = size - SEAL_OVERHEAD_BYTES;
    int error;

    if (sealer->cipher == SEAL_AES_256_GCM) {
        error = gcm_unseal(sealer, nonce, associated, associated_size, sealed, plain_size, plain);
    } else {
        uint8_t nonce_bytes[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {0};

        little_endian(nonce_bytes, nonce);
        error = crypto_aead_xchacha20poly1305_ietf_decrypt(plain, NULL, NULL, sealed, size,
                                                           associated, associated_size, nonce_bytes,
                                                           sealer->key) == 0
                    ? 0
                    : -EBADMSG;
    }
    if (error != 0)
        sodium_memzero(plain, plain_size);
    return error;
}
