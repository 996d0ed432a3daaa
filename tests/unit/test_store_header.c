/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "fs/store/header.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const struct store_header example = {
    .cipher = SEAL_XCHACHA20_POLY1305,
    .group_bytes = 0x00080000,
    .compression_level = 3,
    .id = {0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e,
           0x1f},
};

/* FORMAT.md to the byte. */
static void test_layout(void **state)
{
    static const uint8_t expected[STORE_HEADER_BYTES] =
        "crmfs store 1\n\0\0" /* magic */
        "\1\0"                /* version */
        "\2\0"                /* cipher */
        "\0\0\x08\0"          /* bytes of a group */
        "\x83\0\0\0"          /* level 3 */
        "\0\0\0\0"
        "\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f";
    uint8_t bytes[STORE_HEADER_BYTES];

    (void)state;
    store_header_encode(&example, bytes);
    assert_memory_equal(bytes, expected, sizeof bytes);
}

static void test_round_trip(void **state)
{
    static const uint32_t sizes[] = {STORE_GROUP_BYTES_LEAST, STORE_GROUP_BYTES_LEAST + 1, 524288,
                                     STORE_GROUP_BYTES_MOST};
    static const enum seal_cipher ciphers[] = {SEAL_AES_256_GCM, SEAL_XCHACHA20_POLY1305};

    (void)state;
    for (int level = STORE_LEVEL_LEAST; level <= STORE_LEVEL_MOST; level++) {
        struct store_header header = example;
        struct store_header found;
        uint8_t bytes[STORE_HEADER_BYTES];

        header.compression_level = level;
        header.group_bytes = sizes[(unsigned)(level + 200) % COUNT_OF(sizes)];
        header.cipher = ciphers[(unsigned)(level + 200) % COUNT_OF(ciphers)];
        store_header_encode(&header, bytes);
        assert_int_equal(store_header_decode(bytes, &found, NULL), 0);
        assert_int_equal(found.compression_level, level);
        assert_int_equal(found.group_bytes, header.group_bytes);
        assert_int_equal(found.cipher, header.cipher);
        assert_memory_equal(found.id, header.id, sizeof header.id);
    }
}

/* Whatever is accepted has this encoding and no other; so no byte is without a meaning. */
static void test_every_bit(void **state)
{
    uint8_t bytes[STORE_HEADER_BYTES];
    unsigned accepted = 0;

    (void)state;
    store_header_encode(&example, bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        struct failure failure = {.code = 0};
        struct store_header found;
        uint8_t again[STORE_HEADER_BYTES];
        bool may_differ =
            bit / 8 == 18 || (bit / 8 >= 20 && bit / 8 < 28) || (bit / 8 >= 32 && bit / 8 < 48);

        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);

        int error = store_header_decode(bytes, &found, &failure);

        if (error == 0) {
            assert_true(may_differ);
            store_header_encode(&found, again);
            assert_memory_equal(again, bytes, sizeof bytes);
            accepted++;
        } else {
            assert_int_equal(error, -EINVAL);
            assert_int_equal(failure.code, EINVAL);
        }
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(accepted >= 8 * STORE_ID_BYTES);
}

static void test_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {
        {16, 2},                                          /* version */
        {17, 1},    {18, 0}, {18, 3},   {19, 1}, {20, 1}, /* with the others: above the bound */
        {22, 0x80}, {23, 1}, {24, 128},                   /* level 0 has another encoding */
        {24, 151},  {25, 1}, {27, 1},   {28, 1}, {31, 1}, {48, 1}, {63, 1},
    };
    struct store_header header = example;

    (void)state;
    header.group_bytes = STORE_GROUP_BYTES_MOST;
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        uint8_t bytes[STORE_HEADER_BYTES];
        struct store_header found = {.group_bytes = 77};

        store_header_encode(&header, bytes);
        bytes[changes[i].at] = changes[i].value;
        assert_int_equal(store_header_decode(bytes, &found, NULL), -EINVAL);
        assert_int_equal(found.group_bytes, 77);
    }
    header = example;
    header.group_bytes = STORE_GROUP_BYTES_LEAST - 1;
    assert_int_equal(store_header_check(&header, NULL), -EINVAL);
    header = example;
    header.compression_level = STORE_LEVEL_MOST + 1;
    assert_int_equal(store_header_check(&header, NULL), -EINVAL);
    header.compression_level = STORE_LEVEL_LEAST - 1;
    assert_int_equal(store_header_check(&header, NULL), -EINVAL);
    header = example;
    header.cipher = 0;
    assert_int_equal(store_header_check(&header, NULL), -EINVAL);
}

static void test_read(void **state)
{
    struct storage *storage = recording_storage_new(memory_storage_new());
    struct storage *inner = recording_storage_inner(storage);
    uint8_t bytes[STORE_HEADER_BYTES + 1] = {0};
    uint8_t found_bytes[STORE_HEADER_BYTES];
    struct store_header found;
    struct failure failure = {.code = 0};

    (void)state;
    store_header_encode(&example, bytes);
    assert_int_equal(store_header_read(storage, &found, NULL, &failure), -EINVAL);
    assert_non_null(strstr(failure.text, "crmfs init"));
    for (size_t size = 0; size <= sizeof bytes; size++) {
        memory_storage_set(inner, STORE_HEADER_NAME, bytes, size);
        assert_int_equal(store_header_read(storage, &found, found_bytes, NULL),
                         size == STORE_HEADER_BYTES ? 0 : -EINVAL);
    }
    memory_storage_set(inner, STORE_HEADER_NAME, bytes, STORE_HEADER_BYTES);
    assert_int_equal(store_header_read(storage, &found, found_bytes, NULL), 0);
    assert_memory_equal(found_bytes, bytes, STORE_HEADER_BYTES);
    for (unsigned nth = 1; nth <= 2; nth++) {
        recording_storage_set_fault(
            storage, &(struct storage_fault){.operations = STORAGE_ALL, .nth = nth, .code = EIO});
        assert_int_equal(store_header_read(storage, &found, NULL, NULL), -EIO);
    }
    storage->class->close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),    cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_every_bit), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
