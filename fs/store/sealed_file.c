/* SPDX-License-Identifier: MIT */
#include "fs/store/sealed_file.h"

#include <errno.h>
#include <sodium.h>
#include <string.h>

#define MAGIC_BYTES 8
#define HEAD_BYTES (MAGIC_BYTES + STORE_SALT_BYTES)
#define BLOCK_BYTES 1024

static void free_sealer(struct sealer **sealer)
{
    sealer_free(*sealer);
}

static int no_memory(struct failure *failure, int error)
{
    return failure_set(failure, -error, "%s", strerror(-error));
}

int sealed_file_make(const struct store *store, const struct sealed_file_kind *kind,
                     const char *name, const struct buffer *plain, struct buffer *file,
                     struct failure *failure)
{
    size_t overhead = HEAD_BYTES + SEAL_OVERHEAD_BYTES;

    if (plain->size > kind->limit - overhead)
        return failure_set(failure, EFBIG, "%s: a %s cannot have %zu bytes", name, kind->what,
                           plain->size);

    __attribute__((__cleanup__(free_sealer))) struct sealer *sealer = NULL;
    cleanup_buffer struct buffer padded = BUFFER(kind->limit);
    size_t size = (plain->size + overhead + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
    int error = buffer_reserve(&padded, size);

    buffer_clear(file);
    if (error == 0)
        error = buffer_reserve(file, size);
    if (error != 0)
        return no_memory(failure, error);
    memcpy(padded.data, plain->data, plain->size);
    memset(padded.data + plain->size, 0, size - overhead - plain->size);
    memcpy(file->data, kind->magic, MAGIC_BYTES);
    randombytes_buf(file->data + MAGIC_BYTES, STORE_SALT_BYTES);
    error =
        store_file_sealer(store, kind->purpose, file->data + MAGIC_BYTES, name, &sealer, failure);
    if (error != 0)
        return error;
    error =
        seal(sealer, HEAD_BYTES, NULL, 0, padded.data, size - overhead, file->data + HEAD_BYTES);
    if (error != 0)
        return failure_set(failure, -error, "%s: cannot seal it: %s", name, strerror(-error));
    file->size = size;
    return 0;
}

int sealed_file_read(struct store *store, const struct sealed_file_kind *kind, const char *name,
                     struct buffer *file, struct failure *failure)
{
    struct storage *storage = store_storage(store);
    uint64_t size;
    int error = storage->class->size(storage, name, &size, failure);

    if (error != 0)
        return error;
    if (size == 0 || size > kind->limit || size % BLOCK_BYTES != 0)
        return failure_set(failure, EBADMSG, "%s is damaged: a %s cannot have %llu bytes", name,
                           kind->what, (unsigned long long)size);
    buffer_clear(file);
    error = buffer_reserve(file, (size_t)size);
    if (error != 0)
        return no_memory(failure, error);
    error = storage->class->read(storage, name, 0, file->data, (size_t)size, failure);
    if (error == 0)
        file->size = (size_t)size;
    return error;
}

int sealed_file_open(const struct store *store, const struct sealed_file_kind *kind,
                     const char *name, const struct buffer *file, struct buffer *plain,
                     struct failure *failure)
{
    size_t overhead = HEAD_BYTES + SEAL_OVERHEAD_BYTES;
    __attribute__((__cleanup__(free_sealer))) struct sealer *sealer = NULL;

    buffer_clear(plain);
    if (file->size < overhead || file->size > kind->limit || file->size % BLOCK_BYTES != 0 ||
        memcmp(file->data, kind->magic, MAGIC_BYTES) != 0)
        return failure_set(failure, EBADMSG, "%s is damaged: it is no %s", name, kind->what);

    int error = buffer_reserve(plain, file->size - overhead);

    if (error != 0)
        return no_memory(failure, error);
    error =
        store_file_sealer(store, kind->purpose, file->data + MAGIC_BYTES, name, &sealer, failure);
    if (error == 0)
        error = unseal(sealer, HEAD_BYTES, NULL, 0, file->data + HEAD_BYTES,
                       file->size - HEAD_BYTES, plain->data);
    if (error == -EBADMSG)
        return failure_set(failure, EBADMSG,
                           "%s is damaged: it does not open with the key of its place", name);
    if (error == 0)
        plain->size = file->size - overhead;
    return error;
}
