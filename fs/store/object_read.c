/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <openssl/evp.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/object_reader.h"

#define SCRATCHES_KEPT 8
#define SCRATCH_BYTES_KEPT ((size_t)2 << 20)
#define DIGEST_BYTES 32

/*
 * The data passes through SHA-256, which processors have instructions for, and
 * only its digest through the keyed hash: nothing of the key is in libcrypto.
 */
int object_identify(const struct store *store, enum object_type type, const void *data, size_t size,
                    uint8_t ret_id[OBJECT_ID_BYTES])
{
    uint8_t named[1 + DIGEST_BYTES] = {(uint8_t)type};

    if (EVP_Digest(data, size, named + 1, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    crypto_generichash(ret_id, OBJECT_ID_BYTES, named, sizeof named,
                       store_key(store, STORE_OBJECT_NAMES), SEAL_KEY_BYTES);
    return 0;
}

int object_reader_create(struct store *store, size_t cache_bytes, struct object_reader **ret_reader,
                         struct failure *failure)
{
    struct object_reader *reader = calloc(1, sizeof *reader);

    (void)failure;
    if (reader == NULL)
        return -ENOMEM;
    reader->store = store;
    reader->directory.plain = BUFFER(PACK_DIRECTORY_LIMIT);
    pthread_mutex_init(&reader->lock, NULL);
    reader->keys = file_keys_create(store);
    reader->packs = pack_list_create(store_storage(store));
    reader->cache = parent_cache_create(cache_bytes);
    if (reader->keys != NULL)
        reader->indexes = index_set_create(store, reader->keys);
    if (reader->keys != NULL && reader->packs != NULL)
        reader->lineage = lineage_create(store, reader->keys, reader->packs);
    if (reader->cache == NULL || reader->indexes == NULL || reader->lineage == NULL) {
        object_reader_free(reader);
        return -ENOMEM;
    }
    *ret_reader = reader;
    return 0;
}

static void scratch_free(struct read_scratch *scratch)
{
    if (scratch == NULL)
        return;
    buffer_release(&scratch->sealed);
    for (size_t i = 0; i <= OBJECT_DEPTH_MOST; i++)
        buffer_release(&scratch->links[i].body);
    buffer_release(&scratch->data[0]);
    buffer_release(&scratch->data[1]);
    ZSTD_freeDCtx(scratch->context);
    free(scratch);
}

static struct read_scratch *scratch_create(void)
{
    struct read_scratch *scratch = calloc(1, sizeof *scratch);

    if (scratch == NULL)
        return NULL;
    scratch->sealed = BUFFER(OBJECT_SEALED_LIMIT);
    for (size_t i = 0; i <= OBJECT_DEPTH_MOST; i++)
        scratch->links[i].body = BUFFER(OBJECT_BODY_LIMIT);
    scratch->data[0] = BUFFER(OBJECT_DATA_LIMIT);
    scratch->data[1] = BUFFER(OBJECT_DATA_LIMIT);
    scratch->context = ZSTD_createDCtx();
    if (scratch->context == NULL) {
        scratch_free(scratch);
        return NULL;
    }
    return scratch;
}

struct read_scratch *read_scratch_take(struct object_reader *reader)
{
    pthread_mutex_lock(&reader->lock);
    struct read_scratch *scratch = reader->scratches;

    if (scratch != NULL) {
        reader->scratches = scratch->next;
        reader->scratch_count--;
    }
    pthread_mutex_unlock(&reader->lock);
    return scratch != NULL ? scratch : scratch_create();
}

static void shrink(struct buffer *buffer)
{
    if (buffer->capacity > SCRATCH_BYTES_KEPT)
        buffer_release(buffer);
}

void read_scratch_give(struct object_reader *reader, struct read_scratch *scratch)
{
    shrink(&scratch->sealed);
    shrink(&scratch->data[0]);
    shrink(&scratch->data[1]);
    pthread_mutex_lock(&reader->lock);
    if (reader->scratch_count < SCRATCHES_KEPT) {
        scratch->next = reader->scratches;
        reader->scratches = scratch;
        reader->scratch_count++;
        scratch = NULL;
    }
    pthread_mutex_unlock(&reader->lock);
    scratch_free(scratch);
}

static int check_identity(struct object_reader *reader, const struct object_reference *reference,
                          enum object_type type, const struct buffer *data, struct failure *failure)
{
    uint8_t id[OBJECT_ID_BYTES];
    int error = object_identify(reader->store, type, data->data, data->size, id);

    if (error != 0 || memcmp(id, reference->id, sizeof id) == 0)
        return error;
    return failure_set(failure, EIO,
                       "object %02x%02x%02x%02x… holds other data than was put into it: "
                       "run `crmfs check --read-data`",
                       reference->id[0], reference->id[1], reference->id[2], reference->id[3]);
}

int object_read(struct object_reader *reader, const struct object_reference *reference,
                enum object_type type, bool verify, struct buffer *output, struct failure *failure)
{
    struct read_scratch *scratch = read_scratch_take(reader);

    if (scratch == NULL)
        return -ENOMEM;

    int error = chain_begin(reader, scratch, reference, type, failure);

    if (error == 0)
        error = chain_data(reader, scratch, 0, true, output, failure);
    if (error == -EIO) {
        error = object_search(reader, reference, type, output);
        if (error == 0 && failure != NULL)
            *failure = (struct failure){.code = 0};
    }
    if (error == 0 && verify)
        error = check_identity(reader, reference, type, output, failure);
    if (error != 0)
        buffer_clear(output);
    chain_end(reader, scratch);
    read_scratch_give(reader, scratch);
    return error;
}

int object_read_at(struct object_reader *reader, const struct object_reference *reference,
                   int depth, enum object_type type, struct buffer *output)
{
    struct read_scratch *scratch = read_scratch_take(reader);

    if (scratch == NULL)
        return -ENOMEM;

    int error = chain_begin(reader, scratch, reference, type, NULL);

    if (error == 0 && scratch->links[0].head.place.depth != depth)
        error = -EIO;
    if (error == 0)
        error = chain_data(reader, scratch, 0, false, output, NULL);
    if (error == -EIO)
        error = object_search_at(reader, reference, depth, type, output);
    if (error == 0)
        error = check_identity(reader, reference, type, output, NULL);
    chain_end(reader, scratch);
    read_scratch_give(reader, scratch);
    return error;
}

void object_reader_free(struct object_reader *reader)
{
    if (reader == NULL)
        return;
    while (reader->scratches != NULL) {
        struct read_scratch *scratch = reader->scratches;

        reader->scratches = scratch->next;
        scratch_free(scratch);
    }
    buffer_release(&reader->directory.plain);
    parent_cache_free(reader->cache);
    lineage_free(reader->lineage);
    index_set_free(reader->indexes);
    pack_list_free(reader->packs);
    file_keys_free(reader->keys);
    pthread_mutex_destroy(&reader->lock);
    free(reader);
}
