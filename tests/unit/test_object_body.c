/* SPDX-License-Identifier: MIT */
/* How references, heads, bodies and ids look, and which a reader must refuse: FORMAT.md, byte by
 * byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "fs/store/object_body.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/store_samples.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

static const struct object_reference some_reference = {
    .id = {1, 2, 3, [31] = 32},
    .pack_hint = 0x8877665544332211,
    .offset = 0x0102030405 * 8,
    .sealed_size = 0x0a0b0c0d,
};

/* clang-format off */
static const uint8_t some_reference_bytes[OBJECT_REFERENCE_BYTES] = {
    1, 2, 3, [31] = 32,
    0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88,
    0x05, 0x04, 0x03, 0x02,
    0x0d, 0x0c, 0x0b, 0x0a,
};
/* clang-format on */

static void references_have_their_bytes(void **state)
{
    struct object_reference reference = some_reference;
    uint8_t bytes[OBJECT_REFERENCE_BYTES];

    (void)state;
    reference.offset &= 0xffffffffu * (uint64_t)8;
    object_reference_encode(&reference, bytes);
    assert_memory_equal(bytes, some_reference_bytes, sizeof bytes);

    struct object_reference again = object_reference_decode(bytes);

    assert_memory_equal(again.id, reference.id, sizeof again.id);
    assert_true(again.pack_hint == reference.pack_hint);
    assert_true(again.offset == reference.offset);
    assert_int_equal(again.sealed_size, reference.sealed_size);
}

static void heads_have_their_bytes(void **state)
{
    static const uint8_t alone[] = {1, 3, 0, 0, 0x40, 0x30, 0x20, 0x00};
    static const uint8_t with_parent[] = {2, 1, 5, 2, 0x40, 0x30, 0x20, 0x00};
    struct object_head head = {
        .encoding = OBJECT_ZSTD, .type = OBJECT_IMAGE, .data_size = 0x00203040};
    uint8_t bytes[OBJECT_HEAD_MOST];

    (void)state;
    assert_int_equal(object_head_encode(&head, bytes), sizeof alone);
    assert_memory_equal(bytes, alone, sizeof alone);
    head = (struct object_head){.encoding = OBJECT_ZSTD_PARENT,
                                .type = OBJECT_ROW_GROUP,
                                .place = {5, 2},
                                .data_size = 0x00203040,
                                .parent = object_reference_decode(some_reference_bytes)};
    assert_int_equal(object_head_encode(&head, bytes), sizeof bytes);
    assert_memory_equal(bytes, with_parent, sizeof with_parent);
    assert_memory_equal(bytes + 8, some_reference_bytes, sizeof some_reference_bytes);
}

/* What a head may not be, and the nearest that it may. */
static void impossible_heads_are_refused(void **state)
{
    static const struct {
        uint8_t bytes[8];
        size_t size; /* of the body */
        bool possible;
    } heads[] = {
        {{0, 1, 0, 0, 0, 0, 0, 0}, 8, true},
        {{0, 1, 0, 0, 0, 0, 0, 0}, 0, false},
        {{0, 1, 0, 0, 0, 0, 0, 0}, 9, false},
        {{1, 5, 0, 0, 0, 0, 0, 1}, 16, true},
        {{1, 5, 0, 0, 1, 0, 0, 1}, 16, false}, /* more than 16 MiB */
        {{1, 1, 0, 0, 0, 0, 0x80, 0}, 16, true},
        {{1, 1, 0, 0, 1, 0, 0x80, 0}, 16, false}, /* more than 8 MiB */
        {{1, 0, 0, 0, 1, 0, 0, 0}, 16, false},    /* type */
        {{1, 8, 0, 0, 1, 0, 0, 0}, 16, false},
        {{3, 1, 1, 0, 1, 0, 0, 0}, 64, false}, /* encoding */
        {{1, 1, 1, 0, 1, 0, 0, 0}, 16, false}, /* depth without a parent */
        {{1, 1, 0, 1, 1, 0, 0, 0}, 16, false}, /* anchor without a parent */
        {{2, 1, 0, 0, 1, 0, 0, 0}, 64, false}, /* no depth with one */
        {{2, 1, 1, 0, 1, 0, 0, 0}, 56, true},
        {{2, 1, 1, 0, 1, 0, 0, 0}, 48, false}, /* no room for a reference */
        {{2, 1, 8, 8, 1, 0, 0, 0}, 64, true},
        {{2, 1, 9, 0, 1, 0, 0, 0}, 64, false}, /* too deep */
        {{2, 1, 3, 4, 1, 0, 0, 0}, 64, false}, /* anchor above depth */
    };

    (void)state;
    for (size_t i = 0; i < COUNT_OF(heads); i++) {
        uint8_t body[64] = {0};
        struct object_head head;

        memcpy(body, heads[i].bytes, sizeof heads[i].bytes);
        assert_int_equal(object_head_decode(body, heads[i].size, &head) > 0, heads[i].possible);
    }
}

/* A body that is right, and what it must not become. */
static void impossible_bodies_are_refused(void **state)
{
    uint8_t body[OBJECT_HEAD_BYTES + 64] = {1, 2, 0, 0, 40, 0, 0, 0};
    uint8_t data[40];
    struct buffer output = BUFFER(OBJECT_DATA_LIMIT);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    struct object_head head;

    (void)state;
    memset(data, 'x', sizeof data);

    size_t frame = ZSTD_compress(body + 8, 64, data, sizeof data, 1);
    size_t size = (8 + frame + 7) / 8 * 8;

    memset(body + 8 + frame, 0, sizeof body - 8 - frame);
    assert_true(object_head_decode(body, size, &head) == 8);
    assert_int_equal(object_body_unpack(&head, body, size, NULL, context, &output), 0);
    assert_int_equal(output.size, sizeof data);
    assert_memory_equal(output.data, data, sizeof data);

    /* 8 bytes of padding or more; less than the frame; another length; another frame after it */
    assert_int_equal(object_body_unpack(&head, body, size + 8, NULL, context, &output), -EBADMSG);
    assert_int_equal(object_body_unpack(&head, body, size - 8, NULL, context, &output), -EBADMSG);
    head.data_size++;
    assert_int_equal(object_body_unpack(&head, body, size, NULL, context, &output), -EBADMSG);
    head.data_size--;
    memcpy(body + 8 + frame, body + 8, frame);
    assert_int_equal(object_body_unpack(&head, body, 8 + 2 * frame, NULL, context, &output),
                     -EBADMSG);
    /* a parent that it does not want, and none where it wants one */
    assert_int_equal(object_body_unpack(&head, body, size, &output, context, &output), -EBADMSG);
    head.encoding = OBJECT_ZSTD_PARENT;
    assert_int_equal(object_body_unpack(&head, body, size, NULL, context, &output), -EBADMSG);
    assert_int_equal(output.size, sizeof data);
    ZSTD_freeDCtx(context);
    buffer_release(&output);
}

/* A window of 2^27 bytes is the largest that a frame may want. */
static void large_windows_are_refused(void **state)
{
    /* zstd -1 --no-check of no bytes, with a window descriptor and a content size of 4 bytes */
    uint8_t body[24] = {1,    1,       0, 0, 0, 0, 0, 0, 0x28, 0xb5, 0x2f, 0xfd,
                        0x80, 17 << 3, 0, 0, 0, 0, 1, 0, 0,    0,    0,    0};
    struct buffer output = BUFFER(OBJECT_DATA_LIMIT);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    struct object_head head;

    (void)state;
    assert_true(object_head_decode(body, sizeof body, &head) == 8);
    assert_int_equal(object_body_unpack(&head, body, sizeof body, NULL, context, &output), 0);
    body[13] = 17 << 3 | 1;
    assert_int_equal(object_body_unpack(&head, body, sizeof body, NULL, context, &output),
                     -EBADMSG);
    body[13] = 18 << 3;
    assert_int_equal(object_body_unpack(&head, body, sizeof body, NULL, context, &output),
                     -EBADMSG);
    ZSTD_freeDCtx(context);
    buffer_release(&output);
}

static void ids_are_what_the_format_says(void **state)
{
    struct store *store = sample_store();
    uint8_t named[1 + 32] = {OBJECT_SCHEMA};
    uint8_t expected[OBJECT_ID_BYTES];
    uint8_t id[OBJECT_ID_BYTES];

    (void)state;
    crypto_hash_sha256(named + 1, (const uint8_t *)"abc", 3);
    crypto_generichash(expected, sizeof expected, named, sizeof named,
                       store_key(store, STORE_OBJECT_NAMES), 32);
    assert_int_equal(object_identify(store, OBJECT_SCHEMA, "abc", 3, id), 0);
    assert_memory_equal(id, expected, sizeof id);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(references_have_their_bytes),
        cmocka_unit_test(heads_have_their_bytes),
        cmocka_unit_test(impossible_heads_are_refused),
        cmocka_unit_test(impossible_bodies_are_refused),
        cmocka_unit_test(large_windows_are_refused),
        cmocka_unit_test(ids_are_what_the_format_says),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
