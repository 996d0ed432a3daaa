/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/delta.h"
#include "fs/store/object_compress.h"
#include "tests/unit/object_samples.h"

#define SIZE ((size_t)300000)

/* A parent and what was made of it, each with room for twice as much. */
struct versions {
    uint8_t parent[2 * SIZE];
    uint8_t data[2 * SIZE];
    size_t parent_size;
    size_t size;
};

static struct versions *same_versions(void)
{
    struct versions *versions = malloc(sizeof *versions);
    cleanup_free uint8_t *sample = sample_data(1, 0, SIZE);

    assert_non_null(versions);
    memcpy(versions->parent, sample, SIZE);
    memcpy(versions->data, sample, SIZE);
    versions->parent_size = versions->size = SIZE;
    return versions;
}

/* Has REMOVED bytes at AT replaced by ADDED random ones. */
static void replace(struct versions *versions, size_t at, size_t removed, size_t added)
{
    memmove(versions->data + at + added, versions->data + at + removed,
            versions->size - at - removed);
    randombytes_buf(versions->data + at, added);
    versions->size = versions->size - removed + added;
}

/* Of the parent with the data behind it. */
static uint8_t byte_at(const struct versions *versions, size_t place)
{
    return place < versions->parent_size ? versions->parent[place]
                                         : versions->data[place - versions->parent_size];
}

/* The data that SEQUENCES make of the parent, compared; how many bytes of it are not copied. */
static size_t check_sequences(const struct versions *versions, const ZSTD_Sequence *sequences,
                              size_t count)
{
    size_t at = 0;
    size_t literal = 0;

    for (size_t i = 0; i < count; i++) {
        size_t length = sequences[i].matchLength;

        at += sequences[i].litLength;
        literal += sequences[i].litLength;
        assert_in_range(length, 3, versions->size - at);

        size_t from = versions->parent_size + at - sequences[i].offset;

        assert_in_range(sequences[i].offset, 1, versions->parent_size + at);
        for (size_t j = 0; j < length; j++)
            if (versions->data[at + j] != byte_at(versions, from + j))
                fail_msg("byte %zu is not what is copied", at + j);
        at += length;
    }
    return literal + versions->size - at;
}

/* How many bytes are not copied; what zstd makes of the sequences is the data again. */
static size_t check_versions(const struct versions *versions)
{
    struct delta *delta = delta_create();
    struct object_compressor *compressor = object_compressor_create(3);
    struct buffer parent = {.data = without_const(versions->parent), .size = versions->parent_size};
    cleanup_buffer struct buffer frame = BUFFER(4 * SIZE);
    cleanup_free uint8_t *again = malloc(versions->size + 1);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    const ZSTD_Sequence *sequences;
    size_t count;

    assert_true(delta != NULL && compressor != NULL && context != NULL && again != NULL);
    assert_int_equal(delta_find(delta, versions->data, versions->size, &parent, &sequences, &count),
                     0);

    size_t literal = check_sequences(versions, sequences, count);

    assert_int_equal(object_compress(compressor, versions->data, versions->size, &parent,
                                     versions->size + 64, &frame),
                     0);
    ZSTD_DCtx_refPrefix(context, parent.data, parent.size);
    assert_int_equal(ZSTD_decompressDCtx(context, again, versions->size, frame.data, frame.size),
                     versions->size);
    assert_memory_equal(again, versions->data, versions->size);
    ZSTD_freeDCtx(context);
    delta_free(delta);
    object_compressor_free(compressor);
    return literal;
}

static void test_same(void **state)
{
    (void)state;
    cleanup_free struct versions *versions = same_versions();

    assert_int_equal(check_versions(versions), 0);
}

/* What is replaced, added and taken away at both ends and in the middle is all that is new. */
static void test_places(void **state)
{
    static const size_t sizes[][2] = {{1, 1}, {0, 40}, {40, 0}, {100, 30}, {30, 100}, {700, 3500}};
    static const size_t places[] = {0, 1, 131000, SIZE - 700};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (size_t j = 0; j < sizeof places / sizeof *places; j++) {
            cleanup_free struct versions *versions = same_versions();

            replace(versions, places[j], sizes[i][0], sizes[i][1]);
            /* The end may have to be told apart from chance. */
            assert_in_range(check_versions(versions), 0, sizes[i][1] + 40);
        }
    }
}

/* Many small changes, as a day makes them. */
static void test_many_changes(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 50; round++) {
        cleanup_free struct versions *versions = same_versions();
        size_t added = 0;
        size_t changes = randombytes_uniform(100);

        for (size_t i = 0; i < changes; i++) {
            size_t much = randombytes_uniform(120);

            replace(versions, randombytes_uniform((uint32_t)(versions->size - 200)),
                    randombytes_uniform(120), much);
            added += much;
        }
        assert_in_range(check_versions(versions), 0, added + changes * 40);
    }
}

/* What is new but stands somewhere else in the parent is copied from there. */
static void test_moved(void **state)
{
    (void)state;
    cleanup_free struct versions *versions = same_versions();

    randombytes_buf(versions->parent + 200000, 100);
    memcpy(versions->data + 200000, versions->parent + 200000, 100);
    replace(versions, 1000, 80, 80);
    memcpy(versions->data + 1000, versions->parent + 200010, 80);
    assert_in_range(check_versions(versions), 0, 16);
}

/* What is new and stands there again and again is copied from where it stood first. */
static void test_repeated(void **state)
{
    (void)state;
    cleanup_free struct versions *versions = same_versions();

    replace(versions, 1000, 0, 2000);
    for (size_t i = 0; i < 2000; i += 50)
        memcpy(versions->data + 1000 + i, versions->data + 1000, 50);
    assert_in_range(check_versions(versions), 0, 60);
}

static void test_sizes(void **state)
{
    (void)state;
    cleanup_free struct versions *versions = same_versions();

    for (size_t size = 40; size > 3; size--) {
        versions->size = size;
        check_versions(versions);
        versions->size = SIZE;
        versions->parent_size = SIZE - size;
        check_versions(versions);
    }
}

/* Two that have little in common are refused, and zstd's own search takes over. */
static void test_unlike(void **state)
{
    (void)state;
    cleanup_free struct versions *versions = same_versions();
    struct delta *delta = delta_create();
    struct buffer parent = {.data = versions->parent, .size = SIZE};
    struct buffer none = BUFFER(1);
    const ZSTD_Sequence *sequences = NULL;
    size_t count;

    assert_non_null(delta);
    randombytes_buf(versions->data, SIZE / 2);
    assert_int_equal(delta_find(delta, versions->data, SIZE, &parent, &sequences, &count), -E2BIG);
    assert_int_equal(delta_find(delta, versions->data, SIZE, &none, &sequences, &count), -E2BIG);
    assert_null(sequences);
    delta_free(delta);

    struct object_compressor *compressor = object_compressor_create(1);
    cleanup_buffer struct buffer frame = BUFFER(SIZE);

    assert_non_null(compressor);
    assert_int_equal(object_compress(compressor, versions->data, SIZE, &parent, SIZE, &frame), 0);
    assert_in_range(frame.size, SIZE / 2, SIZE / 2 + SIZE / 20);
    object_compressor_free(compressor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),     cmocka_unit_test(test_places),
        cmocka_unit_test(test_moved),    cmocka_unit_test(test_many_changes),
        cmocka_unit_test(test_repeated), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_unlike),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
