/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/store/seal.h"
#include "fs/store/spool.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/open_files.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define THREADS 8
#define ROUNDS 200
#define KEPT 10

/* A directory of its own and a spool in it. */
struct place {
    char *directory;
    struct spool *spool;
};

static struct place place_create(uint64_t limit_bytes)
{
    struct place place = {.directory = scratch_directory()};
    struct spool_options options = {.directory = place.directory, .limit_bytes = limit_bytes};

    must(spool_create(&options, &place.spool, NULL) == 0);
    return place;
}

static uint64_t used_bytes(struct spool *spool)
{
    struct spool_usage usage;

    spool_usage(spool, &usage);
    return usage.used_bytes;
}

/* Nothing is visible by name, ever, nor left. */
static void place_free(struct place *place)
{
    int descriptor;

    must(used_bytes(place->spool) == 0);
    spool_free(place->spool);
    must(open_files_in(place->directory, &descriptor, 1) == 0);
    scratch_directory_remove(place->directory);
}

/* What a file of the spool takes on disk. */
static size_t file_blocks(const struct place *place, int *ret_descriptor)
{
    struct stat status;

    must(open_files_in(place->directory, ret_descriptor, 1) == 1);
    must(fstat(*ret_descriptor, &status) == 0);
    return (size_t)status.st_blocks * 512;
}

/* SIZE bytes that no compressor makes smaller, the same for the same seed. */
static uint8_t *noise(size_t size, uint32_t seed)
{
    uint8_t key[randombytes_SEEDBYTES] = {0};
    uint8_t *bytes = malloc(size != 0 ? size : 1);

    must(bytes != NULL);
    memcpy(key, &seed, sizeof seed);
    randombytes_buf_deterministic(bytes, size, key);
    return bytes;
}

static struct spool_blob put_noise(struct spool *spool, size_t size, uint32_t seed)
{
    uint8_t *bytes = noise(size, seed);
    struct spool_blob blob;

    must(spool_put(spool, bytes, size, &blob, NULL) == 0);
    free(bytes);
    return blob;
}

static void check_noise(struct spool *spool, const struct spool_blob *blob, size_t size,
                        uint32_t seed)
{
    uint8_t *bytes = noise(size, seed);
    struct buffer output = BUFFER(MIB * 64);

    must(buffer_append(&output, "before", 6) == 0);
    must(spool_get(spool, blob, &output, NULL) == 0);
    must(output.size == size);
    must(size == 0 || memcmp(output.data, bytes, size) == 0);
    buffer_release(&output);
    free(bytes);
}

static const size_t sizes[] = {0, 1, 100, 4095, 4096, 4097, 70000, 1000000, 64u << 20};
#define SIZES (sizeof sizes / sizeof *sizes)

static void test_put_get_drop(void **state)
{
    (void)state;
    struct place place = place_create(256 * MIB);
    struct spool_blob blobs[SIZES];
    struct spool_blob nothing = {0};
    uint64_t total = 0;

    for (uint32_t i = 0; i < SIZES; i++) {
        blobs[i] = put_noise(place.spool, sizes[i], i);
        total += sizes[i] + SEAL_OVERHEAD_BYTES;
        assert_int_equal(blobs[i].plain_size, sizes[i]);
    }
    assert_int_equal(used_bytes(place.spool), total);
    for (uint32_t i = SIZES; i-- > 0;)
        check_noise(place.spool, &blobs[i], sizes[i], i);
    for (uint32_t i = 0; i < SIZES; i += 2) {
        spool_drop(place.spool, &blobs[i]);
        total -= blobs[i].size;
    }
    assert_int_equal(used_bytes(place.spool), total);
    for (uint32_t i = 1; i < SIZES; i += 2) {
        check_noise(place.spool, &blobs[i], sizes[i], i);
        spool_drop(place.spool, &blobs[i]);
    }
    spool_drop(place.spool, &nothing);
    assert_string_equal(spool_directory(place.spool), place.directory);
    place_free(&place);
    spool_free(NULL);
}

static void test_nothing_visible(void **state)
{
    (void)state;
    struct place place = place_create(MIB);
    struct spool_blob blob = put_noise(place.spool, KIB, 1);
    int descriptor;

    /* An empty directory can be removed; what is open in it stays. */
    assert_int_equal(open_files_in(place.directory, &descriptor, 1), 1);
    assert_int_equal(rmdir(place.directory), 0);
    check_noise(place.spool, &blob, KIB, 1);
    assert_int_equal(mkdir(place.directory, 0700), 0);
    spool_drop(place.spool, &blob);
    place_free(&place);
}

static void test_no_plaintext(void **state)
{
    (void)state;
    struct place place = place_create(MIB);
    uint8_t *bytes = noise(KIB, 5);
    struct spool_blob first = put_noise(place.spool, KIB, 5);
    struct spool_blob second = put_noise(place.spool, KIB, 5);
    uint8_t sealed[2 * KIB];
    int descriptor;

    file_blocks(&place, &descriptor);
    assert_int_equal(pread(descriptor, sealed, sizeof sealed, 0), sizeof sealed);
    assert_null(memmem(sealed, sizeof sealed, bytes, 16));
    /* The same plaintext is sealed differently each time. */
    assert_null(memmem(sealed + first.offset + 16, sizeof sealed - first.offset - 16,
                       sealed + first.offset, 16));
    spool_drop(place.spool, &first);
    spool_drop(place.spool, &second);
    free(bytes);
    place_free(&place);
}

static void test_space_comes_back(void **state)
{
    (void)state;
    struct place place = place_create(64 * MIB);
    struct spool_blob blobs[8];
    int descriptor;

    for (uint32_t i = 0; i < 8; i++)
        blobs[i] = put_noise(place.spool, 2 * MIB, i);

    size_t full = file_blocks(&place, &descriptor);

    assert_true(full >= 16 * MIB);
    spool_drop(place.spool, &blobs[3]);
    assert_true(file_blocks(&place, &descriptor) <= full - 2 * MIB + 16 * KIB);
    check_noise(place.spool, &blobs[2], 2 * MIB, 2);
    check_noise(place.spool, &blobs[4], 2 * MIB, 4);
    for (uint32_t i = 0; i < 8; i++) {
        if (i != 3)
            spool_drop(place.spool, &blobs[i]);
    }
    /* The ends of blobs that share a page with the next go with the last blob. */
    assert_int_equal(file_blocks(&place, &descriptor), 0);

    /* Room is used again from the beginning. */
    blobs[0] = put_noise(place.spool, MIB, 9);
    assert_int_equal(blobs[0].offset, 0);
    check_noise(place.spool, &blobs[0], MIB, 9);
    spool_drop(place.spool, &blobs[0]);
    place_free(&place);
}

static void test_small_blobs_leave_nothing(void **state)
{
    (void)state;
    struct place place = place_create(64 * MIB);
    static struct spool_blob blobs[2000];
    int descriptor;

    for (uint32_t i = 0; i < 2000; i++)
        blobs[i] = put_noise(place.spool, 1000, i);
    assert_true(file_blocks(&place, &descriptor) >= 2000000);
    for (uint32_t i = 0; i < 2000; i++)
        spool_drop(place.spool, &blobs[i]);
    assert_int_equal(file_blocks(&place, &descriptor), 0);
    place_free(&place);
}

static void test_bound(void **state)
{
    (void)state;
    struct place place = place_create(MIB);
    struct failure failure = {0};
    struct spool_blob blobs[4];
    struct spool_blob untouched = {.number = 4711};
    uint8_t *bytes = noise(512 * KIB, 7);

    blobs[0] = put_noise(place.spool, 256 * KIB, 0);
    blobs[1] = put_noise(place.spool, 256 * KIB, 1);
    blobs[2] = put_noise(place.spool, 256 * KIB, 2);

    uint64_t before = used_bytes(place.spool);

    assert_int_equal(spool_put(place.spool, bytes, 512 * KIB, &untouched, &failure), -ENOSPC);
    assert_int_equal(failure.code, ENOSPC);
    assert_non_null(strstr(failure.text, place.directory));
    assert_non_null(strstr(failure.text, "spool-size"));
    assert_int_equal(untouched.number, 4711);
    assert_int_equal(used_bytes(place.spool), before);
    /* To the byte, and without words if nobody asks for them. */
    size_t left = MIB - (size_t)before;

    assert_int_equal(
        spool_put(place.spool, bytes, left - SEAL_OVERHEAD_BYTES + 1, &untouched, NULL), -ENOSPC);
    blobs[3] = put_noise(place.spool, left - SEAL_OVERHEAD_BYTES, 3);
    assert_int_equal(used_bytes(place.spool), MIB);
    for (uint32_t i = 0; i < 4; i++)
        spool_drop(place.spool, &blobs[i]);
    free(bytes);

    /* A piece no spool takes. */
    bytes = calloc(1, 64 * MIB + 1);
    assert_non_null(bytes);
    assert_int_equal(spool_put(place.spool, bytes, 64 * MIB + 1, &untouched, &failure), -EFBIG);
    free(bytes);
    place_free(&place);
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
    struct place place = place_create(MIB);
    struct spool_blob blobs[12];
    static char text[100 * KIB];
    struct buffer output = BUFFER(MIB);

    for (unsigned i = 0; i < 12; i++) {
        bool above_half = used_bytes(place.spool) > MIB / 2;

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
    struct spool_blob raw = put_noise(place.spool, 10 * KIB, 1);
    struct spool_blob one = put_noise(place.spool, 1, 2);
    struct spool_blob none = put_noise(place.spool, 0, 3);

    assert_int_equal(raw.size, 10 * KIB + SEAL_OVERHEAD_BYTES);
    check_noise(place.spool, &raw, 10 * KIB, 1);
    check_noise(place.spool, &one, 1, 2);
    check_noise(place.spool, &none, 0, 3);
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
    place_free(&place);
}

static void assert_damaged(const struct place *place, const struct spool_blob *blob)
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
    struct place place = place_create(MIB);
    struct spool_blob first = put_noise(place.spool, 10 * KIB, 1);
    struct spool_blob second = put_noise(place.spool, 10 * KIB, 2);
    struct spool_blob changed = second;
    int descriptor;

    file_blocks(&place, &descriptor);
    for (uint32_t at = 0; at < second.size; at += 509) {
        damage_file(descriptor, second.offset + at);
        assert_damaged(&place, &second);
        check_noise(place.spool, &first, 10 * KIB, 1);
        damage_file(descriptor, second.offset + at);
    }
    check_noise(place.spool, &second, 10 * KIB, 2);

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
    check_noise(place.spool, &first, 10 * KIB, 1);
    spool_drop(place.spool, &first);
    spool_drop(place.spool, &second);
    place_free(&place);
}

static void test_segments(void **state)
{
    (void)state;
    struct place place = place_create((uint64_t)1 << 40);
    struct spool_blob blobs[10];
    int descriptors[4];

    assert_int_equal(open_files_in(place.directory, descriptors, 4), 1);
    for (uint32_t i = 0; i < 10; i++)
        blobs[i] = put_noise(place.spool, 1000, i);
    /* A spool of 1 TiB has segments of 2 GiB: one is enough for these. */
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 1);
    for (uint32_t i = 0; i < 10; i++)
        spool_drop(place.spool, &blobs[i]);
    place_free(&place);

    /* A small one has segments of 128 MiB: three blobs of this size fit. */
    place = place_create(512 * MIB);
    for (uint32_t i = 0; i < 7; i++)
        blobs[i] = put_noise(place.spool, 40 * MIB, i);
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 3);
    for (uint32_t i = 0; i < 7; i++)
        check_noise(place.spool, &blobs[i], 40 * MIB, i);
    spool_drop(place.spool, &blobs[4]);
    spool_drop(place.spool, &blobs[1]);
    spool_drop(place.spool, &blobs[0]);
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 3);
    /* The last blob of a full segment takes the file with it; the segment being filled stays. */
    spool_drop(place.spool, &blobs[2]);
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 2);
    spool_drop(place.spool, &blobs[6]);
    assert_int_equal(open_files_in(place.directory, descriptors, 4), 2);
    check_noise(place.spool, &blobs[3], 40 * MIB, 3);
    blobs[6] = put_noise(place.spool, 40 * MIB, 6);
    check_noise(place.spool, &blobs[6], 40 * MIB, 6);
    spool_drop(place.spool, &blobs[3]);
    spool_drop(place.spool, &blobs[5]);
    spool_drop(place.spool, &blobs[6]);
    place_free(&place);
}

/* Fills the disk, sees what is said, makes room, and goes on. */
static void fill_disk(struct place *place, int expected)
{
    struct spool_blob small = put_noise(place->spool, 300 * KIB, 1);
    struct spool_blob more = {0};
    struct failure failure = {0};
    uint8_t *bytes = noise(900 * KIB, 2);
    uint64_t before = used_bytes(place->spool);

    assert_int_equal(spool_put(place->spool, bytes, 900 * KIB, &more, &failure), -expected);
    assert_int_equal(failure.code, expected);
    assert_non_null(strstr(failure.text, place->directory));
    assert_non_null(strstr(failure.text, strerror(expected)));
    assert_null(more.segment);
    assert_int_equal(used_bytes(place->spool), before);
    check_noise(place->spool, &small, 300 * KIB, 1);
    spool_drop(place->spool, &small);
    assert_int_equal(spool_put(place->spool, bytes, 800 * KIB, &more, &failure), 0);
    check_noise(place->spool, &more, 800 * KIB, 2);
    spool_drop(place->spool, &more);
    free(bytes);
}

static void test_file_size_limit(void **state)
{
    (void)state;
    struct place place = place_create(64 * MIB);
    struct rlimit old;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);

    struct rlimit low = {.rlim_cur = MIB, .rlim_max = old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    fill_disk(&place, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    place_free(&place);
}

static void test_disk_full(void **state)
{
    (void)state;
    struct place place = {.directory = scratch_directory()};
    struct spool_options options = {.directory = place.directory, .limit_bytes = 64 * MIB};

    if (mount("tmpfs", place.directory, "tmpfs", 0, "size=1m") != 0) {
        scratch_directory_remove(place.directory);
        fail_msg("a small file system cannot be mounted: are you root?");
    }
    assert_int_equal(spool_create(&options, &place.spool, NULL), 0);
    fill_disk(&place, ENOSPC);
    assert_int_equal(used_bytes(place.spool), 0);
    spool_free(place.spool);

    /* Without a bound of its own: half of what is free. */
    struct spool_usage usage;

    options.limit_bytes = 0;
    assert_int_equal(spool_create(&options, &place.spool, NULL), 0);
    spool_usage(place.spool, &usage);
    assert_true(usage.limit_bytes > 400 * KIB && usage.limit_bytes <= 512 * KIB);
    spool_free(place.spool);
    assert_int_equal(umount(place.directory), 0);
    scratch_directory_remove(place.directory);
}

static void assert_no_spool(const char *directory, int expected)
{
    struct spool_options options = {.directory = directory};
    struct failure failure = {0};
    struct spool *spool = NULL;

    assert_int_equal(spool_create(&options, &spool, &failure), -expected);
    assert_null(spool);
    assert_int_equal(failure.code, expected);
    assert_non_null(strstr(failure.text, directory));
    assert_int_equal(spool_create(&options, &spool, NULL), -expected);
}

static void test_bad_directories(void **state)
{
    (void)state;
    assert_no_spool("/nonexistent/directory", ENOENT);
    assert_no_spool("/dev/null", ENOTDIR);
    assert_no_spool("/proc/self/task", ENOENT);
}

static void test_default_directory(void **state)
{
    (void)state;
    char *directory = scratch_directory();
    const char *old = getenv("TMPDIR");
    char *kept = old != NULL ? strdup(old) : NULL;
    struct spool_options options = {.limit_bytes = MIB};
    struct spool *spool;

    assert_int_equal(setenv("TMPDIR", directory, 1), 0);
    assert_int_equal(spool_create(&options, &spool, NULL), 0);
    assert_string_equal(spool_directory(spool), directory);
    spool_free(spool);
    assert_int_equal(setenv("TMPDIR", "", 1), 0);
    assert_int_equal(spool_create(&options, &spool, NULL), 0);
    assert_string_equal(spool_directory(spool), "/tmp");
    spool_free(spool);
    if (kept != NULL)
        setenv("TMPDIR", kept, 1);
    else
        unsetenv("TMPDIR");
    free(kept);
    scratch_directory_remove(directory);
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
            check_noise(share->spool, &blobs[place], seeds[place] % 50000, seeds[place]);
            spool_drop(share->spool, &blobs[place]);
        }
        if (i < ROUNDS) {
            seeds[place] = share->seed + i * 2654435761u;
            blobs[place] = put_noise(share->spool, seeds[place] % 50000, seeds[place]);
        }
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    struct place place = place_create(8 * MIB);
    struct share shares[THREADS];
    pthread_t threads[THREADS];

    for (uint32_t i = 0; i < THREADS; i++) {
        shares[i] = (struct share){place.spool, i * 1000};
        assert_int_equal(pthread_create(&threads[i], NULL, use_spool, &shares[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    place_free(&place);
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
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_bad_directories),
        cmocka_unit_test(test_default_directory),
        cmocka_unit_test(test_threads),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
