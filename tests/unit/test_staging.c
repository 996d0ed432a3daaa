/* SPDX-License-Identifier: MIT */
/* What is being written into the mount, when the spool has no room for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/tree/staging.h"
#include "tests/unit/fake_source.h"

#define PIECE ((size_t)256 << 10)
#define ROOM (4 * PIECE)

/* Fills what is left of the spool, but for less than a piece. */
static struct spool_blob fill_up(struct spool *spool, const uint8_t *random)
{
    struct spool_usage usage;
    struct spool_blob blob;

    spool_usage(spool, &usage);
    must(usage.limit_bytes - usage.used_bytes < 2 * PIECE);
    must(spool_put(spool, random, (size_t)(usage.limit_bytes - usage.used_bytes) - 1024, &blob,
                   NULL) == 0);
    return blob;
}

/* Cutting a file off that fails has cut off nothing. */
static void test_failed_cut(void **context)
{
    const struct spool_options options = {.limit_bytes = ROOM};
    uint8_t *random = malloc(2 * PIECE);
    struct failure failure = {.code = 0};
    struct spool *spool;
    char text[] = "aaaa";
    size_t got;

    (void)context;
    must(random != NULL);
    randombytes_buf(random, 2 * PIECE);
    must(spool_create(&options, &spool, NULL) == 0);

    struct staging *staging = staging_create(spool);

    must(staging != NULL);
    /* Two pieces that cannot be compressed, and one that can; then the first one is changed. */
    must(staging_write(staging, 0, random, 2 * PIECE, NULL) == 0);
    for (size_t at = 0; at < PIECE; at += 4)
        must(staging_write(staging, 2 * PIECE + at, text, 4, NULL) == 0);
    must(staging_write(staging, 0, "x", 1, NULL) == 0);

    struct spool_blob filler = fill_up(spool, random);

    assert_int_equal(staging_resize(staging, PIECE + 100, &failure), -ENOSPC);
    assert_int_equal(staging_size(staging), 3 * PIECE);
    spool_drop(spool, &filler);
    must(staging_write(staging, 2 * PIECE, "b", 1, NULL) == 0);
    must(staging_read(staging, 2 * PIECE, text, 4, &got, NULL) == 0);
    assert_int_equal(got, 4);
    assert_memory_equal(text, "baaa", 4);
    must(staging_resize(staging, PIECE + 100, NULL) == 0);
    must(staging_read(staging, PIECE + 98, text, 4, &got, NULL) == 0);
    assert_int_equal(got, 2);
    assert_memory_equal(text, random + PIECE + 98, 2);
    staging_free(staging);
    spool_free(spool);
    free(random);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_failed_cut)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
