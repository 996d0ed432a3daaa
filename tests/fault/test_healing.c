/* SPDX-License-Identifier: MIT */
/*
 * Something that stands in the store already is damaged, and a snapshot is taken that needs it: it
 * is stored anew. The new snapshot reads right, and so does the older one of the same rows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/pack.h"
#include "tests/fault/scene.h"
#include "tests/fault/spread.h"
#include "tests/unit/cheap_pwhash.h"
#include "tests/unit/memory_storage.h"

#define ROWS 400
#define DAYS 3 /* each compressed against the one before */

/* Where the piece of an object stands. */
struct piece {
    char pack[PACK_PATH_SIZE];
    size_t offset;
    size_t size;
    enum object_type type;
};

static struct scene *scene;
static struct storage *sound;
static struct piece *pieces;
static size_t piece_count;

static void *patient_begin(void *context)
{
    return scene_copy_begin(context, sound);
}

/* A pack_visit. */
static int note_piece(void *context, const struct pack_entry *entry)
{
    struct piece *more = reallocarray(pieces, piece_count + 1, sizeof *more);

    must(more != NULL);
    pieces = more;
    pieces[piece_count] = (struct piece){.offset = (size_t)entry->reference.offset,
                                         .size = entry->reference.sealed_size,
                                         .type = entry->type};
    snprintf(pieces[piece_count++].pack, PACK_PATH_SIZE, "%s", (const char *)context);
    return 0;
}

static void find_pieces(void)
{
    struct scene_copy *patient = patient_begin(NULL);

    for (size_t i = 0; i < memory_storage_count(sound); i++) {
        char name[PACK_PATH_SIZE];

        snprintf(name, sizeof name, "%s", memory_storage_name(sound, i));
        if (strncmp(name, "packs/", strlen("packs/")) == 0)
            must(pack_visit_objects(patient->store, strrchr(name, '/') + 1, note_piece, name,
                                    NULL) == 0);
    }
    scene_copy_end(patient);
}

static void make_store(void)
{
    struct store *store;

    sound = memory_storage_new();
    scene_make_store(sound);
    store = scene_open(sound);
    for (unsigned day = 1; day <= DAYS; day++) {
        char name[8];

        snprintf(name, sizeof name, "%u", day);
        must(scene_take(scene, store, name, day, NULL) == 0);
    }
    sound = memory_storage_copy(sound);
    store_close(store);
    find_pieces();
}

static void damage(struct storage *storage, const struct piece *piece)
{
    size_t size;

    memory_storage_bytes(storage, piece->pack, &size)[piece->offset + piece->size / 2] ^= 1;
}

/* OLDER: whether that of the same rows, taken before, must read right, too. */
static void take_and_read(struct scene_copy *patient, bool older)
{
    struct log_state state = {.sequence = 0};
    char last[8];

    snprintf(last, sizeof last, "%d", DAYS);
    must(scene_take(scene, patient->store, "again", DAYS, NULL) == 0);
    must(log_read(patient->store, &state, NULL) == 0);
    must(scene_read(scene, patient->store, log_find(&state, "again"), NULL) == 0);
    if (older)
        must(scene_read(scene, patient->store, log_find(&state, last), NULL) == 0);
    log_state_release(&state);
}

static void try_piece(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *patient = own;

    memory_storage_assign(patient->storage, sound);
    damage(patient->storage, &pieces[number]);
    /* A tree says when it was taken: no other is like it. */
    take_and_read(patient, pieces[number].type != OBJECT_TREE);
    tally->numbers[0]++;
}

static void test_each_object(void **context)
{
    const struct spread spread = {patient_begin, try_piece, scene_copy_end, NULL};
    struct tally tally;

    (void)context;
    assert_true(piece_count > 20);
    assert_true(spread_over(&spread, piece_count, &tally));
    print_message("objects damaged, each before a snapshot: %llu\n",
                  (unsigned long long)tally.numbers[0]);
}

/* Then nothing is left that could be relied on, and what leads to the older rows is lost. */
static void test_all_objects(void **context)
{
    struct scene_copy *patient = patient_begin(NULL);

    (void)context;
    for (size_t i = 0; i < piece_count; i++)
        damage(patient->storage, &pieces[i]);
    take_and_read(patient, false);
    scene_copy_end(patient);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_object),
        cmocka_unit_test(test_all_objects),
    };
    int failed;

    scene = scene_create(ROWS);
    make_store();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    free(pieces);
    sound->class->close(sound);
    scene_free(scene);
    return failed;
}
