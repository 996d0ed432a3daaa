/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/index.h"

struct index_writer {
    struct store *store;
    uint8_t salt[STORE_SALT_BYTES];
    struct sealer *sealer;
    struct storage_writer *output; /* NULL before the first block, and once committed */
    uint64_t end;
    size_t count; /* of the entries that wait for their block to be full */
    struct index_entry entries[INDEX_BLOCK_ENTRIES];
    int error;
};

int index_writer_create(struct store *store, struct index_writer **ret_writer,
                        struct failure *failure)
{
    struct index_writer *writer = calloc(1, sizeof *writer);
    char path[INDEX_PATH_SIZE];

    if (writer == NULL)
        return -ENOMEM;
    writer->store = store;
    randombytes_buf(writer->salt, sizeof writer->salt);
    index_path(writer->salt, path);

    int error = store_file_sealer(store, STORE_INDEX, writer->salt, path, &writer->sealer, failure);

    if (error != 0) {
        free(writer);
        return error;
    }
    *ret_writer = writer;
    return 0;
}

static int append(struct index_writer *writer, const void *bytes, size_t size,
                  struct failure *failure)
{
    struct storage *storage = store_storage(writer->store);

    writer->end += size;
    return storage->class->append(writer->output, bytes, size, failure);
}

static int begin(struct index_writer *writer, struct failure *failure)
{
    struct storage *storage = store_storage(writer->store);
    uint8_t head[INDEX_HEAD_BYTES];
    char path[INDEX_PATH_SIZE];

    index_path(writer->salt, path);
    memcpy(head, INDEX_MAGIC, 8);
    memcpy(head + 8, writer->salt, sizeof writer->salt);

    int error = storage->class->create(storage, path, &writer->output, failure);

    return error != 0 ? error : append(writer, head, sizeof head, failure);
}

static int write_block(struct index_writer *writer, bool last, struct failure *failure)
{
    uint8_t block[INDEX_BLOCK_BYTES];
    uint8_t sealed[INDEX_BLOCK_SEALED];
    int error = writer->output == NULL ? begin(writer, failure) : 0;

    if (error != 0)
        return error;
    index_block_encode(writer->entries, writer->count, last, block);
    writer->count = 0;
    error = seal(writer->sealer, writer->end, NULL, 0, block, sizeof block, sealed);
    return error != 0 ? error : append(writer, sealed, sizeof sealed, failure);
}

int index_writer_add(struct index_writer *writer, const struct index_entry *entry,
                     struct failure *failure)
{
    if (writer->error != 0)
        return writer->error;
    if (writer->count > 0) {
        int order = index_entry_compare(&writer->entries[writer->count - 1], entry);

        if (order == 0)
            return 0;
        if (order > 0)
            return -EINVAL;
    }
    /* A full block waits for the next entry: it may be the last. */
    if (writer->count == INDEX_BLOCK_ENTRIES)
        writer->error = write_block(writer, false, failure);
    if (writer->error == 0)
        writer->entries[writer->count++] = *entry;
    return writer->error;
}

int index_writer_finish(struct index_writer *writer, struct failure *failure)
{
    if (writer->error != 0 || writer->count == 0)
        return writer->error;
    writer->error = write_block(writer, true, failure);
    if (writer->error == 0) {
        struct storage_writer *output = steal_pointer(&writer->output);

        writer->error = output->storage->class->commit(output, failure);
    }
    return writer->error;
}

void index_writer_free(struct index_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->output != NULL)
        writer->output->storage->class->abort(writer->output);
    sealer_free(writer->sealer);
    free(writer);
}

int index_write(struct store *store, struct index_entry *entries, size_t count,
                struct failure *failure)
{
    struct index_writer *writer;
    int error = index_writer_create(store, &writer, failure);

    if (error != 0)
        return error;
    qsort(entries, count, sizeof *entries, index_entry_compare);
    for (size_t i = 0; i < count && error == 0; i++)
        error = index_writer_add(writer, &entries[i], failure);
    if (error == 0)
        error = index_writer_finish(writer, failure);
    index_writer_free(writer);
    return error;
}
