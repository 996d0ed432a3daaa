/* SPDX-License-Identifier: MIT */
/*
 * Two writers store one object at one depth, each against a parent of its own, and one of the
 * parents goes. Whatever was compressed against the copy that still can be read is read, though the
 * other copy is found first.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "fs/store/pack.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/object_samples.h"
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

    assert_int_equal(object_move(writer, &side->samples[SHARED].reference, &put, NULL), 0);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_copy_is_tried)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
