/* SPDX-License-Identifier: MIT */
/* Where a spool stands: disks that are full, directories that do not do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "tests/unit/fake_source.h"
#include "tests/unit/open_files.h"
#include "tests/unit/spool_place.h"

/* Fills the disk, sees what is said, makes room, and goes on. */
static void fill_disk(struct spool_place *place, int expected)
{
    struct spool_blob small = spool_put_noise(place->spool, 300 * KIB, 1);
    struct spool_blob more = {0};
    struct failure failure = {0};
    uint8_t *bytes = spool_noise(900 * KIB, 2);
    uint64_t before = spool_used_bytes(place->spool);

    assert_int_equal(spool_put(place->spool, bytes, 900 * KIB, &more, &failure), -expected);
    assert_int_equal(failure.code, expected);
    assert_non_null(strstr(failure.text, place->directory));
    assert_non_null(strstr(failure.text, strerror(expected)));
    assert_null(more.segment);
    assert_int_equal(spool_used_bytes(place->spool), before);
    spool_check_noise(place->spool, &small, 300 * KIB, 1);
    spool_drop(place->spool, &small);
    assert_int_equal(spool_put(place->spool, bytes, 800 * KIB, &more, &failure), 0);
    spool_check_noise(place->spool, &more, 800 * KIB, 2);
    spool_drop(place->spool, &more);
    free(bytes);
}

static void test_file_size_limit(void **state)
{
    (void)state;
    struct spool_place place = spool_place_create(64 * MIB);
    struct rlimit old;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);

    struct rlimit low = {.rlim_cur = MIB, .rlim_max = old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);

    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    fill_disk(&place, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    spool_place_free(&place);
}

static void test_disk_full(void **state)
{
    (void)state;
    struct spool_place place = {.directory = scratch_directory()};
    struct spool_options options = {.directory = place.directory, .limit_bytes = 64 * MIB};

    if (mount("tmpfs", place.directory, "tmpfs", 0, "size=1m") != 0) {
        scratch_directory_remove(place.directory);
        fail_msg("a small file system cannot be mounted: are you root?");
    }
    assert_int_equal(spool_create(&options, &place.spool, NULL), 0);
    fill_disk(&place, ENOSPC);
    assert_int_equal(spool_used_bytes(place.spool), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_size_limit),
        cmocka_unit_test(test_disk_full),
        cmocka_unit_test(test_bad_directories),
        cmocka_unit_test(test_default_directory),
    };

    must(sodium_init() >= 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
