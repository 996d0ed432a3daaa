/* SPDX-License-Identifier: MIT */
/*
 * Key slots: what is accepted is in range, and none opens but the one that was
 * made with this header, name and passphrase (corpus: valid). The same bytes are
 * also read as a recovery key.
 */
#include <errno.h>
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/key_slot.h"
#include "fs/store/recovery_key.h"
#include "tests/fuzz/target.h"

/* Not Argon2id, which takes its time; but only what is in range may come here. */
int crypto_pwhash(unsigned char *const out, unsigned long long out_size, const char *const password,
                  unsigned long long password_size, const unsigned char *const salt,
                  unsigned long long passes, size_t memory, int algorithm)
{
    require(passes >= 1 && passes <= KEY_PASSES_MOST && memory >= KEY_MEMORY_LEAST &&
            memory <= KEY_MEMORY_MOST && algorithm == crypto_pwhash_ALG_ARGON2ID13);
    return crypto_generichash(out, out_size, (const uint8_t *)password, password_size, salt, 16);
}

static void check_slot(const uint8_t bytes[KEY_SLOT_BYTES])
{
    static const uint8_t header[STORE_HEADER_BYTES] = "crmfs store 1\n";
    static const uint8_t id[KEY_SLOT_ID_BYTES] = "0123456789abcde";
    static const struct store_passphrase passphrase = {"fuzz", 4};
    uint8_t master[MASTER_KEY_BYTES] = {0};
    uint8_t label_key[SEAL_KEY_BYTES];
    struct key_slot slot;
    int malformed = key_slot_decode(bytes, &slot);
    int error = key_slot_open(header, id, bytes, &passphrase, master, NULL);

    require(malformed == 0 || malformed == -EBADMSG);
    if (malformed != 0)
        require(error == -EBADMSG);
    if (error != 0) {
        require(error == -EBADMSG || error == -EKEYREJECTED);
        require(sodium_is_zero(master, sizeof master) == 1);
        return;
    }
    for (size_t i = 0; i < sizeof master; i++)
        require(master[i] == i);
    subkey_derive(header, master, STORE_KEY_LABELS, label_key);
    require(key_slot_describe(header, id, bytes, label_key, &slot) == 0);
    require(key_slot_check(&slot, NULL) == 0 && memcmp(slot.id, id, sizeof id) == 0);
}

static void check_recovery_key(const uint8_t *data, size_t size)
{
    char symbols[RECOVERY_KEY_SYMBOLS] = {0};
    char again[RECOVERY_KEY_SYMBOLS];
    int error = recovery_key_read((const char *)data, size, symbols);

    if (error != 0) {
        require((error == -EINVAL || error == -EBADMSG) && symbols[0] == '\0');
        return;
    }
    require(recovery_key_read(symbols, sizeof symbols, again) == 0);
    require(memcmp(symbols, again, sizeof again) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t bytes[KEY_SLOT_BYTES] = {0};

    require(sodium_init() >= 0);
    memcpy(bytes, data, size < sizeof bytes ? size : sizeof bytes);
    check_slot(bytes);
    check_recovery_key(data, size);
    return 0;
}
