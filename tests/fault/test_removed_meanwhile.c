/* SPDX-License-Identifier: MIT */
/*
 * A pack that a snapshot relies on is marked by prune while the snapshot is taken, and removed just
 * when the snapshot unmarks it: what is taken rests on nothing that has gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "fs/store/pack.h"
#include "tests/fault/scene.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"

#define ROWS 300

struct meanwhile {
    struct storage *storage;
    struct store *store;
    char pack[PACK_NAME_SIZE];
    bool marked;
    bool removed;
};

/* Between what the snapshot knows and what it writes next. */
static void remove_pack(void *context)
{
    struct meanwhile *meanwhile = context;
    struct log_state state = {.sequence = 0};
    const char *name = meanwhile->pack;

    must(log_read(meanwhile->store, &state, NULL) == 0);
    must(log_remove_packs(meanwhile->store, &state, &name, 1, NULL) == 0);
    log_state_release(&state);
    meanwhile->removed = true;
}

/* When its first pack has been written. */
static void mark_pack(void *context)
{
    struct meanwhile *meanwhile = context;
    struct log_state state = {.sequence = 0};
    const char *name = meanwhile->pack;

    must(log_read(meanwhile->store, &state, NULL) == 0);
    must(log_mark_packs(meanwhile->store, &state, &name, 1, NULL) == 0);
    log_state_release(&state);
    meanwhile->marked = true;
    recording_storage_interpose(meanwhile->storage, STORAGE_PUT, remove_pack, meanwhile);
}

/* The path of the only pack that there is, and its name. */
static const char *find_pack(struct storage *inner, char name[PACK_NAME_SIZE])
{
    const char *found = NULL;

    for (size_t i = 0; i < memory_storage_count(inner); i++) {
        const char *path = memory_storage_name(inner, i);

        if (strncmp(path, "packs/", 6) == 0) {
            assert_null(found);
            found = path;
        }
    }
    must(found != NULL);
    snprintf(name, PACK_NAME_SIZE, "%s", strrchr(found, '/') + 1);
    return found;
}

static void test_a_pack_that_is_removed_before_it_is_unmarked(void **state)
{
    struct scene *scene = scene_create(ROWS);
    struct storage *inner = memory_storage_new();
    struct storage *storage = recording_storage_new(inner);
    struct failure failure = {.code = 0};
    struct meanwhile meanwhile = {.storage = storage};
    char path[PACK_PATH_SIZE];

    (void)state;
    scene_make_store(storage);
    meanwhile.store = scene_open(storage);
    assert_int_equal(scene_take(scene, meanwhile.store, "one", 1, &failure), 0);
    snprintf(path, sizeof path, "%s", find_pack(inner, meanwhile.pack));
    recording_storage_interpose(storage, STORAGE_COMMIT, mark_pack, &meanwhile);
    assert_int_equal(scene_take(scene, meanwhile.store, "two", 2, &failure), 0);
    assert_true(meanwhile.marked && meanwhile.removed);
    assert_int_equal(scene_forget(meanwhile.store, "one", &failure), 0);
    assert_int_equal(storage->class->remove(storage, path, &failure), 0);
    assert_int_equal(scene_read_all(scene, meanwhile.store, &failure), 1);
    store_close(meanwhile.store);
    scene_free(scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_pack_that_is_removed_before_it_is_unmarked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
