/* SPDX-License-Identifier: MIT */
#include "fs/store/key_slot.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/base/secret.h"
#include "fs/base/utf8.h"

#define ARGON2ID_13 1
#define LABEL_PLAIN_BYTES 80

/* Where the fields stand; what is between them is zero. */
enum place {
    AT_KDF = 8,
    AT_KIND = 9,
    AT_PASSES = 16,
    AT_MEMORY = 24,
    AT_SALT = 32,
    AT_NONCE = 48,
    AT_MASTER = 72, /* sealed under the passphrase */
    AT_LABEL_NONCE = 120,
    AT_LABEL = 144, /* sealed under K(7) */
    AT_ZEROS = 240
};

/* In the plaintext of the label. */
enum label_place { LABEL_AT_CREATED = 0, LABEL_AT_LENGTH = 8, LABEL_AT_TEXT = 9 };

#define ASSOCIATED_MOST (STORE_HEADER_BYTES + AT_LABEL + KEY_SLOT_ID_BYTES)

static const uint8_t magic[AT_KDF] = {'C', 'R', 'M', 'F', 'S', 'K', 'E', 'Y'};

_Static_assert(crypto_pwhash_argon2id_SALTBYTES == AT_NONCE - AT_SALT, "salt");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == AT_MASTER - AT_NONCE, "nonce");
_Static_assert(MASTER_KEY_BYTES + SEAL_OVERHEAD_BYTES == AT_LABEL_NONCE - AT_MASTER, "master");
_Static_assert(LABEL_PLAIN_BYTES + SEAL_OVERHEAD_BYTES == AT_ZEROS - AT_LABEL, "label");

static void free_secret(uint8_t *const *secret)
{
    sodium_free(*secret);
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
    return sodium_is_zero(bytes, size) == 1;
}

static bool label_valid(const char *label, size_t size)
{
    size_t step;

    for (size_t i = 0; i < size; i += step) {
        step = utf8_character(label + i, size - i);
        if (step == 0 || (unsigned char)label[i] < 0x20 || label[i] == 0x7f)
            return false;
    }
    return size <= KEY_LABEL_LIMIT;
}

static bool cost_valid(const struct key_cost *cost)
{
    return cost->passes >= 1 && cost->passes <= KEY_PASSES_MOST &&
           cost->memory_bytes >= KEY_MEMORY_LEAST && cost->memory_bytes <= KEY_MEMORY_MOST &&
           cost->memory_bytes % 1024 == 0;
}

int key_slot_check(const struct key_slot *slot, struct failure *failure)
{
    if (!label_valid(slot->label, strlen(slot->label)))
        return failure_set(failure, EINVAL,
                           "\"%s\" cannot be a key's label: up to %d bytes of text can",
                           slot->label, KEY_LABEL_LIMIT);
    if (!cost_valid(&slot->cost) || (slot->kind != KEY_PASSPHRASE && slot->kind != KEY_RECOVERY))
        return failure_set(failure, EINVAL, "a key cannot have this kind or cost");
    return 0;
}

/* What both seals of a slot are bound to: the header, the slot up to UP_TO, its name. */
static size_t associate(const uint8_t *header, const uint8_t *id, const uint8_t *bytes,
                        size_t up_to, uint8_t associated[ASSOCIATED_MOST])
{
    memcpy(associated, header, STORE_HEADER_BYTES);
    memcpy(associated + STORE_HEADER_BYTES, bytes, up_to);
    memcpy(associated + STORE_HEADER_BYTES + up_to, id, KEY_SLOT_ID_BYTES);
    return STORE_HEADER_BYTES + up_to + KEY_SLOT_ID_BYTES;
}

static void seal_part(const uint8_t *header, const uint8_t *id, uint8_t *bytes, size_t at,
                      const uint8_t *plain, size_t size, const uint8_t *key)
{
    uint8_t associated[ASSOCIATED_MOST];
    uint8_t *nonce = bytes + at - crypto_aead_xchacha20poly1305_ietf_NPUBBYTES;

    randombytes_buf(nonce, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES);

    size_t associated_size = associate(header, id, bytes, at, associated);

    crypto_aead_xchacha20poly1305_ietf_encrypt(bytes + at, NULL, plain, size, associated,
                                               associated_size, NULL, nonce, key);
}

static bool open_part(const uint8_t *header, const uint8_t *id, const uint8_t *bytes, size_t at,
                      uint8_t *plain, size_t size, const uint8_t *key)
{
    uint8_t associated[ASSOCIATED_MOST];
    size_t associated_size = associate(header, id, bytes, at, associated);

    return crypto_aead_xchacha20poly1305_ietf_decrypt(
               plain, NULL, NULL, bytes + at, size + SEAL_OVERHEAD_BYTES, associated,
               associated_size, bytes + at - crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               key) == 0;
}

static int no_memory(struct failure *failure, const char *what)
{
    failure_set(failure, ENOMEM, "%s", what);
    return -ENOMEM;
}

/* The key that the passphrase gives with the salt and cost of BYTES, which were checked. */
static int stretch(const uint8_t *bytes, const struct store_passphrase *passphrase,
                   uint8_t **ret_key, struct failure *failure)
{
    cleanup(free_secret) uint8_t *key = NULL;

    if (passphrase->size == 0 || passphrase->size > STORE_PASSPHRASE_LIMIT) {
        failure_set(failure, EINVAL, "a passphrase has 1 to %d bytes", STORE_PASSPHRASE_LIMIT);
        return -EINVAL;
    }
    key = secret_allocate(SEAL_KEY_BYTES);
    if (key == NULL)
        return no_memory(failure, "no locked memory for a key: raise `ulimit -l`");
    if (crypto_pwhash(key, SEAL_KEY_BYTES, passphrase->bytes, passphrase->size, bytes + AT_SALT,
                      get_u64(bytes + AT_PASSES), (size_t)get_u64(bytes + AT_MEMORY),
                      crypto_pwhash_ALG_ARGON2ID13) != 0)
        return no_memory(failure, "there is not enough memory to try a passphrase: free some");
    *ret_key = steal_pointer(&key);
    return 0;
}

static void encode_label(const struct key_slot *slot, uint8_t plain[LABEL_PLAIN_BYTES])
{
    size_t size = strlen(slot->label);

    memset(plain, 0, LABEL_PLAIN_BYTES);
    put_u64(plain + LABEL_AT_CREATED, slot->created);
    plain[LABEL_AT_LENGTH] = (uint8_t)size;
    memcpy(plain + LABEL_AT_TEXT, slot->label, size);
}

static int decode_label(const uint8_t plain[LABEL_PLAIN_BYTES], struct key_slot *slot)
{
    const char *text = (const char *)plain + LABEL_AT_TEXT;
    size_t size = plain[LABEL_AT_LENGTH];

    if (size > KEY_LABEL_LIMIT || !label_valid(text, size) ||
        !all_zero(plain + LABEL_AT_TEXT + size, LABEL_PLAIN_BYTES - LABEL_AT_TEXT - size))
        return -EBADMSG;
    memcpy(slot->label, text, size);
    slot->label[size] = '\0';
    slot->created = get_u64(plain + LABEL_AT_CREATED);
    return 0;
}

void subkey_derive(const uint8_t header[STORE_HEADER_BYTES], const uint8_t master[MASTER_KEY_BYTES],
                   enum store_purpose purpose, uint8_t ret_key[SEAL_KEY_BYTES])
{
    uint8_t input[6 + STORE_ID_BYTES] = {'c', 'r', 'm', 'f', 's', (uint8_t)purpose};

    memcpy(input + 6, header + STORE_HEADER_ID_AT, STORE_ID_BYTES);
    crypto_generichash(ret_key, SEAL_KEY_BYTES, input, sizeof input, master, MASTER_KEY_BYTES);
}

int key_slot_seal(const uint8_t header[STORE_HEADER_BYTES], const struct key_slot *slot,
                  const struct store_passphrase *passphrase, const uint8_t master[MASTER_KEY_BYTES],
                  uint8_t ret_bytes[KEY_SLOT_BYTES], struct failure *failure)
{
    cleanup(free_secret) uint8_t *key = NULL;
    uint8_t bytes[KEY_SLOT_BYTES] = {0};
    uint8_t label[LABEL_PLAIN_BYTES];
    int error = key_slot_check(slot, failure);

    if (error != 0)
        return error;
    memcpy(bytes, magic, sizeof magic);
    bytes[AT_KDF] = ARGON2ID_13;
    bytes[AT_KIND] = (uint8_t)slot->kind;
    put_u64(bytes + AT_PASSES, slot->cost.passes);
    put_u64(bytes + AT_MEMORY, slot->cost.memory_bytes);
    randombytes_buf(bytes + AT_SALT, AT_NONCE - AT_SALT);
    error = stretch(bytes, passphrase, &key, failure);
    if (error != 0)
        return error;
    seal_part(header, slot->id, bytes, AT_MASTER, master, MASTER_KEY_BYTES, key);
    encode_label(slot, label);
    subkey_derive(header, master, STORE_KEY_LABELS, key);
    seal_part(header, slot->id, bytes, AT_LABEL, label, sizeof label, key);
    memcpy(ret_bytes, bytes, sizeof bytes);
    return 0;
}

int key_slot_decode(const uint8_t bytes[KEY_SLOT_BYTES], struct key_slot *ret_slot)
{
    struct key_slot slot = {
        .kind = (enum key_kind)bytes[AT_KIND],
        .cost = {get_u64(bytes + AT_PASSES), get_u64(bytes + AT_MEMORY)},
    };

    if (memcmp(bytes, magic, sizeof magic) != 0 || bytes[AT_KDF] != ARGON2ID_13 ||
        (slot.kind != KEY_PASSPHRASE && slot.kind != KEY_RECOVERY) ||
        !all_zero(bytes + AT_KIND + 1, AT_PASSES - AT_KIND - 1) ||
        !all_zero(bytes + AT_ZEROS, KEY_SLOT_BYTES - AT_ZEROS) || !cost_valid(&slot.cost))
        return -EBADMSG;
    *ret_slot = slot;
    return 0;
}

int key_slot_open(const uint8_t header[STORE_HEADER_BYTES], const uint8_t id[KEY_SLOT_ID_BYTES],
                  const uint8_t bytes[KEY_SLOT_BYTES], const struct store_passphrase *passphrase,
                  uint8_t ret_master[MASTER_KEY_BYTES], struct failure *failure)
{
    cleanup(free_secret) uint8_t *key = NULL;
    struct key_slot slot;
    int error = key_slot_decode(bytes, &slot);

    if (error != 0)
        return failure_set(failure, EBADMSG, "the key slot is damaged");
    error = stretch(bytes, passphrase, &key, failure);
    if (error != 0)
        return error;

    cleanup(free_secret) uint8_t *master = secret_allocate(MASTER_KEY_BYTES);

    if (master == NULL)
        return no_memory(failure, "no locked memory for a key: raise `ulimit -l`");
    if (open_part(header, id, bytes, AT_MASTER, master, MASTER_KEY_BYTES, key)) {
        subkey_derive(header, master, STORE_KEY_LABELS, key);
        error = key_slot_describe(header, id, bytes, key, &slot);
        if (error == 0)
            memcpy(ret_master, master, MASTER_KEY_BYTES);
        else
            failure_set(failure, -error, "the key slot is damaged");
    } else {
        error = failure_set(failure, EKEYREJECTED, "the passphrase does not open it");
    }
    return error;
}

int key_slot_describe(const uint8_t header[STORE_HEADER_BYTES], const uint8_t id[KEY_SLOT_ID_BYTES],
                      const uint8_t bytes[KEY_SLOT_BYTES], const uint8_t label_key[SEAL_KEY_BYTES],
                      struct key_slot *ret_slot)
{
    uint8_t label[LABEL_PLAIN_BYTES];
    struct key_slot slot;
    int error = key_slot_decode(bytes, &slot);

    if (error == 0 && !open_part(header, id, bytes, AT_LABEL, label, sizeof label, label_key))
        error = -EBADMSG;
    if (error == 0)
        error = decode_label(label, &slot);
    if (error != 0)
        return error;
    memcpy(slot.id, id, sizeof slot.id);
    *ret_slot = slot;
    return 0;
}
