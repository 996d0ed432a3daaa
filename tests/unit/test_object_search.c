/* SPDX-License-Identifier: MIT */
/*
 * Two writers store one object at one depth, each against a parent of its own, and one of the
 * parents goes. Whatever was compressed against the copy that still can be read is read, though the
 * other copy is found first. And what was read of the one is not taken for the other's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/pack.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"

#define SIZE ((size_t)30000)

enum { PARENT, SHARED, CHILD, STEPS };

/* One of the two, and the packs of what it wrote. */
struct side {
    struct object_reader *reader;
    struct object_batch *batches[STEPS];
    struct sample samples[STEPS];
    char packs[STEPS][PACK_NAME_SIZE];
};

/* What neither knows of the other's: all batches were begun before anything was written. */
static void begin_side(struct side *side, struct store *store)
{
    side->reader = sample_reader(store);
    for (int i = 0; i < STEPS; i++)
        side->batches[i] = sample_batch(store, side->reader);
}

static void write_step(struct side *side, int step, unsigned version)
{
    struct object_writer *writer = sample_writer(side->batches[step]);

    side->samples[step] = sample_put(writer, OBJECT_ROW_GROUP, sample_data(3, version, SIZE), SIZE,
                                     step > 0 ? &side->samples[step - 1] : NULL);
    sample_writer_finish(writer);
    sample_batch_finish(side->batches[step], side->packs[step]);
    assert_true(side->samples[step].stored_bytes > 0);
    assert_int_equal(sample_head(side->reader, &side->samples[step]).place.depth, step);
}

static void end_side(struct side *side)
{
    for (int i = 0; i < STEPS; i++)
        sample_release(&side->samples[i]);
    object_reader_free(side->reader);
}

static void move_shared(struct side *side, struct store *store)
{
    struct object_batch *batch = sample_batch(store, side->reader);
    struct object_writer *writer = sample_writer(batch);
    struct object_put put;

    assert_int_equal(
        object_move(writer, &side->samples[SHARED].reference, OBJECT_DEPTH_ANY, &put, NULL), 0);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);
    sample_remove_pack(store_storage(store), side->packs[SHARED]);
}

static void try_side(int kept)
{
    struct store *store = sample_store();
    struct side sides[2];
    struct object_reader *cold;

    begin_side(&sides[0], store);
    begin_side(&sides[1], store);
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < 2; i++)
            write_step(&sides[i], step, step == SHARED ? 10 : (unsigned)(20 + 2 * step + i));
    }
    assert_memory_equal(sides[0].samples[SHARED].reference.id,
                        sides[1].samples[SHARED].reference.id, OBJECT_ID_BYTES);
    move_shared(&sides[kept], store);
    sample_remove_pack(store_storage(store), sides[!kept].packs[PARENT]);
    cold = sample_reader(store);
    for (int step = 0; step < STEPS; step++)
        assert_int_equal(sample_read(cold, &sides[kept].samples[step]), 0);
    /* The other's copies cannot be read; its object can, as it is the same. */
    assert_int_equal(sample_read(cold, &sides[!kept].samples[SHARED]), 0);
    assert_true(sample_read(cold, &sides[!kept].samples[PARENT]) != 0);
    object_reader_free(cold);
    end_side(&sides[0]);
    end_side(&sides[1]);
    store_close(store);
}

/* Which copy an index gives first, chance decides: one of the two tries meets the wrong one. */
static void test_every_copy_is_tried(void **context)
{
    (void)context;
    try_side(0);
    try_side(1);
}

/* ---- Removed while it is read ---- */

/* A third of it is more than is kept of a body while its chain is read. */
#define PART ((size_t)1400000)
#define LARGE (3 * PART)
#define READS_MOST 12

/* Three parts of nothing but noise. */
static uint8_t *noise(uint8_t first, uint8_t second, uint8_t third)
{
    uint8_t *data = malloc(LARGE);
    const uint8_t seeds[] = {first, second, third};

    assert_non_null(data);
    for (size_t i = 0; i < 3; i++) {
        const uint8_t seed[randombytes_SEEDBYTES] = {seeds[i]};

        randombytes_buf_deterministic(data + i * PART, PART, seed);
    }
    return data;
}

static struct sample put_large(struct side *side, int step, uint8_t *data)
{
    struct object_writer *writer = sample_writer(side->batches[step]);
    struct sample sample = sample_put(writer, OBJECT_ROW_GROUP, data, LARGE,
                                      step > 0 ? &side->samples[step - 1] : NULL);

    side->samples[step] = sample;
    sample_writer_finish(writer);
    sample_batch_finish(side->batches[step], side->packs[step]);
    assert_int_equal(sample_head(side->reader, &sample).place.depth, step);
    return sample;
}

/* What is shared has its first part of one's parent, its second of the other's. */
static void write_large(struct side sides[2])
{
    put_large(&sides[0], PARENT, noise(1, 11, 12));
    put_large(&sides[1], PARENT, noise(13, 2, 14));
    for (int i = 0; i < 2; i++) {
        uint8_t *child = noise(1, 2, 3);

        put_large(&sides[i], SHARED, noise(1, 2, 3));
        child[LARGE / 2] ^= (uint8_t)(1 + i);
        put_large(&sides[i], CHILD, child);
    }
}

/* Somebody who removes a pack before the reader's next read but so many. */
struct remover {
    struct storage *recording;
    const char *pack;
    unsigned reads;
};

static void remove_meanwhile(void *context)
{
    struct remover *remover = context;

    if (remover->reads-- > 0)
        recording_storage_interpose(remover->recording, STORAGE_READ, remove_meanwhile, remover);
    else
        sample_remove_pack(remover->recording, remover->pack);
}

static void test_removed_while_it_is_read(void **context)
{
    struct store *written = sample_store();
    struct side sides[2];

    (void)context;
    begin_side(&sides[0], written);
    begin_side(&sides[1], written);
    write_large(sides);
    for (unsigned reads = 0; reads < READS_MOST; reads++) {
        struct storage *recording =
            recording_storage_new(memory_storage_copy(store_storage(written)));
        struct store *store = sample_store_open(recording);
        struct object_reader *reader = sample_reader(store);
        struct remover remover = {recording, sides[0].packs[SHARED], reads};

        recording_storage_interpose(recording, STORAGE_READ, remove_meanwhile, &remover);
        assert_int_equal(sample_read(reader, &sides[0].samples[CHILD]), 0);
        recording_storage_interpose(recording, 0, NULL, NULL);
        object_reader_free(reader);
        store_close(store);
    }
    end_side(&sides[0]);
    end_side(&sides[1]);
    store_close(written);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_copy_is_tried),
        cmocka_unit_test(test_removed_while_it_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
