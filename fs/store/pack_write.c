/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/pack.h"
#include "fs/store/pack_layout.h"

#define SEALED_BYTES_KEPT ((size_t)2 << 20)

struct pack_writer {
    uint8_t salt[STORE_SALT_BYTES];
    struct sealer *sealer;
    struct storage_writer *output; /* NULL once committed, or after a failed commit */
    uint64_t end;                  /* a multiple of 8 until it is finished */
    uint32_t count;
    struct buffer directory; /* its plaintext so far */
    struct buffer sealed;
    bool closely; /* padded by a sixteenth */
    int error;    /* what a write failed with: nothing may follow it */
};

static int writer_append(struct pack_writer *writer, const void *bytes, size_t size,
                         struct failure *failure)
{
    struct storage *storage = writer->output->storage;
    int error = storage->class->append(writer->output, bytes, size, failure);

    if (error == 0)
        writer->end += size;
    else
        writer->error = error;
    return error;
}

static int write_head(struct pack_writer *writer, struct failure *failure)
{
    uint8_t head[PACK_HEAD_BYTES];

    memcpy(head, PACK_MAGIC, 8);
    memcpy(head + 8, writer->salt, sizeof writer->salt);
    return writer_append(writer, head, sizeof head, failure);
}

int pack_writer_create(struct store *store, struct pack_writer **ret_writer,
                       struct failure *failure)
{
    static const uint8_t directory_head[PACK_DIRECTORY_HEAD_BYTES];
    struct storage *storage = store_storage(store);
    struct pack_writer *writer = calloc(1, sizeof *writer);
    char path[PACK_PATH_SIZE];

    if (writer == NULL)
        return -ENOMEM;
    writer->directory = BUFFER(PACK_DIRECTORY_LIMIT);
    writer->sealed = BUFFER(OBJECT_SEALED_LIMIT);
    randombytes_buf(writer->salt, sizeof writer->salt);
    pack_path(writer->salt, path);

    int error = buffer_append(&writer->directory, directory_head, sizeof directory_head);

    if (error == 0)
        error = store_file_sealer(store, STORE_PACKS, writer->salt, path, &writer->sealer, failure);
    if (error == 0)
        error = storage->class->create(storage, path, &writer->output, failure);
    if (error == 0)
        error = write_head(writer, failure);
    if (error != 0) {
        pack_writer_free(writer);
        return error;
    }
    *ret_writer = writer;
    return 0;
}

static int append_sealed(struct pack_writer *writer, const void *bound, size_t bound_size,
                         const void *plain, size_t size, struct failure *failure)
{
    size_t sealed_size = size + SEAL_OVERHEAD_BYTES;

    buffer_clear(&writer->sealed);

    int error = buffer_reserve(&writer->sealed, sealed_size);

    if (error == 0)
        error =
            seal(writer->sealer, writer->end, bound, bound_size, plain, size, writer->sealed.data);
    return error != 0 ? error : writer_append(writer, writer->sealed.data, sealed_size, failure);
}

int pack_writer_add(struct pack_writer *writer, const uint8_t id[OBJECT_ID_BYTES],
                    const struct object_head *head, const void *body, size_t size,
                    struct object_reference *ret_reference, struct failure *failure)
{
    struct pack_entry entry = {
        .reference = {.pack_hint = pack_hint(writer->salt),
                      .offset = writer->end,
                      .sealed_size = (uint32_t)(size + SEAL_OVERHEAD_BYTES)},
        .type = head->type,
        .encoding = head->encoding,
        .depth = head->place.depth,
        .parent = head->parent,
    };
    uint8_t bytes[PACK_ENTRY_BYTES_MOST];

    if (writer->error != 0)
        return writer->error;
    memcpy(entry.reference.id, id, OBJECT_ID_BYTES);

    size_t length = pack_entry_encode(&entry, bytes);
    int error = size > OBJECT_BODY_LIMIT || size % OBJECT_BODY_ROUND != 0
                    ? -EINVAL
                    : buffer_reserve(&writer->directory, length);

    if (error == 0)
        error = append_sealed(writer, id, OBJECT_ID_BYTES, body, size, failure);
    if (writer->sealed.capacity > SEALED_BYTES_KEPT)
        buffer_release(&writer->sealed);
    if (error != 0)
        return error;
    error = buffer_append(&writer->directory, bytes, length);
    writer->count++;
    *ret_reference = entry.reference;
    return error;
}

void pack_writer_pad_closely(struct pack_writer *writer)
{
    writer->closely = true;
}

bool pack_writer_is_full(const struct pack_writer *writer)
{
    return writer->end >= PACK_BYTES_TARGET || writer->count >= PACK_OBJECTS_MOST;
}

/* The directory is padded inside its seal, so that every byte of the padding is authenticated. */
static int pad_directory(struct pack_writer *writer)
{
    uint64_t whole = writer->end + writer->directory.size + SEAL_OVERHEAD_BYTES + PACK_FOOT_BYTES;
    size_t round = writer->closely ? PACK_ROUND_LEAST : PACK_ROUND_BYTES;

    while (round < PACK_ROUND_BYTES && round < whole / 16)
        round *= 2;

    size_t padding = (size_t)(-whole % round);
    int error = buffer_reserve(&writer->directory, padding);

    if (error != 0)
        return error;
    memset(writer->directory.data + writer->directory.size, 0, padding);
    writer->directory.size += padding;
    put_u32(writer->directory.data, writer->count);
    return 0;
}

static int write_directory(struct pack_writer *writer, struct failure *failure)
{
    uint8_t foot[PACK_FOOT_PLAIN] = {0};

    put_u64(foot, writer->end);
    put_u32(foot + 8, (uint32_t)(writer->directory.size + SEAL_OVERHEAD_BYTES));

    int error = append_sealed(writer, PACK_DIRECTORY_BOUND, strlen(PACK_DIRECTORY_BOUND),
                              writer->directory.data, writer->directory.size, failure);

    return error != 0 ? error
                      : append_sealed(writer, PACK_FOOT_BOUND, strlen(PACK_FOOT_BOUND), foot,
                                      sizeof foot, failure);
}

static int leave_room(struct pack_writer *writer, uint64_t bytes, struct failure *failure)
{
    struct storage *storage = writer->output->storage;
    struct failure words = {.code = 0};
    int error = bytes != 0 && storage->class->try_room != NULL
                    ? storage->class->try_room(storage, bytes, &words)
                    : 0;

    return error == 0 ? 0
                      : failure_set(failure, -error,
                                    "%s. Some of it must stay free, so that `crmfs forget` and "
                                    "`crmfs prune` can give back more",
                                    words.text);
}

int pack_writer_finish(struct pack_writer *writer, uint64_t leaves, struct failure *failure)
{
    if (writer->error != 0)
        return writer->error;

    int error = pad_directory(writer);

    if (error == 0)
        error = write_directory(writer, failure);
    if (error == 0)
        error = leave_room(writer, leaves, failure);
    if (error == 0) {
        struct storage_writer *output = steal_pointer(&writer->output);

        error = output->storage->class->commit(output, failure);
    }
    writer->error = error;
    return error;
}

const uint8_t *pack_writer_salt(const struct pack_writer *writer)
{
    return writer->salt;
}

uint32_t pack_writer_count(const struct pack_writer *writer)
{
    return writer->count;
}

uint64_t pack_writer_bytes(const struct pack_writer *writer)
{
    return writer->end;
}

int pack_writer_visit(const struct pack_writer *writer, pack_visit *visit, void *context)
{
    return pack_directory_decode(writer->directory.data, writer->directory.size,
                                 pack_hint(writer->salt), writer->end, visit, context);
}

void pack_writer_free(struct pack_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->output != NULL)
        writer->output->storage->class->abort(writer->output);
    sealer_free(writer->sealer);
    buffer_release(&writer->directory);
    buffer_release(&writer->sealed);
    free(writer);
}
