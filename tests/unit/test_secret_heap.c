/* SPDX-License-Identifier: MIT */
/* Sealers of given keys, as many at once as a store has files open. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/store/seal.h"
#include "tests/unit/sanitized.h"

#define NOBODY 65534
#define SEALERS 600 /* more than an arena of the secret heap has slots for */

static const enum seal_cipher ciphers[] = {SEAL_AES_256_GCM, SEAL_XCHACHA20_POLY1305};

/* So much that a page or two of keys can be locked, and no arena. */
#define LOCKED_BYTES ((rlim_t)64 << 10)

/* Makes a sealer as somebody who may lock no more; what that said is the process's status. */
static _Noreturn void seal_with_little(void)
{
    const struct rlimit limit = {LOCKED_BYTES, LOCKED_BYTES};
    struct sealer *sealer;

    if (setrlimit(RLIMIT_MEMLOCK, &limit) != 0 ||
        (getuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0)))
        _exit(1);
    _exit(-sealer_create_random(SEAL_AES_256_GCM, &sealer, NULL));
}

/* What libcrypto makes of a key does not go into memory that may be swapped. First of all tests. */
static void test_unlocked_memory_is_refused(void **state)
{
    int status = 0;

    (void)state;
    if (SANITIZED) /* sanitizers' mlock locks nothing */
        return;

    pid_t child = fork();

    if (child == 0)
        seal_with_little();
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENOMEM);
}

static void test_given_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint8_t key[SEAL_KEY_BYTES] = {1, 2, 3};
        uint8_t sealed[5 + SEAL_OVERHEAD_BYTES];
        uint8_t plain[5];
        struct sealer *one;
        struct sealer *same;
        struct sealer *other;

        assert_int_equal(sealer_create(ciphers[i], key, &one, NULL), 0);
        assert_int_equal(sealer_create(ciphers[i], key, &same, NULL), 0);
        key[31] ^= 1; /* the key was copied */
        assert_int_equal(sealer_create(ciphers[i], key, &other, NULL), 0);
        assert_int_equal(seal(one, 7, "bound", 5, "hello", 5, sealed), 0);
        assert_int_equal(unseal(same, 7, "bound", 5, sealed, sizeof sealed, plain), 0);
        assert_memory_equal(plain, "hello", 5);
        assert_int_equal(unseal(other, 7, "bound", 5, sealed, sizeof sealed, plain), -EBADMSG);
        sealer_free(one);
        sealer_free(same);
        sealer_free(other);
    }
    assert_int_equal(sealer_create((enum seal_cipher)3, (uint8_t[SEAL_KEY_BYTES]){0}, NULL, NULL),
                     -ENOTSUP);
}

/* All in use, and all once more after they were given back. */
static void test_many_at_once(void **state)
{
    static struct sealer *sealers[SEALERS];
    static uint8_t sealed[SEALERS][8 + SEAL_OVERHEAD_BYTES];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < SEALERS; i++) {
            uint8_t key[SEAL_KEY_BYTES] = {(uint8_t)i, (uint8_t)(i >> 8)};

            assert_int_equal(sealer_create(SEAL_AES_256_GCM, key, &sealers[i], NULL), 0);
            assert_int_equal(seal(sealers[i], i, NULL, 0, "sameness", 8, sealed[i]), 0);
        }
        for (size_t i = 0; i < SEALERS; i++) {
            uint8_t plain[8];

            assert_int_equal(unseal(sealers[i], i, NULL, 0, sealed[i], sizeof sealed[i], plain), 0);
            assert_memory_equal(plain, "sameness", 8);
        }
        for (size_t i = 0; i < SEALERS; i++)
            sealer_free(sealers[i]);
    }
}

/* Of the process; each piece of memory with rights of its own is one. */
static unsigned count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned count = 0;

    assert_non_null(maps);
    for (int byte = fgetc(maps); byte != EOF; byte = fgetc(maps))
        count += byte == '\n';
    fclose(maps);
    return count;
}

/* A key does not take pages of its own: making and freeing one asks the system for nothing. */
static void test_keys_share_memory(void **state)
{
    static struct sealer *sealers[SEALERS];
    unsigned before = count_mappings();

    (void)state;
    for (size_t i = 0; i < SEALERS; i++) {
        uint8_t key[SEAL_KEY_BYTES] = {(uint8_t)i};

        assert_int_equal(sealer_create(SEAL_XCHACHA20_POLY1305, key, &sealers[i], NULL), 0);
    }
    assert_true(count_mappings() < before + SEALERS / 10);
    for (size_t i = 0; i < SEALERS; i++)
        sealer_free(sealers[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unlocked_memory_is_refused),
        cmocka_unit_test(test_given_key),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_keys_share_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
