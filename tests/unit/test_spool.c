/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/store/seal.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/open_files.h"
#include "tests/unit/spool_place.h"

#define THREADS 8
#define ROUNDS 200
#define KEPT 10

static const size_t sizes[] = {0, 1, 100, 4095, 4096, 4097, 70000, 1000000, 64u << 20};
#define SIZES (sizeof sizes / sizeof *sizes)

static void test_put_get_drop(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(256 * MIB);
    struct spool_blob blobs[SIZES];
    struct spool_blob nothing = {0};
    uint64_t total = 0;

    for (uint32_t i = 0; i < SIZES; i++) {
        blobs[i] = spool_put_noise(place.spool, sizes[i], i);
        total += sizes[i] + SEAL_OVERHEAD_BYTES;
        assert_int_equal(blobs[i].plain_size, sizes[i]);
    }
    assert_int_equal(spool_used_bytes(place.spool), total);
    for (uint32_t i = SIZES; i-- > 0;)
        spool_check_noise(place.spool, &blobs[i], sizes[i], i);
    for (uint32_t i = 0; i < SIZES; i += 2) {
        spool_drop(place.spool, &blobs[i]);
        total -= blobs[i].size;
    }
    assert_int_equal(spool_used_bytes(place.spool), total);
    for (uint32_t i = 1; i < SIZES; i += 2) {
        spool_check_noise(place.spool, &blobs[i], sizes[i], i);
        spool_drop(place.spool, &blobs[i]);
    }
    spool_drop(place.spool, &nothing);
    assert_string_equal(spool_directory(place.spool), place.directory);
    spool_place_free(&place);
    spool_free(NULL);
}

static void test_nothing_visible(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(MIB);
    struct spool_blob blob = spool_put_noise(place.spool, KIB, 1);
    int descriptor;

    /* An empty directory can be removed; what is open in it stays. */
    assert_int_equal(open_files_in(place.directory, &descriptor, 1), 1);
    assert_int_equal(rmdir(place.directory), 0);
    spool_check_noise(place.spool, &blob, KIB, 1);
    assert_int_equal(mkdir(place.directory, 0700), 0);
    spool_drop(place.spool, &blob);
    spool_place_free(&place);
}

static void test_no_plaintext(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(MIB);
    uint8_t *bytes = spool_noise(KIB, 5);
    struct spool_blob first = spool_put_noise(place.spool, KIB, 5);
    struct spool_blob second = spool_put_noise(place.spool, KIB, 5);
    uint8_t sealed[2 * KIB];
    int descriptor;

    spool_place_blocks(&place, &descriptor);
    assert_int_equal(pread(descriptor, sealed, sizeof sealed, 0), sizeof sealed);
    assert_null(memmem(sealed, sizeof sealed, bytes, 16));
    /* The same plaintext is sealed differently each time. */
    assert_null(memmem(sealed + first.offset + 16, sizeof sealed - first.offset - 16,
                       sealed + first.offset, 16));
    spool_drop(place.spool, &first);
    spool_drop(place.spool, &second);
    free(bytes);
    spool_place_free(&place);
}

static void test_space_comes_back(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(64 * MIB);
    struct spool_blob blobs[8];
    int descriptor;

    for (uint32_t i = 0; i < 8; i++)
        blobs[i] = spool_put_noise(place.spool, 2 * MIB, i);

    size_t full = spool_place_blocks(&place, &descriptor);

    assert_true(full >= 16 * MIB);
    spool_drop(place.spool, &blobs[3]);
    assert_true(spool_place_blocks(&place, &descriptor) <= full - 2 * MIB + 16 * KIB);
    spool_check_noise(place.spool, &blobs[2], 2 * MIB, 2);
    spool_check_noise(place.spool, &blobs[4], 2 * MIB, 4);
    for (uint32_t i = 0; i < 8; i++) {
        if (i != 3)
            spool_drop(place.spool, &blobs[i]);
    }
    /* The ends of blobs that share a page with the next go with the last blob. */
    assert_int_equal(spool_place_blocks(&place, &descriptor), 0);

    /* Room is used again from the beginning. */
    blobs[0] = spool_put_noise(place.spool, MIB, 9);
    assert_int_equal(blobs[0].offset, 0);
    spool_check_noise(place.spool, &blobs[0], MIB, 9);
    spool_drop(place.spool, &blobs[0]);
    spool_place_free(&place);
}

static void test_small_blobs_leave_nothing(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(64 * MIB);
    static struct spool_blob blobs[2000];
    int descriptor;

    for (uint32_t i = 0; i < 2000; i++)
        blobs[i] = spool_put_noise(place.spool, 1000, i);
    assert_true(spool_place_blocks(&place, &descriptor) >= 2000000);
    for (uint32_t i = 0; i < 2000; i++)
        spool_drop(place.spool, &blobs[i]);
    assert_int_equal(spool_place_blocks(&place, &descriptor), 0);
    spool_place_free(&place);
}

static void test_bound(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(MIB);
    struct failure failure = {0};
    struct spool_blob blobs[4];
    struct spool_blob untouched = {.number = 4711};
    uint8_t *bytes = spool_noise(512 * KIB, 7);

    blobs[0] = spool_put_noise(place.spool, 256 * KIB, 0);
    blobs[1] = spool_put_noise(place.spool, 256 * KIB, 1);
    blobs[2] = spool_put_noise(place.spool, 256 * KIB, 2);

    uint64_t before = spool_used_bytes(place.spool);

    assert_int_equal(spool_put(place.spool, bytes, 512 * KIB, &untouched, &failure), -ENOSPC);
    assert_int_equal(failure.code, ENOSPC);
    assert_non_null(strstr(failure.text, place.directory));
    assert_non_null(strstr(failure.text, "spool-size"));
    assert_int_equal(untouched.number, 4711);
    assert_int_equal(spool_used_bytes(place.spool), before);
    /* To the byte, and without words if nobody asks for them. */
    size_t left = MIB - (size_t)before;

    assert_int_equal(
        spool_put(place.spool, bytes, left - SEAL_OVERHEAD_BYTES + 1, &untouched, NULL), -ENOSPC);
    blobs[3] = spool_put_noise(place.spool, left - SEAL_OVERHEAD_BYTES, 3);
    assert_int_equal(spool_used_bytes(place.spool), MIB);
    for (uint32_t i = 0; i < 4; i++)
        spool_drop(place.spool, &blobs[i]);
    free(bytes);

    /* A piece no spool takes. */
    bytes = calloc(1, 64 * MIB + 1);
    assert_non_null(bytes);
    assert_int_equal(spool_put(place.spool, bytes, 64 * MIB + 1, &untouched, &failure), -EFBIG);
    free(bytes);
    spool_place_free(&place);
}

/* Compressible and different for each seed. */
static void fill_text(char *text, size_t size, unsigned seed)
{
    for (size_t i = 0; i < size; i++)
        text[i] = (char)('a' + (i / 7 + seed) % 20);
}

static void test_compression(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(MIB);
    struct spool_blob blobs[12];
    static char text[100 * KIB];
    struct buffer output = BUFFER(MIB);

    for (unsigned i = 0; i < 12; i++) {
        bool above_half = spool_used_bytes(place.spool) > MIB / 2;

        fill_text(text, sizeof text, i);
        assert_int_equal(spool_put(place.spool, text, sizeof text, &blobs[i], NULL), 0);
        assert_int_equal(blobs[i].plain_size, sizeof text);
        if (above_half)
            assert_true(blobs[i].size < sizeof text / 10);
        else
            assert_int_equal(blobs[i].size, sizeof text + SEAL_OVERHEAD_BYTES);
    }
    assert_true(blobs[11].size < sizeof text / 10);
    /* What does not get smaller is kept as it is; so are the shortest pieces. */
    struct spool_blob raw = spool_put_noise(place.spool, 10 * KIB, 1);
    struct spool_blob one = spool_put_noise(place.spool, 1, 2);
    struct spool_blob none = spool_put_noise(place.spool, 0, 3);

    assert_int_equal(raw.size, 10 * KIB + SEAL_OVERHEAD_BYTES);
    spool_check_noise(place.spool, &raw, 10 * KIB, 1);
    spool_check_noise(place.spool, &one, 1, 2);
    spool_check_noise(place.spool, &none, 0, 3);
    for (unsigned i = 0; i < 12; i++) {
        fill_text(text, sizeof text, i);
        assert_int_equal(spool_get(place.spool, &blobs[i], &output, NULL), 0);
        assert_int_equal(output.size, sizeof text);
        assert_memory_equal(output.data, text, sizeof text);
        spool_drop(place.spool, &blobs[i]);
    }
    spool_drop(place.spool, &raw);
    spool_drop(place.spool, &one);
    spool_drop(place.spool, &none);
    buffer_release(&output);
    spool_place_free(&place);
}

static void assert_damaged(const struct spool_place *place, const struct spool_blob *blob)
{
    struct buffer output = BUFFER(MIB);
    struct failure failure = {0};

    assert_int_equal(spool_get(place->spool, blob, &output, &failure), -EIO);
    assert_int_equal(failure.code, EIO);
    assert_non_null(strstr(failure.text, place->directory));
    assert_int_equal(output.size, 0);
    buffer_release(&output);
}

static void test_damage(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(MIB);
    struct spool_blob first = spool_put_noise(place.spool, 10 * KIB, 1);
    struct spool_blob second = spool_put_noise(place.spool, 10 * KIB, 2);
    struct spool_blob changed = second;
    int descriptor;

    spool_place_blocks(&place, &descriptor);
    for (uint32_t at = 0; at < second.size; at += 509) {
        damage_file(descriptor, second.offset + at);
        assert_damaged(&place, &second);
        spool_check_noise(place.spool, &first, 10 * KIB, 1);
        damage_file(descriptor, second.offset + at);
    }
    spool_check_noise(place.spool, &second, 10 * KIB, 2);

    /* One blob is not taken for another, not even of the same size. */
    changed.offset = first.offset;
    assert_damaged(&place, &changed);
    changed = second;
    changed.number = first.number;
    assert_damaged(&place, &changed);
    changed = second;
    changed.plain_size--;
    assert_damaged(&place, &changed);

    assert_int_equal(ftruncate(descriptor, second.offset + 100), 0);
    assert_damaged(&place, &second);
    spool_check_noise(place.spool, &first, 10 * KIB, 1);
    spool_drop(place.spool, &first);
    spool_drop(place.spool, &second);
    spool_place_free(&place);
}

static void test_segments(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create((uint64_t)1 << 40);
    struct spool_blob blobs[10];
    int descriptors[4];

    assert_int_equal(open_files_in(place.directory, descriptors, 4), 1);
    for (uint32_t i = 0; i < 10; i++)
        blobs[i] = spool_put_noise(place.spool, 1000, i);
    /* A spool of 1 TiB has segments of 2 GiB: one is enough for these. */
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 1);
    for (uint32_t i = 0; i < 10; i++)
        spool_drop(place.spool, &blobs[i]);
    spool_place_free(&place);

    /* A small one has segments of 128 MiB: three blobs of this size fit. */
    place = spool_place_create(512 * MIB);
    for (uint32_t i = 0; i < 7; i++)
        blobs[i] = spool_put_noise(place.spool, 40 * MIB, i);
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 3);
    for (uint32_t i = 0; i < 7; i++)
        spool_check_noise(place.spool, &blobs[i], 40 * MIB, i);
    spool_drop(place.spool, &blobs[4]);
    spool_drop(place.spool, &blobs[1]);
    spool_drop(place.spool, &blobs[0]);
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 3);
    /* The last blob of a full segment takes the file with it; the segment being filled stays. */
    spool_drop(place.spool, &blobs[2]);
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 2);
    spool_drop(place.spool, &blobs[6]);
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 2);
    spool_check_noise(place.spool, &blobs[3], 40 * MIB, 3);
    blobs[6] = spool_put_noise(place.spool, 40 * MIB, 6);
    spool_check_noise(place.spool, &blobs[6], 40 * MIB, 6);
    spool_drop(place.spool, &blobs[3]);
    spool_drop(place.spool, &blobs[5]);
    spool_drop(place.spool, &blobs[6]);
    spool_place_free(&place);
}

struct share {
    struct spool *spool;
    uint32_t seed;
};

/* Puts, reads back and drops in an order of its own, keeping a few. */
static void *use_spool(void *argument)
{
    const struct share *share = argument;
    struct spool_blob blobs[KEPT];
    uint32_t seeds[KEPT];

    for (uint32_t i = 0; i < ROUNDS + KEPT; i++) {
        uint32_t place = i * 7 % KEPT;

        if (i >= KEPT) {
            spool_check_noise(share->spool, &blobs[place], seeds[place] % 50000, seeds[place]);
            spool_drop(share->spool, &blobs[place]);
        }
        if (i < ROUNDS) {
            seeds[place] = share->seed + i * 2654435761u;
            blobs[place] = spool_put_noise(share->spool, seeds[place] % 50000, seeds[place]);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(8 * MIB);
    struct share shares[THREADS];
    pthread_t threads[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        shares[i] = (struct share){place.spool, i * 1000};
        assert_int_equal(pthread_create(&threads[i], NULL, use_spool, &shares[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    spool_place_free(&place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_put_get_drop),
        cmocka_unit_test(test_nothing_visible),
        cmocka_unit_test(test_no_plaintext),
        cmocka_unit_test(test_space_comes_back),
        cmocka_unit_test(test_small_blobs_leave_nothing),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_compression),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_threads),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
