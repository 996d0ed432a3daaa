/* SPDX-License-Identifier: MIT */
/*
 * files/ without a mount, while the time of day is changed: what it does by itself goes on, and is
 * done once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/files/files_internal.h"
#include "fs/store/prune.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/one_file.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define MEMORY_BYTES ((size_t)4 << 20)
#define PATIENCE 600 /* tenths of a second */
#define GARBAGE ((size_t)64 << 10)
#define LATE_NS UINT64_C(20000000000) /* so much that nobody waits for a stopped clock */

static time_t clock_ahead;     /* of the time of day that there is; atomic */
static uint64_t stopped_clock; /* the other one, while it stands still; atomic; 0: it goes */

/* The program's own, in place of the library's, whose names for its parameters these are. */
int clock_gettime(clockid_t __clock_id, struct timespec *__tp)
{
    int result = (int)syscall(SYS_clock_gettime, __clock_id, __tp);

    uint64_t stopped = __atomic_load_n(&stopped_clock, __ATOMIC_RELAXED);

    if (__clock_id == CLOCK_REALTIME)
        __tp->tv_sec += __atomic_load_n(&clock_ahead, __ATOMIC_RELAXED);
    else if (__clock_id == CLOCK_MONOTONIC && stopped != 0)
        *__tp = (struct timespec){.tv_sec = (time_t)(stopped / 1000000000),
                                  .tv_nsec = (long)(stopped % 1000000000)};
    return result;
}

static void put_clock_ahead(time_t seconds)
{
    __atomic_store_n(&clock_ahead, seconds, __ATOMIC_RELAXED);
}

static void stop_clock(uint64_t at_ns)
{
    __atomic_store_n(&stopped_clock, at_ns, __ATOMIC_RELAXED);
}

static void move_clock_ms(uint64_t ms)
{
    stop_clock(clock_now_ns() + ms * 1000000);
}

static int end_clock(void **state)
{
    put_clock_ahead(0);
    stop_clock(0);
    return sample_state_end(state);
}

static struct one_file make(uint64_t garbage_bytes)
{
    return one_file_make(
        recording_storage_new(memory_storage_new()),
        (struct files_options){.memory_bytes = MEMORY_BYTES, .garbage_bytes = garbage_bytes});
}

static bool eventually(bool (*condition)(struct one_file *file), struct one_file *file)
{
    for (unsigned i = 0; i < PATIENCE; i++) {
        if (condition(file))
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    }
    return false;
}

static bool is_committed(struct one_file *file)
{
    pthread_mutex_lock(&file->files->lock);
    bool committed = file->files->committed == file->files->changes;
    pthread_mutex_unlock(&file->files->lock);

    return committed;
}

/* Who waits for a time of the day would have that to wait by which it was put back. */
static void a_clock_that_is_put_back_keeps_nothing_from_being_stored(void **state)
{
    struct one_file file;

    (void)state;
    put_clock_ahead(3600);
    file = make(0);
    succeed(files_write(file.files, file.number, 0, "a", 1, &failure));
    assert_true(eventually(is_committed, &file));
    put_clock_ahead(0);
    one_file_close(&file);
}

/* Who did it once more than he may has done it by now. */
static void pause_shortly(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

static unsigned wanted_attempts;

static bool has_tried(struct one_file *file)
{
    return recording_storage_failed(file->storage) >= wanted_attempts;
}

static void assert_attempts(struct one_file *file, unsigned attempts)
{
    wanted_attempts = attempts;
    assert_true(eventually(has_tried, file));
    pause_shortly();
    assert_int_equal(recording_storage_failed(file->storage), attempts);
}

/* What each attempt has put into packs takes room. */
static void what_cannot_be_stored_is_tried_less_and_less_often(void **state)
{
    static const struct storage_fault no_record = {
        .nth = 1, .operations = STORAGE_PUT, .code = EIO, .for_ever = true};
    struct one_file file = make(0);

    (void)state;
    recording_storage_set_fault(file.storage, &no_record);
    stop_clock(clock_now_ns() - LATE_NS);
    succeed(files_write(file.files, file.number, 0, "a", 1, &failure));
    move_clock_ms(4000);
    assert_attempts(&file, 1);
    move_clock_ms(300);
    assert_attempts(&file, 2);
    move_clock_ms(300);
    assert_attempts(&file, 2);
    move_clock_ms(300);
    assert_attempts(&file, 3);
    recording_storage_set_fault(file.storage, NULL);
    move_clock_ms(10000);
    assert_true(eventually(is_committed, &file));
    stop_clock(0);
    one_file_close(&file);
}

/* A pruning ends with it. */
static bool has_swept(struct one_file *file)
{
    return recording_storage_counted(file->storage) > 0;
}

/* Though nothing is committed since, which would say here that it was done. */
static void what_waited_long_enough_is_removed_once(void **state)
{
    static const struct prune_options usual = {.grace_ns = PRUNE_GRACE_NS,
                                               .unused = {UNUSED_UNLIMITED, 0}};
    static const struct storage_fault none = {.operations = STORAGE_SWEEP};
    static uint8_t bytes[GARBAGE];
    struct one_file file = make(100 * GARBAGE);
    struct stat stat = {.st_size = 0};
    struct prune_result result;

    (void)state;
    succeed(files_write(file.files, file.number, 0, bytes, sizeof bytes, &failure));
    succeed(files_sync(file.files, &failure));
    succeed(files_set(file.files, file.number, FILES_SET_SIZE, &stat, &stat, &failure));
    succeed(files_sync(file.files, &failure));
    succeed(prune(file.store, &usual, &result, &failure));
    assert_true(result.garbage.packs > 0);
    succeed(files_write(file.files, file.number, 0, "a", 1, &failure));
    succeed(files_sync(file.files, &failure));
    recording_storage_set_fault(file.storage, &none);
    put_clock_ahead(7200);
    pthread_cond_signal(&file.files->upkeep);
    assert_true(eventually(has_swept, &file));
    pause_shortly();
    assert_int_equal(recording_storage_counted(file.storage), 1);
    put_clock_ahead(0);
    one_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clock_that_is_put_back_keeps_nothing_from_being_stored),
        cmocka_unit_test(what_cannot_be_stored_is_tried_less_and_less_often),
        cmocka_unit_test(what_waited_long_enough_is_removed_once),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, end_clock);
}
