/* SPDX-License-Identifier: MIT */
/*
 * Not Argon2id, which test_key_slot.c has, for thousands of passphrases are tried. To be included
 * once in a program: it takes the place of libsodium's crypto_pwhash.
 */
#ifndef CRMFS_TESTS_UNIT_CHEAP_PWHASH_H
#define CRMFS_TESTS_UNIT_CHEAP_PWHASH_H

#include <sodium.h>
#include <stdint.h>
#include <string.h>

int crypto_pwhash(unsigned char *const out, unsigned long long out_size, const char *const password,
                  unsigned long long password_size, const unsigned char *const salt,
                  unsigned long long passes, size_t memory, int algorithm)
{
    uint8_t key[crypto_generichash_KEYBYTES] = {(uint8_t)passes, (uint8_t)algorithm};

    memcpy(key + 2, &memory, sizeof memory);
    memcpy(key + 16, salt, 16);
    return crypto_generichash(out, out_size, (const uint8_t *)password, password_size, key,
                              sizeof key);
}

#endif
