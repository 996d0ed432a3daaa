/* SPDX-License-Identifier: MIT */
/*
 * A prune in the midst of a snapshot, between its packs and the flush of them: it finds in them
 * what other packs hold too. What it then removes of those, a power cut must not make the last
 * there was of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "fs/store/walk.h"
#include "tests/fault/cuts.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/recording_storage.h"

#define ROWS 2000
#define ROUNDS 6 /* which of two copies is found first, the names of their packs decide */

static struct scene *scene;
static unsigned removals;

/* Nothing need be rewritten that is needed for the most part. */
static const struct prune_options leave_most = {.unused = {UNUSED_PERCENT, 30}};

/* What the second day shares with the first one has been moved to another pack. */
static void move_things(struct diary *diary, struct store *store)
{
    struct prune_result result;

    story_take(diary, store, 1);
    story_take(diary, store, 2);
    must(diary_forget(diary, store, 1, NULL) == 0);
    must(prune(store, &scene_prune_now, &result, NULL) == 0);
    must(result.emptied.packs > 0);
}

/* A snapshot of the same rows that relies on nothing, as the last attempts to take one do. */
struct taking {
    struct object_reader *reader;
    struct object_writer *writer;
};

/* A walk_object. */
static int put_again(void *context, const struct object_reference *reference, enum object_type type,
                     const struct walk_place *place)
{
    struct taking *taking = context;
    struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    struct object_put put;

    (void)place;
    if (type != OBJECT_ROW_GROUP)
        return 0;
    must(object_read(taking->reader, reference, type, true, &data, NULL) == 0);
    must(object_put(taking->writer, type, data.data, data.size, NULL, &put, NULL) == 0);
    buffer_release(&data);
    return 0;
}

/* A walk_failed. */
static int refuse(void *context, const struct object_reference *reference, enum object_type type,
                  const struct walk_place *place, const struct failure *failure)
{
    (void)context;
    (void)reference;
    (void)type;
    (void)place;
    (void)failure;
    return -EIO;
}

static void put_all_again(struct object_reader *reader, struct object_batch *batch,
                          const struct snapshot *snapshot)
{
    struct taking taking = {reader, sample_writer(batch)};
    const struct walk walk = {
        .reader = reader, .object = put_again, .failed = refuse, .context = &taking};

    must(walk_snapshot(&walk, snapshot, NULL) == 0);
    sample_writer_finish(taking.writer);
}

static void prune_meanwhile(void *context)
{
    struct prune_result result;

    must(prune(context, &leave_most, &result, NULL) == 0);
    removals += result.removed.packs > 0;
}

/* It comes to its packs, and dies before its record. */
static void take_and_prune(struct diary *diary, struct store *store)
{
    struct storage *storage = recording_storage_beside(diary->recording);
    struct object_reader *reader = sample_reader(store);
    struct object_batch *batch = sample_batch(store, reader);
    struct log_state state = {.sequence = 0};

    must(storage != NULL && log_read(store, &state, NULL) == 0 && state.snapshot_count == 1);

    struct store *other = scene_open(storage);

    object_batch_write_anew(batch);
    put_all_again(reader, batch, &state.snapshots[0]);
    recording_storage_interpose(diary->recording, STORAGE_SYNC, prune_meanwhile, other);
    sample_batch_finish(batch, NULL);
    log_state_release(&state);
    object_reader_free(reader);
    store_close(other);
}

static void test_unflushed(void **context)
{
    const struct story story = {
        .name = "unflushed", .prepare = move_things, .run = take_and_prune, .go_on = 7};

    (void)context;
    for (unsigned round = 0; round < ROUNDS; round++)
        cut_everywhere(scene, &story);
    assert_true(removals > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_unflushed)};
    int failed;

    scene = scene_create(ROWS);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    scene_free(scene);
    return failed;
}
