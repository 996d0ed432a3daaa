/* SPDX-License-Identifier: MIT */
/*
 * Objects for tests: data that compresses as rows do, put into a store and read
 * back. Nothing here fails: what goes wrong ends the test.
 */
#ifndef CRMFS_TESTS_UNIT_OBJECT_SAMPLES_H
#define CRMFS_TESTS_UNIT_OBJECT_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

#include "fs/store/object.h"
#include "fs/store/object_body.h"
#include "fs/store/pack.h"

/*
 * SIZE bytes that follow from SEED, in which version VERSION differs from the one
 * before in one line of a hundred. The caller frees them.
 */
uint8_t *sample_data(uint64_t seed, unsigned version, size_t size);

/* One object that was put. */
struct sample {
    enum object_type type;
    uint8_t *data;
    size_t size;
    struct object_reference reference;
    uint64_t stored_bytes;
};

struct object_reader *sample_reader(struct store *store);
struct object_batch *sample_batch(struct store *store, struct object_reader *reader);
struct object_writer *sample_writer(struct object_batch *batch);

/* Puts DATA, which becomes the sample's; PARENT may be NULL. */
struct sample sample_put(struct object_writer *writer, enum object_type type, uint8_t *data,
                         size_t size, const struct sample *parent);
void sample_release(struct sample *sample);
void sample_release_all(struct sample *samples, size_t count);

/* Ends and frees the writer. */
void sample_writer_finish(struct object_writer *writer);

/* Ends and frees the batch; the name of its last pack, which may be NULL. */
void sample_batch_finish(struct object_batch *batch, char last_pack[PACK_NAME_SIZE]);

/* Puts COUNT of SIZE bytes in a batch of their own: of several types, each of its place's seed. */
void sample_put_several(struct store *store, struct object_reader *reader, struct sample *samples,
                        size_t count, size_t size);

/* What object_read says; when it is 0 the data is right, or the test ends. */
int sample_read(struct object_reader *reader, const struct sample *sample);

/* The head of what is stored for it. */
struct object_head sample_head(struct object_reader *reader, const struct sample *sample);

/* The only file below FOLDER ("packs", "index"); the test ends if there are more or none. */
const char *sample_only_file(struct storage *storage, const char *folder);
void sample_remove_pack(struct storage *storage, const char *name);
void sample_remove_indexes(struct storage *storage);
size_t sample_count_files(struct storage *storage, const char *folder);

#endif
