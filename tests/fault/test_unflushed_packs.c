/* SPDX-License-Identifier: MIT */
/*
 * A writer has put a pack, and dies before it has flushed it. What others meanwhile found in it,
 * and let something rest on, a power cut must not take away once that was acknowledged: a writer
 * that finds there what an object is compressed against, one that finds it in an index that repair
 * has made, repair itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/index_rebuild.h"
#include "fs/store/misnamed.h"
#include "fs/store/repair.h"
#include "tests/fault/scene.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/recording_storage.h"

#define SIZE ((size_t)50000)
#define ROWS 300
#define CHOICES 8 /* of what was in flight */

/* Processes on one storage. */
struct parties {
    struct storage *inner;
    struct storage *recording;
    struct storage *begun; /* what there was when the record began */
    struct store *store;
    struct store *dying; /* the store as the process has it that dies */
    struct object_reader *reader;
    struct object_reader *dying_reader;
};

static void parties_begin(struct parties *parties)
{
    parties->inner = memory_storage_new();
    scene_make_store(parties->inner);
    parties->recording = recording_storage_new(parties->inner);
    parties->store = scene_open(parties->recording);
    parties->dying = scene_open(recording_storage_beside(parties->recording));
    parties->reader = sample_reader(parties->store);
    parties->dying_reader = sample_reader(parties->dying);
    parties->begun = NULL;
}

static void remove_file(struct parties *parties, const char *name)
{
    assert_int_equal(parties->inner->class->remove(parties->inner, name, NULL), 0);
}

static void record_from_here(struct parties *parties)
{
    recording_storage_forget(parties->recording);
    parties->begun = memory_storage_copy(parties->inner);
}

static void parties_end(struct parties *parties)
{
    object_reader_free(parties->reader);
    object_reader_free(parties->dying_reader);
    store_close(parties->dying);
    store_close(parties->store);
    parties->begun->class->close(parties->begun);
}

/* What a power cut at POINT leaves. */
static struct storage *cut(struct parties *parties, const struct replay *how)
{
    struct storage *found = memory_storage_copy(parties->begun);

    assert_int_equal(recording_storage_replay(parties->recording, how, found, NULL, NULL), 0);
    return found;
}

/* After all was acknowledged, and the other one has died: nothing in flight is there, or all is. */
static void assert_readable(struct parties *parties, const struct sample *sample)
{
    for (int kept = 0; kept < 2; kept++) {
        const struct replay how = {.point = recording_storage_count(parties->recording),
                                   .fate = kept ? REPLAY_KEPT : REPLAY_DROPPED};
        struct store *store = scene_open(cut(parties, &how));
        struct object_reader *reader = sample_reader(store);

        assert_int_equal(sample_read(reader, sample), 0);
        object_reader_free(reader);
        store_close(store);
    }
}

static struct sample put_one(struct object_batch *batch, unsigned version,
                             const struct sample *parent)
{
    struct object_writer *writer = sample_writer(batch);
    struct sample sample =
        sample_put(writer, OBJECT_ROW_GROUP, sample_data(1, version, SIZE), SIZE, parent);

    sample_writer_finish(writer);
    return sample;
}

static struct sample put_durably(struct parties *parties, unsigned version,
                                 const struct sample *parent)
{
    struct object_batch *batch = sample_batch(parties->store, parties->reader);
    struct sample sample = put_one(batch, version, parent);

    sample_batch_finish(batch, NULL);
    return sample;
}

/* By the one that dies: its pack can be seen. It goes no further. */
static struct sample put_and_die(struct parties *parties, unsigned version)
{
    struct object_batch *batch = sample_batch(parties->dying, parties->dying_reader);
    struct sample sample = put_one(batch, version, NULL);

    assert_int_equal(object_batch_end_pack(batch, NULL), 0);
    object_batch_free(batch);
    return sample;
}

/* The predecessor was forgotten and pruned while the next version is on its way. */
static void test_parent(void **context)
{
    struct parties parties;

    (void)context;
    parties_begin(&parties);

    struct sample first = put_durably(&parties, 0, NULL);

    remove_file(&parties, sample_only_file(parties.inner, "packs"));
    sample_remove_indexes(parties.inner);
    record_from_here(&parties);

    struct sample again = put_and_die(&parties, 0);
    struct sample next = put_durably(&parties, 1, &first);

    assert_int_equal(sample_head(parties.reader, &next).place.depth, 1);
    assert_readable(&parties, &next);
    sample_release(&first);
    sample_release(&again);
    sample_release(&next);
    parties_end(&parties);
}

/* The same of what that is compressed against, further on. */
static void test_ancestor(void **context)
{
    struct parties parties;
    struct sample versions[3];

    (void)context;
    parties_begin(&parties);
    versions[0] = put_durably(&parties, 0, NULL);

    char *root = strdup(sample_only_file(parties.inner, "packs"));

    versions[1] = put_durably(&parties, 1, &versions[0]);
    versions[2] = put_durably(&parties, 2, &versions[1]);
    remove_file(&parties, root);
    sample_remove_indexes(parties.inner);
    record_from_here(&parties);

    struct sample again = put_and_die(&parties, 0);
    struct sample next = put_durably(&parties, 3, &versions[2]);

    assert_int_equal(sample_head(parties.reader, &next).place.depth, 3);
    assert_readable(&parties, &next);
    free(root);
    sample_release_all(versions, 3);
    sample_release(&again);
    sample_release(&next);
    parties_end(&parties);
}

/* Indexes are made again, of all packs that can be seen. */
static void test_rebuilt_index(void **context)
{
    struct parties parties;
    struct index_rebuilt rebuilt;

    (void)context;
    parties_begin(&parties);
    record_from_here(&parties);

    struct sample dying = put_and_die(&parties, 0);

    assert_int_equal(index_rebuild(parties.store, &rebuilt, NULL), 0);
    assert_int_equal(rebuilt.objects, 1);

    struct sample same = put_durably(&parties, 0, NULL);

    assert_int_equal(same.stored_bytes, 0);
    assert_readable(&parties, &same);
    sample_release(&dying);
    sample_release(&same);
    parties_end(&parties);
}

/* ---- Two repairs ---- */

static void put_back_meanwhile(void *context)
{
    struct misnamed_result put;

    assert_int_equal(misnamed_put_back(context, &put, NULL), 0);
}

/* One of them has put the pack under its own name, and the other removes what it was copied from.
 */
static void test_put_back(void **context)
{
    struct parties parties;
    struct misnamed_result put;

    (void)context;
    parties_begin(&parties);

    struct sample sample = put_durably(&parties, 0, NULL);
    char *name = strdup(sample_only_file(parties.inner, "packs"));
    size_t size;
    const uint8_t *bytes = memory_storage_bytes(parties.inner, name, &size);

    memory_storage_set(parties.inner, "packs/moved", bytes, size);
    remove_file(&parties, name);
    free(name);
    record_from_here(&parties);
    recording_storage_interpose(parties.recording, STORAGE_SYNC, put_back_meanwhile, parties.store);
    assert_int_equal(misnamed_put_back(parties.dying, &put, NULL), 0);

    struct replay how = {.fate = REPLAY_CHOSEN};

    for (; how.point <= recording_storage_count(parties.recording); how.point++) {
        for (how.choice = 0; how.choice < CHOICES; how.choice++) {
            struct store *store = scene_open(cut(&parties, &how));
            struct object_reader *reader = sample_reader(store);

            assert_int_equal(misnamed_put_back(store, &put, NULL), 0);
            assert_int_equal(sample_read(reader, &sample), 0);
            object_reader_free(reader);
            store_close(store);
        }
    }
    sample_release(&sample);
    parties_end(&parties);
}

/*
 * A whole copy takes the place of a damaged pack, or of another pack: at every moment one of the
 * files is there that the next repair needs.
 */
static void replace_damaged(bool exchanged)
{
    struct parties parties;
    struct misnamed_result put;

    parties_begin(&parties);

    struct sample sample = put_durably(&parties, 0, NULL);
    char *name = strdup(sample_only_file(parties.inner, "packs"));
    size_t size;
    uint8_t *bytes = memory_storage_bytes(parties.inner, name, &size);

    memory_storage_set(parties.inner, "packs/moved", bytes, size);
    bytes[exchanged ? 0 : 100] ^= 1;
    record_from_here(&parties);
    assert_int_equal(misnamed_put_back(parties.dying, &put, NULL), 0);
    assert_int_equal(put.put_back, 1);
    assert_int_equal(put.set_aside, exchanged);

    struct replay how = {.fate = REPLAY_CHOSEN};

    for (; how.point <= recording_storage_count(parties.recording); how.point++) {
        for (how.choice = 0; how.choice < CHOICES; how.choice++) {
            struct store *store = scene_open(cut(&parties, &how));
            struct object_reader *reader = sample_reader(store);

            assert_int_equal(misnamed_put_back(store, &put, NULL), 0);
            assert_int_equal(sample_read(reader, &sample), 0);
            assert_null(memory_storage_bytes(store_storage(store), "packs/moved", &size));
            object_reader_free(reader);
            store_close(store);
        }
    }
    free(name);
    sample_release(&sample);
    parties_end(&parties);
}

static void test_replaced(void **context)
{
    (void)context;
    replace_damaged(false);
    replace_damaged(true);
}

/* ---- A snapshot that is found again while it is being taken ---- */

struct recovering {
    struct store *store;
    struct storage *recording;
    size_t recovered;
    size_t point; /* when that was acknowledged */
};

static void recover_meanwhile(void *context)
{
    const struct repair_options options = {.drop_records = true, .check = {.threads = 1}};
    struct recovering *recovering = context;
    struct repair_result result;

    assert_int_equal(repair(recovering->store, &options, &result, NULL), 0);
    recovering->recovered = result.recovered;
    recovering->point = recording_storage_count(recovering->recording);
}

static void damage_newest_record(struct storage *storage)
{
    const char *newest = NULL;
    size_t size;

    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        if (strncmp(memory_storage_name(storage, i), "log/", 4) == 0)
            newest = memory_storage_name(storage, i);
    }
    assert_non_null(newest);
    memory_storage_bytes(storage, newest, &size)[100] ^= 1;
}

static void take_while_recovered(void *context)
{
    struct recovering *recovering = context;

    damage_newest_record(recording_storage_inner(recovering->recording));
    recover_meanwhile(recovering);
}

static void test_recovered(void **context)
{
    struct scene *scene = *context;
    struct parties parties;

    parties_begin(&parties);
    assert_int_equal(scene_take(scene, parties.store, "day 1", 1, NULL), 0);
    assert_int_equal(scene_rename(parties.store, "day 1", "lost", NULL), 0);
    record_from_here(&parties);
    damage_newest_record(parties.begun);

    struct recovering recovering = {.store = parties.store, .recording = parties.recording};

    recording_storage_interpose(parties.recording, STORAGE_SYNC, take_while_recovered, &recovering);
    /* It meets a log that is not the one that it has seen. */
    assert_int_not_equal(scene_take(scene, parties.dying, "day 2", 2, NULL), 0);
    assert_int_equal(recovering.recovered, 1);

    const struct replay how = {.point = recovering.point, .fate = REPLAY_DROPPED};
    struct store *store = scene_open(cut(&parties, &how));

    assert_int_equal(scene_check(store, SCENE_HARMFUL).snapshots, 2);
    store_close(store);
    parties_end(&parties);
}

static int scene_begin(void **context)
{
    *context = scene_create(ROWS);
    return 0;
}

static int scene_end(void **context)
{
    scene_free(*context);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parent),        cmocka_unit_test(test_ancestor),
        cmocka_unit_test(test_rebuilt_index), cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_replaced),      cmocka_unit_test(test_recovered),
    };

    return cmocka_run_group_tests(tests, scene_begin, scene_end);
}
