/* SPDX-License-Identifier: MIT */
/*
 * Something is lost of which a snapshot's objects have copies that do without it: prune, check and
 * repair rely on those.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fs/store/log_internal.h"
#include "fs/store/object_reader.h"
#include "fs/store/reach.h"
#include "fs/store/repair.h"
#include "tests/unit/check_samples.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/prune_samples.h"
#include "tests/unit/sample_series.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define IN_FIRST_PIECE 60

/* What becomes of the pack of day 6, against which day 9 is compressed. */
enum fate { GONE, PIECE_DAMAGED };

static void harm(struct store *store, enum fate fate)
{
    struct storage *storage = store_storage(store);
    struct object_reference reference = sample_group_of(store, 6, 0, 0);
    size_t size = 0;

    if (fate == GONE)
        succeed(storage->class->remove(storage, sample_pack_path(storage, &reference), &failure));
    else
        sample_pack_of(storage, &reference, &size)[IN_FIRST_PIECE] ^= 1;
}

static void rename_day(struct store *store, const char *from, const char *to)
{
    struct log_state state = {.sequence = 0};

    succeed(log_read(store, &state, &failure));
    succeed(log_rename(store, &state, from, to, &failure));
    log_state_release(&state);
}

/*
 * Days 3, 6 and 9, of which all contacts differ. "first" is day 9 as it was taken before 6 was
 * harmed, and refers to copies that cannot be read any more; those of day-9 are whole.
 */
static struct store *harmed_store(enum fate fate)
{
    struct store *store = sample_store();
    struct sample_series series;

    series_begin(&series, store);
    for (unsigned day = 3; day <= 9; day += 3)
        series_take(&series, day);
    series_end(&series);
    rename_day(store, "day-9", "first");
    harm(store, fate);
    series_begin(&series, store);
    series_take(&series, 9);
    series_end(&series);
    return store;
}

static void read_first_alone(struct store *store)
{
    series_forget_day(store, 9);
    rename_day(store, "first", "day-9");
    sample_prune(store, &sample_prune_now);
    assert_int_equal(series_read_all(store), 2);
    sample_assert_sound(store);
}

/* Only what was lost is forgotten; then check is content, and prune works. */
static void test_forgotten(void **context)
{
    const struct repair_options options = {.forget_damaged = true,
                                           .check = {.threads = 1, .read_data = true}};

    (void)context;
    for (enum fate fate = GONE; fate <= PIECE_DAMAGED; fate++) {
        struct store *store = harmed_store(fate);
        struct repair_result repaired;

        assert_true(sample_check(store, true).harmful > 0);
        assert_true(check_found("day-6"));
        assert_false(check_found("first"));
        succeed(repair(store, &options, &repaired, &failure));
        assert_int_equal(repaired.forgotten, 1);
        sample_assert_sound(store);
        sample_prune(store, &sample_prune_now);
        sample_assert_sound(store);
        read_first_alone(store);
        store_close(store);
    }
}

/* Without repair: what nobody needs any more is harmless, and keeps prune from nothing. */
static void test_not_repaired(void **context)
{
    (void)context;
    for (enum fate fate = GONE; fate <= PIECE_DAMAGED; fate++) {
        struct store *store = harmed_store(fate);

        series_forget_day(store, 6);
        assert_int_equal(sample_check(store, true).harmful, 0);
        if (fate == GONE)
            read_first_alone(store);
        store_close(store);
    }
}

/* ---- Copies that prune has made ---- */

/* Where else than REFERENCE says the object stands. */
static struct object_reference other_copy(struct store *store,
                                          const struct object_reference *reference)
{
    struct object_reader *reader = sample_reader(store);
    struct log_state state = {.sequence = 0};
    struct object_reference copies[2];
    struct reach *reach;

    succeed(log_read(store, &state, &failure));
    succeed(reach_create(store, reader, &state, NULL, &reach, &failure));
    assert_int_equal(reach_copies(reach, reference->id, REACH_ANY_DEPTH, 2, copies), 2);
    reach_free(reach);
    log_state_release(&state);
    object_reader_free(reader);
    return copies[copies[0].pack_hint == reference->pack_hint];
}

/*
 * What prune has written anew is damaged there while the pack that it is from still waits to go.
 * Which of two packs comes first by name is a matter of chance.
 */
static void test_new_copy_damaged(void **context)
{
    const struct prune_options rewriting = {.grace_ns = PRUNE_GRACE_NS,
                                            .unused = {UNUSED_PERCENT, 0}};
    const struct repair_options options = {.check = {.threads = 1, .read_data = true}};

    (void)context;
    for (int i = 0; i < 8; i++) {
        struct store *store = sample_store();
        struct object_reference reference, copy;
        struct repair_result repaired;
        size_t size = 0;

        series_take_days(store, 12);
        reference = sample_group_of(store, 4, 0, 0);
        for (unsigned day = 1; day <= 12; day++) {
            if (day % 4 != 0)
                series_forget_day(store, day);
        }
        assert_true(sample_prune(store, &rewriting).emptied.packs > 0);
        copy = other_copy(store, &reference);
        sample_pack_of(store_storage(store), &copy, &size)[copy.offset + 20] ^= 1;
        succeed(repair(store, &options, &repaired, &failure));
        assert_false(repaired.lost);
        sample_prune(store, &sample_prune_now);
        sample_prune(store, &sample_prune_now);
        assert_int_equal(series_read_all(store), 3);
        sample_assert_sound(store);
        store_close(store);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forgotten),
        cmocka_unit_test(test_not_repaired),
        cmocka_unit_test(test_new_copy_damaged),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, check_samples_end);
}
