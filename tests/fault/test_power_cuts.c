/* SPDX-License-Identifier: MIT */
/* A power cut at every point of whatever one process does to a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "fs/store/keys.h"
#include "fs/store/recovery_key.h"
#include "fs/store/repair.h"
#include "tests/fault/cuts.h"
#include "tests/unit/cheap_pwhash.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"

#define ROWS 300

static struct scene *scene;

static void prepare_three(struct diary *diary, struct store *store)
{
    for (unsigned day = 1; day <= 3; day++)
        story_take(diary, store, day);
}

static void test_takes(void **context)
{
    (void)context;
    cut_everywhere(scene,
                   &(struct story){.name = "takes", .run = prepare_three, .every_cut = true});
}

static void run_fourth(struct diary *diary, struct store *store)
{
    story_take(diary, store, 4);
}

/* The fourth index of a size: all are merged into one. */
static void test_merge(void **context)
{
    (void)context;
    cut_everywhere(scene,
                   &(struct story){.name = "merge", .prepare = prepare_three, .run = run_fourth});
}

static void run_changes(struct diary *diary, struct store *store)
{
    must(diary_rename(diary, store, 1, "renamed", NULL) == 0);
    must(diary_forget(diary, store, 2, NULL) == 0);
    must(diary_rename(diary, store, 3, "day 2", NULL) == 0);
    must(diary_rename(diary, store, 1, "day 1", NULL) == 0);
    must(diary_forget(diary, store, 3, NULL) == 0);
}

static void test_changes(void **context)
{
    (void)context;
    cut_everywhere(
        scene,
        &(struct story){.name = "forget and rename", .prepare = prepare_three, .run = run_changes});
}

static void prepare_garbage(struct diary *diary, struct store *store)
{
    for (unsigned day = 1; day <= 7; day++)
        story_take(diary, store, day);
    for (unsigned day = 1; day <= 7; day++) {
        if (day % 3 != 0)
            must(diary_forget(diary, store, day, NULL) == 0);
    }
}

/* What is marked is removed by a later prune, which is not the first to find it. */
static void run_prunes(struct diary *diary, struct store *store)
{
    const struct prune_options mark = {.grace_ns = PRUNE_GRACE_NS, .unused = {UNUSED_PERCENT, 0}};

    (void)diary;
    story_prune(store, &mark);
    story_prune(store, &scene_prune_now);
}

static void test_prune(void **context)
{
    (void)context;
    cut_everywhere(scene,
                   &(struct story){.name = "prune", .prepare = prepare_garbage, .run = run_prunes});
}

static void run_forget_all(struct diary *diary, struct store *store)
{
    must(diary_forget(diary, store, 3, NULL) == 0);
    must(diary_forget(diary, store, 6, NULL) == 0);
    story_prune(store, &scene_prune_now);
}

static void test_prune_all(void **context)
{
    (void)context;
    cut_everywhere(scene, &(struct story){.name = "prune of everything",
                                          .prepare = prepare_garbage,
                                          .run = run_forget_all});
}

/* A mark that was wrong: every pack is marked, and needed. */
static void prepare_wrong_marks(struct diary *diary, struct store *store)
{
    struct storage *inner = recording_storage_inner(diary->recording);
    struct log_state state = {.sequence = 0};

    const char *packs[16];
    size_t count = 0;

    prepare_three(diary, store);
    must(log_read(store, &state, NULL) == 0);
    for (size_t i = 0; i < memory_storage_count(inner); i++) {
        const char *name = memory_storage_name(inner, i);

        if (strncmp(name, "packs/", 6) == 0 && count < 16)
            packs[count++] = strrchr(name, '/') + 1;
    }
    must(log_mark_packs(store, &state, packs, count, NULL) == 0);
    log_state_release(&state);
}

static void run_fourth_and_prune(struct diary *diary, struct store *store)
{
    story_take(diary, store, 4);
    story_prune(store, &scene_prune_now);
}

static void test_wrong_marks(void **context)
{
    (void)context;
    cut_everywhere(scene, &(struct story){.name = "unmark",
                                          .prepare = prepare_wrong_marks,
                                          .run = run_fourth_and_prune});
}

static void rename_often(struct store *store, unsigned times)
{
    for (unsigned i = 0; i < times; i++) {
        must(scene_rename(store, "day 2", "for a while", NULL) == 0);
        must(scene_rename(store, "for a while", "day 2", NULL) == 0);
    }
}

static void prepare_checkpoint(struct diary *diary, struct store *store)
{
    prepare_three(diary, store);
    rename_often(store, 28);
}

static void run_checkpoint(struct diary *diary, struct store *store)
{
    for (unsigned day = 4; day <= 8; day++)
        story_take(diary, store, day);
}

static void test_checkpoint(void **context)
{
    (void)context;
    cut_everywhere(scene, &(struct story){.name = "checkpoint",
                                          .prepare = prepare_checkpoint,
                                          .run = run_checkpoint});
}

static void prepare_old_log(struct diary *diary, struct store *store)
{
    prepare_three(diary, store);
    rename_often(store, 70);
}

static void run_prune_log(struct diary *diary, struct store *store)
{
    (void)diary;
    story_prune(store, &scene_prune_now);
}

static void test_old_log(void **context)
{
    (void)context;
    cut_everywhere(scene, &(struct story){.name = "prune of the log",
                                          .prepare = prepare_old_log,
                                          .run = run_prune_log,
                                          .go_on = 10});
}

/* Without indexes, and with checkpoints that do not open. */
static void prepare_blemishes(struct diary *diary, struct store *store)
{
    struct storage *inner = recording_storage_inner(diary->recording);

    prepare_three(diary, store);
    rename_often(store, 64);
    for (size_t i = memory_storage_count(inner); i-- > 0;) {
        const char *name = memory_storage_name(inner, i);
        size_t size;
        uint8_t *bytes = memory_storage_bytes(inner, name, &size);

        if (strncmp(name, "checkpoints/", 12) == 0)
            bytes[size / 2] ^= 1;
        if (strncmp(name, "index/", 6) == 0)
            must(inner->class->remove(inner, name, NULL) == 0);
    }
}

static void run_repair(struct diary *diary, struct store *store)
{
    const struct repair_options options = {.forget_damaged = false};
    struct repair_result result;

    (void)diary;
    must(repair(store, &options, &result, NULL) == 0);
    must(result.checkpoints_removed > 0 && result.checkpoint_written && result.objects > 0);
}

static void test_repair(void **context)
{
    (void)context;
    cut_everywhere(scene, &(struct story){.name = "repair",
                                          .prepare = prepare_blemishes,
                                          .run = run_repair,
                                          .blemished = true});
}

/* ---- Keys ---- */

/* A passphrase, and when it began and ceased to open the store. */
struct key {
    struct store_passphrase passphrase;
    uint8_t id[KEY_SLOT_ID_BYTES];
    size_t added[2]; /* begun, acknowledged: a number of operations; DIARY_NOW: not yet */
    size_t removed[2];
};

#define NEVER                \
    {                        \
        DIARY_NOW, DIARY_NOW \
    }
#define KEY(text, ...)                                                                 \
    {                                                                                  \
        .passphrase = {text, sizeof(text) - 1}, .added = __VA_ARGS__, .removed = NEVER \
    }

static char recovery_symbols[RECOVERY_KEY_SYMBOLS];

/* The last is a recovery key. */
static struct key keys[] = {
    KEY("correct horse", {0, 0}),
    KEY("second", NEVER),
    KEY("third", NEVER),
    {.passphrase = {recovery_symbols, RECOVERY_KEY_SYMBOLS}, .added = NEVER, .removed = NEVER},
};

static size_t operations(const struct diary *diary)
{
    return recording_storage_count(diary->recording);
}

static void add_key(struct diary *diary, struct store *store, struct key *key, enum key_kind kind)
{
    const struct key_options options = {.kind = kind,
                                        .cost = {.passes = 1, .memory_bytes = KEY_MEMORY_LEAST}};

    key->added[0] = operations(diary);
    must(store_key_add(store, &options, &key->passphrase, key->id, NULL) == 0);
    key->added[1] = operations(diary);
}

static void run_keys(struct diary *diary, struct store *store)
{
    add_key(diary, store, &keys[1], KEY_PASSPHRASE);
    add_key(diary, store, &keys[3], KEY_RECOVERY);
    keys[0].removed[0] = keys[2].added[0] = operations(diary);
    must(store_key_change(store, &keys[2].passphrase, keys[2].id, NULL) == 0);
    keys[0].removed[1] = keys[2].added[1] = operations(diary);
    keys[1].removed[0] = operations(diary);
    must(store_key_remove(store, keys[1].id, NULL) == 0);
    keys[1].removed[1] = operations(diary);
}

/* Also by a slot that the log does not call removed. */
static bool opens(struct storage *found, const struct store_passphrase *passphrase)
{
    struct storage *copy = memory_storage_copy(found);
    struct log_state state = {.sequence = 0};
    struct store *store = NULL;
    int error = store_open(copy, passphrase, &store, NULL);

    must(error == 0 || error == -EKEYREJECTED);
    if (error != 0) {
        copy->class->close(copy);
        return false;
    }
    must(log_read(store, &state, NULL) == 0);
    error = store_leave_removed(store, &state, passphrase, NULL);
    must(error == 0 || error == -EKEYREVOKED);
    log_state_release(&state);
    store_close(store);
    return error == 0;
}

static void verify_keys(struct storage *found, size_t point)
{
    bool any = false;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const struct key *key = &keys[i];
        bool opened = opens(found, &key->passphrase);

        must(opened || key->added[1] > point || key->removed[0] <= point);
        must(!opened || (key->added[0] <= point && key->removed[1] > point));
        any = any || opened;
    }
    must(any);
}

static void test_keys(void **context)
{
    char text[RECOVERY_KEY_TEXT_SIZE];

    (void)context;
    recovery_key_make(text);
    assert_int_equal(recovery_key_read(text, strlen(text), recovery_symbols), 0);
    cut_everywhere(scene, &(struct story){.name = "keys",
                                          .prepare = prepare_three,
                                          .run = run_keys,
                                          .verify = verify_keys,
                                          .blemished = true}); /* removed, and still there */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes),      cmocka_unit_test(test_merge),
        cmocka_unit_test(test_changes),    cmocka_unit_test(test_prune),
        cmocka_unit_test(test_prune_all),  cmocka_unit_test(test_wrong_marks),
        cmocka_unit_test(test_checkpoint), cmocka_unit_test(test_old_log),
        cmocka_unit_test(test_repair),     cmocka_unit_test(test_keys),
    };
    int failed;

    scene = scene_create(ROWS);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    scene_free(scene);
    return failed;
}
