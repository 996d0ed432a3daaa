/* SPDX-License-Identifier: MIT */
/* Buffers come from sodium_malloc, so that a byte written or read past their end faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* The sealer's key is nobody's to see: to know the right answer, the test takes the file in. */
#include "fs/store/seal.c" /* NOLINT(bugprone-suspicious-include) */

#include "tests/unit/fake_source.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define THREADS 24
#define ROUNDS 150

static const enum seal_cipher ciphers[] = {SEAL_AES_256_GCM, SEAL_XCHACHA20_POLY1305};
static const size_t sizes[] = {0, 1, 15, 16, 17, 63, 64, 65, 255, 256, 1000, 4096, 100003, 1 << 20};

/* SIZE bytes that end where the memory ends; not NULL for no bytes either. */
static uint8_t *guarded(size_t size)
{
    uint8_t *memory = sodium_malloc(size);

    must(memory != NULL);
    return memory;
}

static uint8_t *guarded_random(size_t size)
{
    uint8_t *memory = guarded(size);

    randombytes_buf(memory, size);
    return memory;
}

static struct sealer *create(enum seal_cipher cipher)
{
    struct sealer *sealer = NULL;

    must(sealer_create_random(cipher, &sealer, NULL) == 0);
    return sealer;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    return sodium_is_zero(bytes, size) != 0;
}

static void round_trip(struct sealer *sealer, uint64_t nonce, size_t size)
{
    uint8_t *plain = guarded_random(size);
    uint8_t *sealed = guarded(size + SEAL_OVERHEAD_BYTES);
    uint8_t *opened = guarded(size);

    must(seal(sealer, nonce, "abc", 3, plain, size, sealed) == 0);
    must(unseal(sealer, nonce, "abc", 3, sealed, size + SEAL_OVERHEAD_BYTES, opened) == 0);
    must(memcmp(plain, opened, size) == 0);
    must(size < 16 || memcmp(plain, sealed, size) != 0);
    sodium_free(plain);
    sodium_free(sealed);
    sodium_free(opened);
}

static void test_round_trip(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ciphers); i++) {
        struct sealer *sealer = create(ciphers[i]);

        for (size_t j = 0; j < COUNT_OF(sizes); j++)
            round_trip(sealer, UINT64_MAX - j, sizes[j]);
        sealer_free(sealer);
    }
    sealer_free(NULL);
}

/* What libsodium makes of the same key, nonce and data. */
static void sodium_seal(const struct sealer *sealer, uint64_t nonce, size_t associated_size,
                        const uint8_t *plain, size_t size, uint8_t *sealed)
{
    uint8_t bytes[24] = {0};

    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(nonce >> (8 * i));
    if (sealer->cipher == SEAL_AES_256_GCM)
        crypto_aead_aes256gcm_encrypt(sealed, NULL, plain, size, (const uint8_t *)"associated",
                                      associated_size, NULL, bytes, sealer->key);
    else
        crypto_aead_xchacha20poly1305_ietf_encrypt(sealed, NULL, plain, size,
                                                   (const uint8_t *)"associated", associated_size,
                                                   NULL, bytes, sealer->key);
}

static void test_known_answer(void **state)
{
    (void)state;
    assert_true(sodium_init() >= 0);
    for (size_t i = 0; i < COUNT_OF(ciphers); i++) {
        struct sealer *sealer = create(ciphers[i]);

        for (size_t j = 0; j < COUNT_OF(sizes); j++) {
            size_t size = sizes[j];
            uint64_t nonce = UINT64_C(0x0123456789abcdef) * (j + 1);
            uint8_t *plain = guarded_random(size);
            uint8_t *ours = guarded(size + SEAL_OVERHEAD_BYTES);
            uint8_t *theirs = guarded(size + SEAL_OVERHEAD_BYTES);

            if (ciphers[i] == SEAL_AES_256_GCM && crypto_aead_aes256gcm_is_available() == 0)
                skip();
            assert_int_equal(seal(sealer, nonce, "associated", j % 11, plain, size, ours), 0);
            sodium_seal(sealer, nonce, j % 11, plain, size, theirs);
            assert_memory_equal(ours, theirs, size + SEAL_OVERHEAD_BYTES);
            sodium_free(plain);
            sodium_free(ours);
            sodium_free(theirs);
        }
        sealer_free(sealer);
    }
}

/* One piece, sealed, and what stays the same while a test changes something. */
struct piece {
    struct sealer *sealer;
    uint8_t *plain;
    uint8_t *sealed;
    uint8_t *opened;
    uint8_t associated[4];
};

#define PIECE_SIZE 40
#define PIECE_NONCE 77

static struct piece piece_create(enum seal_cipher cipher)
{
    struct piece piece = {
        .sealer = create(cipher),
        .plain = guarded_random(PIECE_SIZE),
        .sealed = guarded(PIECE_SIZE + SEAL_OVERHEAD_BYTES),
        .opened = guarded(PIECE_SIZE),
        .associated = {1, 2, 3, 4},
    };

    must(seal(piece.sealer, PIECE_NONCE, piece.associated, sizeof piece.associated, piece.plain,
              PIECE_SIZE, piece.sealed) == 0);
    return piece;
}

static void piece_free(struct piece *piece)
{
    sealer_free(piece->sealer);
    sodium_free(piece->plain);
    sodium_free(piece->sealed);
    sodium_free(piece->opened);
}

static int piece_open(struct piece *piece)
{
    memset(piece->opened, 0xaa, PIECE_SIZE);
    return unseal(piece->sealer, PIECE_NONCE, piece->associated, sizeof piece->associated,
                  piece->sealed, PIECE_SIZE + SEAL_OVERHEAD_BYTES, piece->opened);
}

static void assert_refused(struct piece *piece)
{
    assert_int_equal(piece_open(piece), -EBADMSG);
    assert_true(is_zero(piece->opened, PIECE_SIZE));
}

static void test_every_bit(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ciphers); i++) {
        struct piece piece = piece_create(ciphers[i]);

        for (size_t bit = 0; bit < (size_t)8 * (PIECE_SIZE + SEAL_OVERHEAD_BYTES); bit++) {
            piece.sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_refused(&piece);
            piece.sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t bit = 0; bit < 8 * sizeof piece.associated; bit++) {
            piece.associated[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_refused(&piece);
            piece.associated[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        /* A refusal leaves no trace. */
        assert_int_equal(piece_open(&piece), 0);
        assert_memory_equal(piece.opened, piece.plain, PIECE_SIZE);
        piece_free(&piece);
    }
}

static void test_other_circumstances(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ciphers); i++) {
        struct piece piece = piece_create(ciphers[i]);
        struct sealer *other = create(ciphers[i]);
        uint8_t *longer = guarded(PIECE_SIZE + SEAL_OVERHEAD_BYTES + 1);
        uint8_t *room = guarded(PIECE_SIZE + 1);
        size_t size = PIECE_SIZE + SEAL_OVERHEAD_BYTES;

        memcpy(longer, piece.sealed, size);
        longer[size] = 0;
        for (unsigned bit = 0; bit < 64; bit++)
            assert_int_equal(unseal(piece.sealer, PIECE_NONCE ^ (UINT64_C(1) << bit),
                                    piece.associated, 4, piece.sealed, size, piece.opened),
                             -EBADMSG);
        assert_int_equal(
            unseal(piece.sealer, PIECE_NONCE, piece.associated, 3, piece.sealed, size, room),
            -EBADMSG);
        assert_int_equal(unseal(piece.sealer, PIECE_NONCE, NULL, 0, piece.sealed, size, room),
                         -EBADMSG);
        assert_int_equal(
            unseal(piece.sealer, PIECE_NONCE, piece.associated, 4, longer, size + 1, room),
            -EBADMSG);
        assert_int_equal(unseal(other, PIECE_NONCE, piece.associated, 4, piece.sealed, size, room),
                         -EBADMSG);
        for (size_t less = 0; less < size; less++)
            assert_int_equal(
                unseal(piece.sealer, PIECE_NONCE, piece.associated, 4, piece.sealed, less, room),
                -EBADMSG);
        sealer_free(other);
        sodium_free(longer);
        sodium_free(room);
        piece_free(&piece);
    }
}

static void test_refused_sizes(void **state)
{
    (void)state;
    struct sealer *sealer = NULL;
    struct failure failure = {0};
    uint8_t byte[SEAL_OVERHEAD_BYTES];
    size_t most = (size_t)1 << 30;

    assert_int_equal(sealer_create_random((enum seal_cipher)9, &sealer, &failure), -ENOTSUP);
    assert_null(sealer);
    assert_non_null(strstr(failure.text, "9"));
    for (size_t i = 0; i < COUNT_OF(ciphers); i++) {
        sealer = create(ciphers[i]);
        assert_int_equal(seal(sealer, 1, NULL, 0, byte, most + 1, byte), -EFBIG);
        assert_int_equal(seal(sealer, 1, byte, most + 1, byte, 1, byte), -EFBIG);
        assert_int_equal(unseal(sealer, 1, NULL, 0, byte, SIZE_MAX, byte), -EFBIG);
        /* Nothing at all may be sealed, and comes from nowhere. */
        assert_int_equal(seal(sealer, 1, NULL, 0, NULL, 0, byte), 0);
        assert_int_equal(unseal(sealer, 1, NULL, 0, byte, sizeof byte, NULL), 0);
        sealer_free(sealer);
    }
}

static void test_best_cipher(void **state)
{
    (void)state;
    enum seal_cipher best = seal_best_cipher();

    assert_int_equal(best, crypto_aead_aes256gcm_is_available() ? SEAL_AES_256_GCM
                                                                : SEAL_XCHACHA20_POLY1305);
}

struct share {
    struct sealer *sealer;
    uint64_t first_nonce;
};

static void *seal_many(void *argument)
{
    const struct share *share = argument;

    for (uint64_t i = 0; i < ROUNDS; i++)
        round_trip(share->sealer, share->first_nonce + i, 1 + (size_t)(i * 7919 % 20000));
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(ciphers); i++) {
        struct sealer *sealer = create(ciphers[i]);
        struct share shares[THREADS];
        pthread_t threads[THREADS];

        for (size_t j = 0; j < THREADS; j++) {
            shares[j] = (struct share){sealer, j * ROUNDS};
            assert_int_equal(pthread_create(&threads[j], NULL, seal_many, &shares[j]), 0);
        }
        for (size_t j = 0; j < THREADS; j++)
            pthread_join(threads[j], NULL);
        sealer_free(sealer);
    }
}

/* Slots of locked memory come back: far more sealers than there are slots, one after another. */
static void test_many_sealers(void **state)
{
    (void)state;
    for (int i = 0; i < 500; i++) {
        struct piece piece = piece_create(SEAL_AES_256_GCM);

        assert_int_equal(piece_open(&piece), 0);
        piece_free(&piece);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_known_answer),
        cmocka_unit_test(test_every_bit),     cmocka_unit_test(test_other_circumstances),
        cmocka_unit_test(test_refused_sizes), cmocka_unit_test(test_best_cipher),
        cmocka_unit_test(test_threads),       cmocka_unit_test(test_many_sealers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
