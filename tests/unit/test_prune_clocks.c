/* SPDX-License-Identifier: MIT */
/* What prune takes for long ago: marks, and the packs of nobody. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/memory_storage.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/store_samples.h"

static time_t clock_ahead; /* of the time that there is */

/* The program's own, in place of the library's, whose names for its parameters these are. */
int clock_gettime(clockid_t __clock_id, struct timespec *__tp)
{
    int result = (int)syscall(SYS_clock_gettime, __clock_id, __tp);

    if (__clock_id == CLOCK_REALTIME)
        __tp->tv_sec += clock_ahead;
    return result;
}

/* What a clock marked that was a year ahead is marked again by the right one, and goes in time. */
static void test_marked_by_a_wrong_clock(void **context)
{
    struct store *store = sample_store();

    (void)context;
    series_take_days(store, 2);
    series_forget_day(store, 1);
    series_forget_day(store, 2);
    clock_ahead = (time_t)366 * 24 * 3600;

    struct prune_result result = sample_prune(store, &sample_prune_usual);

    clock_ahead = 0;
    assert_true(result.garbage.packs > 0);
    assert_int_equal(sample_prune(store, &sample_prune_usual).garbage.packs, 0);
    assert_int_equal(sample_prune(store, &sample_prune_usual).garbage.packs, result.garbage.packs);
    assert_int_equal(sample_prune(store, &sample_prune_now).removed.packs, result.garbage.packs);
    sample_assert_sound(store);
    store_close(store);
}

static void test_orphans(void **context)
{
    struct store *store = sample_store();
    struct storage *storage = store_storage(store);
    char name[PACK_NAME_SIZE];
    char path[PACK_PATH_SIZE];
    uint8_t salt[STORE_SALT_BYTES];

    (void)context;
    series_take_days(store, 1);
    sample_orphan(store, name);
    assert_true(pack_salt(name, salt));
    pack_path(salt, path);
    memory_storage_set_time(storage, path, time(NULL) - 86000);

    struct prune_result result = sample_prune(store, &sample_prune_now);

    assert_int_equal(result.young.packs, 1);
    assert_int_equal(result.removed.packs, 0);
    memory_storage_set_time(storage, path, time(NULL) - 86500);
    result = sample_prune(store, &sample_prune_now);
    assert_int_equal(result.removed.packs, 1);
    assert_null(memory_storage_bytes(storage, path, &(size_t){0}));
    assert_int_equal(series_read_all(store), 1);
    sample_assert_sound(store);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marked_by_a_wrong_clock),
        cmocka_unit_test(test_orphans),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
