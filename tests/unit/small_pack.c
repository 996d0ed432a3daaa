/* SPDX-License-Identifier: MIT */
#include "tests/unit/small_pack.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/object_reader.h"
#include "tests/unit/store_samples.h"

void small_pack_begin(struct small_pack *small, uint64_t seed)
{
    small->store = sample_store();
    small->storage = store_storage(small->store);
    small->reader = sample_reader(small->store);

    struct object_batch *batch = sample_batch(small->store, small->reader);
    struct object_writer *writer = sample_writer(batch);

    for (size_t i = 0; i < SMALL_PACK_OBJECTS - 1; i++)
        small->samples[i] =
            sample_put(writer, (enum object_type)(1 + i), sample_data(seed + i, 0, 400 * (i + 1)),
                       400 * (i + 1), NULL);
    sample_writer_finish(writer);
    sample_batch_finish(batch, NULL);

    /* Into one pack with its predecessor, which has to be in a pack already to be one. */
    batch = sample_batch(small->store, small->reader);
    writer = sample_writer(batch);

    const char *first = sample_only_file(small->storage, "packs");
    char *old = strdup(first);
    struct sample *last = &small->samples[SMALL_PACK_OBJECTS - 1];

    for (size_t i = 0; i < SMALL_PACK_OBJECTS - 1; i++) {
        struct object_put put;

        assert_int_equal(
            object_move(writer, &small->samples[i].reference, OBJECT_DEPTH_ANY, &put, NULL), 0);
        small->samples[i].reference = put.reference;
    }
    *last = sample_put(writer, OBJECT_SCHEMA, sample_data(seed + 3, 10, 1600), 1600,
                       &small->samples[3]);
    sample_writer_finish(writer);
    sample_batch_finish(batch, small->name);
    assert_int_equal(small->storage->class->remove(small->storage, old, NULL), 0);
    free(old);
    memcpy(small->path, sample_only_file(small->storage, "packs"), sizeof small->path);
}

void small_pack_end(struct small_pack *small)
{
    for (size_t i = 0; i < SMALL_PACK_OBJECTS; i++)
        sample_release(&small->samples[i]);
    object_reader_free(small->reader);
    store_close(small->store);
}

struct sealer *small_pack_sealer(const struct small_pack *small, const uint8_t *file)
{
    struct sealer *sealer = NULL;

    assert_int_equal(
        store_file_sealer(small->store, STORE_PACKS, file + 8, small->path, &sealer, NULL), 0);
    return sealer;
}
