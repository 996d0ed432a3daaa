/* SPDX-License-Identifier: MIT */
/* Prune while others append to the log all the time, quicker than it looks at the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fs/store/log.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define READS_A_RECORD 10 /* more than it takes to append one, and less than to look at a store */

struct appender {
    struct storage *recording;
    struct store *store;
    unsigned reads;
    unsigned records;
};

/* What says nothing of packs. */
static void append(struct store *store)
{
    struct log_state state = {.sequence = 0};

    succeed(log_read(store, &state, &failure));
    succeed(log_rename(store, &state, state.snapshots[0].name,
                       strcmp(state.snapshots[0].name, "day-1") == 0 ? "x" : "day-1", &failure));
    log_state_release(&state);
}

static void append_now_and_then(void *context)
{
    struct appender *appender = context;

    if (++appender->reads % READS_A_RECORD == 0) {
        append(appender->store);
        appender->records++;
    }
    recording_storage_interpose(appender->recording, STORAGE_READ, append_now_and_then, appender);
}

/* There is a new record whenever prune has looked at the store; what it marked goes all the same.
 */
static void test_removes_beside_an_appender(void **context)
{
    struct storage *memory = memory_storage_new();

    (void)context;
    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);
    struct appender appender = {recording, store, 0, 0};

    series_take_days(store, 3);
    series_forget_day(store, 2);
    series_forget_day(store, 3);
    recording_storage_interpose(recording, STORAGE_READ, append_now_and_then, &appender);
    assert_true(sample_prune(store, &sample_prune_now).removed.packs > 0);
    assert_true(appender.records > 3);
    recording_storage_interpose(recording, 0, NULL, NULL);
    if (appender.records % 2 != 0)
        append(store);
    assert_int_equal(series_read_all(store), 1);
    sample_assert_sound(store);
    store_close(store);
}

struct comer_back {
    struct store *store;
    struct log_state before; /* with the snapshot */
};

/* As whoever relied on the packs before they were marked. */
static void come_back(void *context)
{
    struct comer_back *back = context;
    struct log_state state = {.sequence = 0};
    const char *packs[100];
    char names[100][PACK_NAME_SIZE];
    size_t count = 0;

    succeed(log_read(back->store, &state, &failure));
    for (; count < state.mark_count; count++) {
        memcpy(names[count], state.marks[count].pack, PACK_NAME_SIZE);
        packs[count] = names[count];
    }
    assert_true(count > 0);
    succeed(log_unmark_packs(back->store, &state, packs, count, &failure));
    succeed(log_take(back->store, &state, log_find(&back->before, "day-3"), NULL, 0, &failure));
    log_state_release(&state);
}

/* What was unmarked between the look at it and the record that removes it is looked at again. */
static void test_unmarked_before_the_removal(void **context)
{
    struct storage *memory = memory_storage_new();

    (void)context;
    sample_store_make(memory);

    struct storage *recording = recording_storage_new(memory);
    struct store *store = sample_store_open(recording);
    struct comer_back back = {store, {.sequence = 0}};

    series_take_days(store, 3);
    succeed(log_read(store, &back.before, &failure));
    series_forget_day(store, 3);
    assert_true(sample_prune(store, &sample_prune_usual).garbage.packs > 0);
    recording_storage_interpose(recording, STORAGE_PUT, come_back, &back);
    sample_prune(store, &sample_prune_now);
    assert_int_equal(series_read_all(store), 3);
    sample_assert_sound(store);
    log_state_release(&back.before);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_removes_beside_an_appender),
        cmocka_unit_test(test_unmarked_before_the_removal),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
