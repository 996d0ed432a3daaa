/* SPDX-License-Identifier: MIT */
/* The image cache of a store that is elsewhere: in the user's own folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/store/kept.h"
#include "fs/store/seal.h"
#include "tests/unit/fake_source.h"
#include "tests/unit/open_files.h"
#include "tests/unit/store_samples.h"

#define GROUPS 1500 /* more than a block of the directory holds */
#define LIMIT ((uint64_t)64 << 20)

struct bench {
    char *directory; /* what XDG_CACHE_HOME is */
    struct store *store;
    struct image_cache *cache;
};

static struct bench bench_begin(uint64_t limit_bytes)
{
    struct bench bench = {.directory = scratch_directory(), .store = sample_store()};
    struct image_cache_options options = {.store = bench.store, .limit_bytes = limit_bytes};

    setenv("XDG_CACHE_HOME", bench.directory, 1);
    assert_int_equal(image_cache_create(&options, &bench.cache), 0);
    return bench;
}

static void remove_all(const char *directory)
{
    char command[1000];

    snprintf(command, sizeof command, "rm -r '%s/crmfs'", directory);
    (void)!system(command); // NOLINT(cert-env33-c): a folder of the test's own
}

static void bench_end(struct bench *bench)
{
    image_cache_free(bench->cache);
    store_close(bench->store);
    remove_all(bench->directory);
    scratch_directory_remove(bench->directory);
}

/* Of table NUMBER, whose content is CONTENT. */
static struct image_key key_of(struct bench *bench, uint8_t number, uint8_t content)
{
    struct source_identity identity = {.known = true, .place = {number}, .content = {content}};
    struct schema *schema = schema_create("contacts", 0);
    struct image_key key;

    assert_non_null(schema);
    assert_int_equal(image_cache_key(bench->cache, &identity, schema, &key), 0);
    schema_release(schema);
    return key;
}

static uint8_t byte_of(size_t group, size_t at)
{
    return (uint8_t)(group * 7 + at / (1 + group % 5));
}

static size_t size_of(size_t group)
{
    return 1 + group * 3 % 900;
}

static int write_groups(struct bench *bench, const struct image_key *key, size_t count)
{
    struct kept_writer *writer;
    int error = kept_writer_create(bench->cache, key, &writer, NULL);

    if (error != 0)
        return error;
    for (size_t i = 0; i < count && error == 0; i++) {
        struct kept_group group = {
            .place = {.size = (uint32_t)size_of(i)}, .rows = (uint32_t)i, .csv_bytes = i + 1};
        uint8_t bytes[1000];

        for (size_t j = 0; j < size_of(i); j++)
            bytes[j] = byte_of(i, j);
        error = kept_writer_add(writer, bytes, &group, NULL);
    }
    if (error == 0)
        error = kept_writer_finish(writer, NULL);
    kept_writer_free(writer);
    return error;
}

static void assert_reads(struct bench *bench, const struct image_key *key, size_t count)
{
    struct kept_scratch scratch = {.decompressor = NULL};
    struct buffer output = BUFFER(KEPT_GROUP_LIMIT);
    struct kept_group *groups;
    struct kept *kept;
    size_t found;

    assert_int_equal(kept_open(bench->cache, key, &kept, &groups, &found, NULL), 0);
    assert_int_equal(found, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(groups[i].rows, i);
        assert_int_equal(groups[i].csv_bytes, i + 1);
        assert_int_equal(kept_read(kept, i, &groups[i].place, &scratch, &output), 0);
        assert_int_equal(output.size, size_of(i));
        for (size_t j = 0; j < size_of(i); j++)
            assert_int_equal(output.data[j], byte_of(i, j));
    }
    /* A group at another's place does not open. */
    if (count > 1)
        assert_int_equal(kept_read(kept, 1, &groups[0].place, &scratch, &output), -EBADMSG);
    kept_scratch_release(&scratch);
    buffer_release(&output);
    free(groups);
    kept_close(kept);
}

static int try_open(struct bench *bench, const struct image_key *key)
{
    struct kept_group *groups;
    struct kept *kept;
    size_t count;
    int error = kept_open(bench->cache, key, &kept, &groups, &count, NULL);

    if (error == 0) {
        free(groups);
        kept_close(kept);
    }
    return error;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const size_t counts[] = {0, 1, 2, 1023, 1024, 1025, GROUPS};
    struct bench bench = bench_begin(LIMIT);
    struct image_cache_usage usage;

    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        struct image_key key = key_of(&bench, (uint8_t)i, 1);

        assert_int_equal(try_open(&bench, &key), -ENOENT);
        assert_int_equal(write_groups(&bench, &key, counts[i]), 0);
        assert_reads(&bench, &key, counts[i]);
        assert_int_equal(write_groups(&bench, &key, counts[i]), 0); /* it is there already */
    }
    image_cache_usage(bench.cache, &usage);
    assert_int_equal(usage.count, sizeof counts / sizeof *counts);
    assert_int_equal(usage.used_bytes % 65536, 0);
    assert_int_equal(usage.limit_bytes, LIMIT);
    bench_end(&bench);
}

static void test_newer_content(void **state)
{
    (void)state;
    struct bench bench = bench_begin(LIMIT);
    struct image_key first = key_of(&bench, 1, 1);
    struct image_key second = key_of(&bench, 1, 2);
    struct image_key other = key_of(&bench, 2, 1);

    assert_int_equal(write_groups(&bench, &first, 3), 0);
    assert_int_equal(write_groups(&bench, &other, 4), 0);
    assert_int_equal(write_groups(&bench, &second, 5), 0);
    assert_int_equal(try_open(&bench, &first), -ENOENT);
    assert_reads(&bench, &second, 5);
    assert_reads(&bench, &other, 4);
    bench_end(&bench);
}

static void test_bound(void **state)
{
    (void)state;
    struct bench bench = bench_begin(UINT64_C(3) * 65536);
    struct image_key keys[4];

    for (uint8_t i = 0; i < 4; i++) {
        keys[i] = key_of(&bench, i, 1);
        if (i == 3) /* used last but one */
            assert_int_equal(try_open(&bench, &keys[0]), 0);
        assert_int_equal(write_groups(&bench, &keys[i], 2), 0);
        usleep(20000); /* longer than a tick of the clock of files' times */
    }
    assert_int_equal(try_open(&bench, &keys[1]), -ENOENT);
    assert_int_equal(try_open(&bench, &keys[0]), 0);
    assert_int_equal(try_open(&bench, &keys[2]), 0);
    assert_int_equal(try_open(&bench, &keys[3]), 0);
    /* What would never fit takes nobody's place. */
    struct image_key large = key_of(&bench, 9, 1);

    assert_int_equal(write_groups(&bench, &large, GROUPS), -ENOSPC);
    assert_int_equal(try_open(&bench, &keys[3]), 0);
    bench_end(&bench);
}

static void test_care(void **state)
{
    (void)state;
    struct bench bench = bench_begin(LIMIT);
    struct image_key key = key_of(&bench, 1, 1);
    struct image_cache_sum sum;

    assert_int_equal(image_cache_check(bench.store, true, &sum, NULL), 0);
    assert_int_equal(sum.count, 0);
    assert_int_equal(write_groups(&bench, &key, GROUPS), 0);
    assert_int_equal(image_cache_check(bench.store, true, &sum, NULL), 0);
    assert_int_equal(sum.count, 1);
    assert_int_equal(sum.damaged, 0);
    assert_int_equal(image_cache_prune(bench.store, 1000, false, &sum, NULL), 0);
    assert_int_equal(sum.count, 0);
    assert_int_equal(image_cache_prune(bench.store, 0, true, &sum, NULL), 0);
    assert_reads(&bench, &key, GROUPS);
    bench_end(&bench);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, sample_state_begin, sample_state_end),
        cmocka_unit_test_setup_teardown(test_newer_content, sample_state_begin, sample_state_end),
        cmocka_unit_test_setup_teardown(test_bound, sample_state_begin, sample_state_end),
        cmocka_unit_test_setup_teardown(test_care, sample_state_begin, sample_state_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
