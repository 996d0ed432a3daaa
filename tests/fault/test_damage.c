/* SPDX-License-Identifier: MIT */
/*
 * A small store in which something was changed behind crmfs's back: every byte of every
 * file, its length, its place, its age. What is read then is right or refused, never wrong;
 * and check() finds it, unless nothing was lost that a store could know of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/header.h"
#include "fs/store/index.h"
#include "fs/store/keys.h"
#include "fs/store/log_internal.h"
#include "fs/store/pack.h"
#include "tests/fault/scene.h"
#include "tests/fault/spread.h"
#include "tests/unit/cheap_pwhash.h"
#include "tests/unit/memory_storage.h"

#define ROWS 40
#define SNAPSHOTS 1

static struct scene *scene;
static struct storage *sound; /* two packs, two keys, an index, a checkpoint, records after it */
static struct storage *older; /* an older state of it */

static const struct store_passphrase other_passphrase = {"battery staple", 14};

/* ---- The store ---- */

static void add_key(struct store *store)
{
    const struct key_options options = {.cost = {.passes = 1, .memory_bytes = KEY_MEMORY_LEAST}};
    uint8_t id[KEY_SLOT_ID_BYTES];

    must(store_key_add(store, &options, &other_passphrase, id, NULL) == 0);
}

static void write_checkpoint(struct store *store)
{
    struct log_state state = {.sequence = 0};

    must(log_read(store, &state, NULL) == 0);
    must(checkpoint_write(store, &state, NULL) == 0);
    log_state_release(&state);
}

/* Day 2, compressed against what prune has kept of day 1, in another pack. */
static void make_store(void)
{
    struct storage *storage = memory_storage_new();
    struct store *store;
    struct prune_result result;

    scene_make_store(storage);
    store = scene_open(storage);
    for (unsigned day = 1; day <= 2; day++) {
        char name[8];

        snprintf(name, sizeof name, "%u", day);
        must(scene_take(scene, store, name, day, NULL) == 0);
        if (day == 1) {
            add_key(store);
            write_checkpoint(store);
            older = memory_storage_copy(storage);
        }
    }
    must(scene_forget(store, "1", NULL) == 0);
    must(prune(store, &scene_prune_now, &result, NULL) == 0 && result.removed.packs == 1);
    write_checkpoint(store);
    must(scene_rename(store, "2", "second", NULL) == 0);
    must(scene_read_all(scene, store, NULL) == SNAPSHOTS);
    scene_check(store, SCENE_ANY);
    sound = memory_storage_copy(storage);
    store_close(store);
}

static size_t files(void)
{
    return memory_storage_count(sound);
}

static bool is_below(const char *name, const char *folder)
{
    return strncmp(name, folder, strlen(folder)) == 0;
}

/* ---- A child's own ---- */

static void *patient_begin(void *context)
{
    return scene_copy_begin(context, sound);
}

enum { TRIED, READ, REFUSED, UNNOTICED, OPENED };

static bool opens(struct scene_copy *patient, const struct store_passphrase *passphrase)
{
    struct storage *copy = memory_storage_copy(patient->storage);
    struct store *store = NULL;
    struct failure failure = {.code = 0};
    int error = store_open(copy, passphrase, &store, &failure);

    if (error == 0) {
        store_close(store);
        return true;
    }
    must(failure.code == -error && failure.text[0] != '\0');
    copy->class->close(copy);
    return false;
}

/* Reads everything: all of it is right, or it is refused in words. False: refused. */
static bool reads(struct scene_copy *patient)
{
    struct failure failure = {.code = 0};
    int count = scene_read_all(scene, patient->store, &failure);

    if (count < 0)
        must(failure.code != 0 && failure.text[0] != '\0');
    must(count < 0 || count == SNAPSHOTS);
    return count >= 0;
}

/* What must be found, whatever it is that NAME is of. */
static void examine(struct scene_copy *patient, const char *name, struct tally *tally)
{
    bool read;

    tally->numbers[TRIED]++;
    if (strcmp(name, "store") == 0) { /* nobody gets further */
        must(!opens(patient, &scene_passphrase));
        tally->numbers[REFUSED]++;
        return;
    }
    if (is_below(name, "keys/") && tally->numbers[TRIED] % 8 == 0) /* it takes long */
        must(!opens(patient, &scene_passphrase) || !opens(patient, &other_passphrase));
    read = reads(patient);
    must(scene_check(patient->store, SCENE_NOTHING).findings > 0);
    must(read || scene_check(patient->store, SCENE_NOTHING).harmful > 0);
    tally->numbers[read ? READ : REFUSED]++;
}

static void say(const char *what, const struct tally *tally)
{
    const uint64_t *numbers = tally->numbers;

    print_message("%s: %llu tries: %llu read all the same, %llu refused, of them %llu that check "
                  "need not find; of %llu more only the file was opened, and refused\n",
                  what, (unsigned long long)numbers[TRIED], (unsigned long long)numbers[READ],
                  (unsigned long long)numbers[REFUSED], (unsigned long long)numbers[UNNOTICED],
                  (unsigned long long)numbers[OPENED]);
}

static void spread(const char *what, spread_try *attempt, size_t count)
{
    const struct spread spread = {patient_begin, attempt, scene_copy_end, NULL};
    struct tally tally;

    assert_true(spread_over(&spread, count, &tally));
    assert_int_equal(tally.numbers[TRIED], SPREAD_TRIES(count));
    say(what, &tally);
}

/* ---- Every byte ---- */

#define MAGIC 8   /* bytes of a file of which every bit is flipped; of the header all are */
#define NEAR 64   /* bytes from an end that are examined, every one */
#define EVERY 101 /* of those between: so manieth; of the others, only the file is opened */

struct flip {
    size_t file;
    size_t at;
    uint8_t bit;
};

static size_t objects_end; /* bytes of the packs before which all their objects end */
static struct flip *flips;
static size_t flip_count;

static void add_flips(size_t file, size_t size)
{
    size_t head = size <= STORE_HEADER_BYTES ? size : MAGIC;
    size_t most = flip_count + size + head * 7;

    struct flip *more = reallocarray(flips, most, sizeof *more);

    assert_non_null(more);
    flips = more;
    for (size_t at = 0; at < size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if (at < head || bit == at % 8)
                flips[flip_count++] = (struct flip){file, at, (uint8_t)(1u << bit)};
        }
    }
}

static int ignore_entry(void *context, const struct pack_entry *entry)
{
    (void)context;
    (void)entry;
    return 0;
}

/* What opening the one file says. */
static int open_file(struct scene_copy *patient, const char *name)
{
    const char *leaf = strrchr(name, '/') + 1;
    struct log_entry entry;
    struct log_state state;
    uint8_t hash[LOG_HASH_BYTES];
    struct failure failure;

    if (is_below(name, "index/"))
        return index_check(patient->store, leaf, &failure);
    if (is_below(name, "packs/"))
        return pack_visit_objects(patient->store, leaf, ignore_entry, NULL, &failure);
    if (is_below(name, "log/"))
        return log_record_read(patient->store, strtoull(leaf, NULL, 10), &entry, hash, &failure);
    must(is_below(name, "checkpoints/"));
    return checkpoint_read(patient->store, strtoull(leaf, NULL, 10), &state, &failure);
}

/* All of the header and of key slots, and of a pack its objects. */
static bool is_examined(const struct flip *flip, const char *name, size_t size)
{
    size_t near = is_below(name, "packs/") ? objects_end : NEAR;

    return size <= KEY_SLOT_BYTES || flip->at < near || flip->at + NEAR >= size ||
           flip->at % EVERY == 0;
}

static void try_flip(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;
    const struct flip *flip = &flips[number];
    const char *name = memory_storage_name(sound, flip->file);
    size_t size;
    uint8_t *byte;

    /* Nothing else changes it: it is put right afterwards. */
    byte = memory_storage_bytes(patient->storage, name, &size) + flip->at;
    *byte ^= flip->bit;
    if (is_examined(flip, name, size)) {
        examine(patient, name, tally);
    } else {
        must(open_file(patient, name) == -EBADMSG);
        tally->numbers[TRIED]++;
        tally->numbers[OPENED]++;
    }
    *byte ^= flip->bit;
}

/* A pack_visit. */
static int note_end(void *context, const struct pack_entry *entry)
{
    size_t *end = context;
    size_t here = (size_t)entry->reference.offset + entry->reference.sealed_size;

    *end = here > *end ? here : *end;
    return 0;
}

static void find_objects_end(void)
{
    struct scene_copy *patient = patient_begin(NULL);

    for (size_t i = 0; i < files(); i++) {
        const char *name = memory_storage_name(sound, i);

        if (is_below(name, "packs/"))
            must(pack_visit_objects(patient->store, strrchr(name, '/') + 1, note_end, &objects_end,
                                    NULL) == 0);
    }
    scene_copy_end(patient);
    must(objects_end > 0 && objects_end < 8192);
}

static void test_every_byte(void **context)
{
    (void)context;
    find_objects_end();
    for (size_t i = 0; i < files(); i++) {
        size_t size;

        memory_storage_bytes(sound, memory_storage_name(sound, i), &size);
        add_flips(i, size);
    }
    spread("bytes flipped", try_flip, flip_count);
    free(flips);
}

/* ---- Lengths ---- */

static const size_t longer[] = {1, 16, 64, 1024, 8208, 65536};

#define CUTS 14
#define LENGTHS (CUTS + sizeof longer / sizeof *longer)

static size_t length_of(size_t size, size_t number)
{
    const size_t cuts[CUTS] = {
        0,         1,         7,         8,         39,       40, 41, size / 2, size / 64 * 32,
        size - 64, size - 33, size - 32, size - 16, size - 1,
    };

    return number < CUTS ? cuts[number] : size + longer[number - CUTS];
}

static void try_length(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;
    const char *name = memory_storage_name(sound, number / LENGTHS);
    size_t size;
    const uint8_t *bytes = memory_storage_bytes(sound, name, &size);
    size_t length = length_of(size, number % LENGTHS);
    uint8_t *changed = calloc(1, length + 1);

    must(changed != NULL);
    memcpy(changed, bytes, length < size ? length : size);
    memory_storage_assign(patient->storage, sound);
    memory_storage_set(patient->storage, name, changed, length);
    free(changed);
    examine(patient, name, tally);
    memory_storage_assign(patient->storage, sound);
}

static void test_every_length(void **context)
{
    (void)context;
    spread("lengths changed", try_length, files() * LENGTHS);
}

/* ---- Places ---- */

/* One file's content under the name of another, of its kind or not. */
static void try_copy(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;
    const char *to = memory_storage_name(sound, number / files());
    const char *from = memory_storage_name(sound, number % files());
    size_t size;
    const uint8_t *bytes = memory_storage_bytes(sound, from, &size);

    if (to == from) {
        tally->numbers[TRIED]++;
        return;
    }
    memory_storage_assign(patient->storage, sound);
    memory_storage_set(patient->storage, to, bytes, size);
    examine(patient, to, tally);
    memory_storage_assign(patient->storage, sound);
}

static void test_other_places(void **context)
{
    (void)context;
    spread("put in another's place", try_copy, files() * files());
}

static void try_swap(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;
    const char *one = memory_storage_name(sound, number / files());
    const char *other = memory_storage_name(sound, number % files());
    size_t one_size;
    size_t other_size;
    const uint8_t *one_bytes = memory_storage_bytes(sound, one, &one_size);
    const uint8_t *other_bytes = memory_storage_bytes(sound, other, &other_size);

    if (one == other) {
        tally->numbers[TRIED]++;
        return;
    }
    memory_storage_assign(patient->storage, sound);
    memory_storage_set(patient->storage, one, other_bytes, other_size);
    memory_storage_set(patient->storage, other, one_bytes, one_size);
    examine(patient, strcmp(other, "store") == 0 ? other : one, tally);
    memory_storage_assign(patient->storage, sound);
}

static void test_swapped(void **context)
{
    (void)context;
    spread("swapped", try_swap, files() * files());
}

/* ---- Gone ---- */

/*
 * What prune and `crmfs key remove` take away, nobody misses; nor does a client without memory
 * miss the newest record. Anything else that is gone is found.
 */
static void try_removal(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;
    const char *name = memory_storage_name(sound, number);
    bool newest =
        is_below(name, "log/") && !is_below(memory_storage_name(sound, number + 1), "log/");

    memory_storage_assign(patient->storage, sound);
    must(patient->storage->class->remove(patient->storage, name, NULL) == 0);
    if (strcmp(name, "store") == 0 || is_below(name, "packs/")) {
        examine(patient, name, tally);
    } else {
        bool read = reads(patient);
        uint64_t harmful = scene_check(patient->store, SCENE_NOTHING).harmful;

        must(read || harmful > 0);
        must(!newest || read);
        tally->numbers[TRIED]++;
        tally->numbers[read ? READ : REFUSED]++;
        tally->numbers[UNNOTICED] += harmful == 0;
    }
    memory_storage_assign(patient->storage, sound);
}

static void test_removed(void **context)
{
    (void)context;
    spread("removed", try_removal, files());
}

/* ---- Older ---- */

/* A file that was removed since, put back: it leads nowhere, and takes nothing away. */
static void try_put_back(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;
    const char *name = memory_storage_name(older, number);
    size_t size;
    const uint8_t *bytes = memory_storage_bytes(older, name, &size);

    memory_storage_assign(patient->storage, sound);
    memory_storage_set(patient->storage, name, bytes, size);
    must(reads(patient));
    scene_check(patient->store, SCENE_HARMFUL);
    tally->numbers[TRIED]++;
    tally->numbers[READ]++;
    memory_storage_assign(patient->storage, sound);
}

static void test_put_back(void **context)
{
    (void)context;
    spread("put back from before", try_put_back, memory_storage_count(older));
}

static int read_log(struct store *store)
{
    struct log_state state = {.sequence = 0};
    struct failure failure = {.code = 0};
    int error = log_read(store, &state, &failure);

    log_state_release(&state);
    return error;
}

/*
 * All of an older state, and the newest records taken away one by one. Who saw more refuses it, and
 * who did not reads what was true then.
 */
static void test_rolled_back(void **context)
{
    struct scene_copy *patient = patient_begin(NULL);
    char state[] = "/tmp/crmfs-test-state-XXXXXX";
    char command[64];
    unsigned taken = 0;

    (void)context;
    assert_non_null(mkdtemp(state));
    assert_int_equal(setenv("XDG_STATE_HOME", state, 1), 0);
    assert_int_equal(read_log(patient->store), 0);
    for (size_t i = files(); i-- > 0;) {
        const char *name = memory_storage_name(sound, i);

        if (!is_below(name, "log/"))
            continue;
        assert_int_equal(patient->storage->class->remove(patient->storage, name, NULL), 0);
        assert_true(read_log(patient->store) == -ESTALE || read_log(patient->store) == -EBADMSG);
        taken++;
    }
    assert_true(taken > 1);
    memory_storage_assign(patient->storage, older);
    assert_int_equal(read_log(patient->store), -ESTALE);
    memory_storage_assign(patient->storage, sound);
    assert_int_equal(read_log(patient->store), 0);
    memory_storage_assign(patient->storage, older);
    unsetenv("XDG_STATE_HOME");
    assert_int_equal(scene_read_all(scene, patient->store, NULL), 1); /* day 1 */
    scene_check(patient->store, SCENE_ANY);
    snprintf(command, sizeof command, "rm -r %s", state);
    assert_int_equal(system(command), 0); // NOLINT(cert-env33-c)
    scene_copy_end(patient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte),   cmocka_unit_test(test_every_length),
        cmocka_unit_test(test_other_places), cmocka_unit_test(test_swapped),
        cmocka_unit_test(test_removed),      cmocka_unit_test(test_put_back),
        cmocka_unit_test(test_rolled_back),
    };
    int failed;

    scene = scene_create(ROWS);
    make_store();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    sound->class->close(sound);
    older->class->close(older);
    scene_free(scene);
    return failed;
}
