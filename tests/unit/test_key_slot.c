/* SPDX-License-Identifier: MIT */
/* Key slots and recovery keys as bytes and text; what is done with them in a store: test_keys.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/store/key_slot.h"
#include "fs/store/recovery_key.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* The cheapest that a slot may have. */
static const struct key_cost cheap = {1, KEY_MEMORY_LEAST};

/* How often Argon2id was run: libsodium's own is called from here. */
static unsigned stretches;

int crypto_pwhash(unsigned char *const out, unsigned long long out_size, const char *const password,
                  unsigned long long password_size, const unsigned char *const salt,
                  unsigned long long passes, size_t memory, int algorithm)
{
    static int (*real)(unsigned char *, unsigned long long, const char *, unsigned long long,
                       const unsigned char *, unsigned long long, size_t, int);

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "crypto_pwhash");
    stretches++;
    return real(out, out_size, password, password_size, salt, passes, memory, algorithm);
}

struct fixture {
    uint8_t header[STORE_HEADER_BYTES];
    struct key_slot slot;
    struct store_passphrase passphrase;
    uint8_t *master; /* all in guarded memory: an overrun ends the test */
    uint8_t *opened;
    uint8_t *bytes;
};

static int set_up(void **state)
{
    struct store_header header = {
        .cipher = SEAL_AES_256_GCM, .group_bytes = 524288, .compression_level = 3};
    struct fixture *fixture = calloc(1, sizeof *fixture);

    if (sodium_init() < 0) {
        free(fixture);
        return -1;
    }
    randombytes_buf(header.id, sizeof header.id);
    store_header_encode(&header, fixture->header);
    fixture->slot = (struct key_slot){
        .kind = KEY_PASSPHRASE, .cost = cheap, .created = 1795219200, .label = "B\xc3\xbcro"};
    randombytes_buf(fixture->slot.id, sizeof fixture->slot.id);
    fixture->passphrase = (struct store_passphrase){"correct horse", 13};
    fixture->master = sodium_malloc(MASTER_KEY_BYTES);
    fixture->opened = sodium_malloc(MASTER_KEY_BYTES);
    fixture->bytes = sodium_malloc(KEY_SLOT_BYTES);
    randombytes_buf(fixture->master, MASTER_KEY_BYTES);
    memset(fixture->opened, 0x55, MASTER_KEY_BYTES);
    *state = fixture;
    return key_slot_seal(fixture->header, &fixture->slot, &fixture->passphrase, fixture->master,
                         fixture->bytes, NULL);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    sodium_free(fixture->master);
    sodium_free(fixture->opened);
    sodium_free(fixture->bytes);
    free(fixture);
    return 0;
}

static int open_slot(struct fixture *fixture)
{
    return key_slot_open(fixture->header, fixture->slot.id, fixture->bytes, &fixture->passphrase,
                         fixture->opened, NULL);
}

/* Refused, and nothing of the key given away. */
static void check_refused(struct fixture *fixture, int expected)
{
    uint8_t untouched[MASTER_KEY_BYTES];
    int error = open_slot(fixture);

    memset(untouched, 0x55, sizeof untouched);
    assert_memory_equal(fixture->opened, untouched, sizeof untouched);
    if (expected != 0)
        assert_int_equal(error, expected);
    else
        assert_true(error == -EKEYREJECTED || error == -EBADMSG);
}

static void test_round_trip(void **state)
{
    struct fixture *fixture = *state;
    uint8_t label_key[SEAL_KEY_BYTES];
    struct key_slot found;

    assert_int_equal(open_slot(fixture), 0);
    assert_memory_equal(fixture->opened, fixture->master, MASTER_KEY_BYTES);
    subkey_derive(fixture->header, fixture->master, STORE_KEY_LABELS, label_key);
    assert_int_equal(
        key_slot_describe(fixture->header, fixture->slot.id, fixture->bytes, label_key, &found), 0);
    assert_memory_equal(found.id, fixture->slot.id, sizeof found.id);
    assert_string_equal(found.label, fixture->slot.label);
    assert_true(found.created == fixture->slot.created && found.kind == KEY_PASSPHRASE);
    label_key[0] ^= 1;
    assert_int_equal(
        key_slot_describe(fixture->header, fixture->slot.id, fixture->bytes, label_key, &found),
        -EBADMSG);
}

/* FORMAT.md to the byte, with nothing but libsodium. */
static void test_layout(void **state)
{
    const struct fixture *fixture = *state;
    const uint8_t *bytes = fixture->bytes;
    uint8_t key[32];
    uint8_t subkey_input[6 + STORE_ID_BYTES] = "crmfs\7";
    uint8_t associated[STORE_HEADER_BYTES + 144 + 16];
    uint8_t master[32];
    uint8_t label[80];
    uint8_t expected[80] = {0};

    assert_memory_equal(bytes, "CRMFSKEY\1\1\0\0\0\0\0\0", 16);
    assert_true(get_u64(bytes + 16) == 1 && get_u64(bytes + 24) == 8 << 20);
    assert_true(sodium_is_zero(bytes + 240, 16) == 1);
    assert_int_equal(crypto_pwhash(key, 32, "correct horse", 13, bytes + 32, 1, 8 << 20,
                                   crypto_pwhash_ALG_ARGON2ID13),
                     0);
    memcpy(associated, fixture->header, 64);
    memcpy(associated + 64, bytes, 72);
    memcpy(associated + 64 + 72, fixture->slot.id, 16);
    assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(master, NULL, NULL, bytes + 72, 48,
                                                                associated, 64 + 72 + 16,
                                                                bytes + 48, key),
                     0);
    assert_memory_equal(master, fixture->master, 32);
    memcpy(subkey_input + 6, fixture->header + 32, 16);
    crypto_generichash(key, 32, subkey_input, sizeof subkey_input, master, 32);
    memcpy(associated + 64, bytes, 144);
    memcpy(associated + 64 + 144, fixture->slot.id, 16);
    assert_int_equal(crypto_aead_xchacha20poly1305_ietf_decrypt(label, NULL, NULL, bytes + 144, 96,
                                                                associated, sizeof associated,
                                                                bytes + 120, key),
                     0);
    put_u64(expected, 1795219200);
    expected[8] = 5;
    memcpy(expected + 9, "B\xc3\xbcro", 5);
    assert_memory_equal(label, expected, 80);
}

static void test_every_byte(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < KEY_SLOT_BYTES; i++) {
        uint8_t bit = (uint8_t)(1 << i % 8);

        fixture->bytes[i] ^= bit;
        check_refused(fixture, 0);
        fixture->bytes[i] ^= bit;
    }
    assert_int_equal(open_slot(fixture), 0);
}

static void test_every_byte_of_the_header(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < STORE_HEADER_BYTES; i++) {
        fixture->header[i] ^= (uint8_t)(1 << i % 8);
        check_refused(fixture, -EKEYREJECTED);
        fixture->header[i] ^= (uint8_t)(1 << i % 8);
    }
}

static void test_elsewhere(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < KEY_SLOT_ID_BYTES; i++) { /* under another's name */
        fixture->slot.id[i] ^= 1;
        check_refused(fixture, -EKEYREJECTED);
        fixture->slot.id[i] ^= 1;
    }
    fixture->header[32] ^= 1; /* in another store */
    check_refused(fixture, -EKEYREJECTED);
    fixture->header[32] ^= 1;
}

static void test_wrong_passphrase(void **state)
{
    static const struct store_passphrase wrong[] = {{"correct hors", 12},
                                                    {"correct horse ", 14},
                                                    {"Correct horse", 13},
                                                    {"correct horse\0", 14},
                                                    {"c", 1}};
    struct fixture *fixture = *state;

    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        fixture->passphrase = wrong[i];
        check_refused(fixture, -EKEYREJECTED);
    }
    fixture->passphrase = (struct store_passphrase){"", 0};
    check_refused(fixture, -EINVAL);
    fixture->passphrase = (struct store_passphrase){"", STORE_PASSPHRASE_LIMIT + 1};
    check_refused(fixture, -EINVAL);
}

/* Parameters out of range, or anything else that is malformed, are refused before they are used. */
static void test_refused_before_use(void **state)
{
    static const uint64_t passes[] = {0, KEY_PASSES_MOST + 1, UINT64_C(1) << 32, UINT64_MAX};
    static const uint64_t memory[] = {0,
                                      1,
                                      KEY_MEMORY_LEAST - 1024,
                                      KEY_MEMORY_LEAST + 1,
                                      KEY_MEMORY_MOST + 1024,
                                      UINT64_C(1) << 40,
                                      UINT64_C(1) << 63,
                                      UINT64_MAX};
    static const size_t fixed[] = {0, 7, 8, 9, 10, 15, 240, 255};
    struct fixture *fixture = *state;

    stretches = 0;
    for (size_t i = 0; i < COUNT_OF(passes); i++) {
        put_u64(fixture->bytes + 16, passes[i]);
        check_refused(fixture, -EBADMSG);
    }
    put_u64(fixture->bytes + 16, 1);
    for (size_t i = 0; i < COUNT_OF(memory); i++) {
        put_u64(fixture->bytes + 24, memory[i]);
        check_refused(fixture, -EBADMSG);
    }
    put_u64(fixture->bytes + 24, KEY_MEMORY_LEAST);
    for (size_t i = 0; i < COUNT_OF(fixed); i++) {
        fixture->bytes[fixed[i]] ^= 0x40;
        check_refused(fixture, -EBADMSG);
        fixture->bytes[fixed[i]] ^= 0x40;
    }
    assert_int_equal(stretches, 0);
    assert_int_equal(open_slot(fixture), 0);
    assert_int_equal(stretches, 1);
}

static void test_labels(void **state)
{
    static const char *const bad[] = {"a\nb", "\x7f", "\xff", "\xc3", "\x1b[2J"};
    struct fixture *fixture = *state;
    struct key_slot slot = fixture->slot;

    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        snprintf(slot.label, sizeof slot.label, "%s", bad[i]);
        assert_int_equal(key_slot_check(&slot, NULL), -EINVAL);
        assert_int_equal(key_slot_seal(fixture->header, &slot, &fixture->passphrase,
                                       fixture->master, fixture->bytes, NULL),
                         -EINVAL);
    }
    memset(slot.label, 'x', KEY_LABEL_LIMIT);
    slot.label[KEY_LABEL_LIMIT] = '\0';
    assert_int_equal(key_slot_seal(fixture->header, &slot, &fixture->passphrase, fixture->master,
                                   fixture->bytes, NULL),
                     0);
    assert_int_equal(open_slot(fixture), 0);
    slot.cost.memory_bytes = KEY_MEMORY_MOST + 1024;
    assert_int_equal(key_slot_check(&slot, NULL), -EINVAL);
}

/* Two slots of the same passphrase and key have nothing secret in common. */
static void test_nothing_repeats(void **state)
{
    const struct fixture *fixture = *state;
    uint8_t again[KEY_SLOT_BYTES];

    assert_int_equal(key_slot_seal(fixture->header, &fixture->slot, &fixture->passphrase,
                                   fixture->master, again, NULL),
                     0);
    for (size_t at = 32; at < 240; at += 8)
        assert_memory_not_equal(again + at, fixture->bytes + at, 8);
}

/* ---- Recovery keys ---- */

static void test_recovery_key(void **state)
{
    char text[RECOVERY_KEY_TEXT_SIZE];
    char other[RECOVERY_KEY_TEXT_SIZE];
    char symbols[RECOVERY_KEY_SYMBOLS + 1] = {0};
    char plain[RECOVERY_KEY_SYMBOLS + 1] = {0};
    size_t count = 0;

    (void)state;
    recovery_key_make(text);
    recovery_key_make(other);
    assert_string_not_equal(text, other);
    assert_int_equal(strlen(text), 34);
    for (size_t i = 0; i < 34; i++) {
        assert_int_equal(text[i] == '-', i % 5 == 4);
        if (text[i] != '-')
            plain[count++] = text[i];
    }
    assert_int_equal(strspn(plain, "0123456789ABCDEFGHJKMNPQRSTVWXYZ"), RECOVERY_KEY_SYMBOLS);
    assert_int_equal(recovery_key_read(text, 34, symbols), 0);
    assert_string_equal(symbols, plain);
    assert_int_equal(recovery_key_read(plain, RECOVERY_KEY_SYMBOLS, symbols), 0);
}

/* FORMAT.md's own sum, the slow way. */
static unsigned multiply(unsigned a, unsigned b)
{
    unsigned product = 0;

    for (; b != 0; b >>= 1, a = (a << 1) ^ ((a & 16) != 0 ? 0x25 : 0))
        product ^= (b & 1) != 0 ? a : 0;
    return product & 31;
}

static void test_recovery_check(void **state)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

    (void)state;
    for (int round = 0; round < 50; round++) {
        char text[RECOVERY_KEY_TEXT_SIZE];
        char symbols[RECOVERY_KEY_SYMBOLS];
        unsigned sum = 0;
        unsigned power = 1;

        recovery_key_make(text);
        assert_int_equal(recovery_key_read(text, strlen(text), symbols), 0);
        for (int i = 0; i < RECOVERY_KEY_SYMBOLS - 1; i++) {
            power = multiply(power, 2);
            sum ^= multiply(power, (unsigned)(strchr(alphabet, symbols[i]) - alphabet));
        }
        assert_int_equal(alphabet[sum], symbols[RECOVERY_KEY_SYMBOLS - 1]);
    }
}

static void test_recovery_as_typed(void **state)
{
    /* Zeros and ones are what is mistaken most. */
    static const char key[] = "0000111100001111000011110001";
    static const char *const typed[] = {
        "0000-1111-0000-1111-0000-1111-0001", "oooo iiii OOOO LLLL 0000 llll oooI",
        "  0000111100001111000011110001  ", "0-0-0-0-1-1-1-1-0000111100001111 0001"};
    char symbols[RECOVERY_KEY_SYMBOLS + 1] = {0};
    char valid[RECOVERY_KEY_SYMBOLS + 1];

    (void)state;
    /* The last symbol that makes it valid. */
    memcpy(valid, key, sizeof valid);
    for (const char *last = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"; *last != '\0'; last++) {
        valid[RECOVERY_KEY_SYMBOLS - 1] = *last;
        if (recovery_key_read(valid, RECOVERY_KEY_SYMBOLS, symbols) == 0)
            break;
    }
    assert_string_equal(symbols, valid);
    for (size_t i = 0; i < COUNT_OF(typed); i++) {
        char text[64];
        size_t size = strlen(typed[i]);

        snprintf(text, sizeof text, "%s", typed[i]);
        for (size_t j = size; j-- > 0;) {
            if (text[j] != ' ' && text[j] != '-') {
                text[j] = valid[RECOVERY_KEY_SYMBOLS - 1];
                break;
            }
        }
        assert_int_equal(recovery_key_read(text, size, symbols), 0);
        assert_string_equal(symbols, valid);
    }
}

static void test_recovery_mistyped(void **state)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    static const char *const nothing_like[] = {"",
                                               "x",
                                               "correct horse battery staple",
                                               "0000-1111-0000-1111-0000-1111-000",
                                               "0000-1111-0000-1111-0000-1111-00011",
                                               "0000-1111-0000-1111-0000-1111-000U",
                                               "0000-1111-0000-1111-0000-1111-000\xc3"};
    char text[RECOVERY_KEY_TEXT_SIZE];
    char symbols[RECOVERY_KEY_SYMBOLS];
    char wrong[RECOVERY_KEY_SYMBOLS];
    char untouched[RECOVERY_KEY_SYMBOLS];

    (void)state;
    memset(untouched, 'u', sizeof untouched);
    recovery_key_make(text);
    assert_int_equal(recovery_key_read(text, strlen(text), symbols), 0);
    for (size_t i = 0; i < RECOVERY_KEY_SYMBOLS; i++) { /* one wrong */
        for (size_t j = 0; j < 32; j++) {
            memcpy(wrong, symbols, sizeof wrong);
            wrong[i] = alphabet[j];
            assert_int_equal(recovery_key_read(wrong, sizeof wrong, untouched),
                             alphabet[j] == symbols[i] ? 0 : -EBADMSG);
        }
    }
    for (size_t i = 0; i < RECOVERY_KEY_SYMBOLS; i++) { /* two exchanged */
        for (size_t j = 0; j < i; j++) {
            memcpy(wrong, symbols, sizeof wrong);
            wrong[i] = symbols[j];
            wrong[j] = symbols[i];
            assert_int_equal(recovery_key_read(wrong, sizeof wrong, untouched),
                             symbols[i] == symbols[j] ? 0 : -EBADMSG);
        }
    }
    memset(untouched, 'u', sizeof untouched);
    for (size_t i = 0; i < COUNT_OF(nothing_like); i++) {
        assert_int_equal(recovery_key_read(nothing_like[i], strlen(nothing_like[i]), untouched),
                         -EINVAL);
        assert_int_equal(untouched[0], 'u');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_layout, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_every_byte_of_the_header, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_elsewhere, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_passphrase, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_refused_before_use, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_labels, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_repeats, set_up, tear_down),
        cmocka_unit_test(test_recovery_key),
        cmocka_unit_test(test_recovery_check),
        cmocka_unit_test(test_recovery_as_typed),
        cmocka_unit_test(test_recovery_mistyped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
