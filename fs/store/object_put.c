/* SPDX-License-Identifier: MIT */
/*
 * Puts an object: hashes it, looks whether it is there, compresses it alone or
 * against a predecessor, and appends it to the batch's pack.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/chain.h"
#include "fs/store/object_batch.h"
#include "fs/store/object_compress.h"

/* Below this part of the data a delta is taken without a look at what the object would be alone. */
#define DELTA_TAKEN_BELOW(size) ((size) / 16)
#define DELTA_MOST(whole) ((whole) / 8 * 7)
#define BUFFER_BYTES_KEPT ((size_t)2 << 20)

struct object_writer {
    struct object_batch *batch;
    struct object_compressor *compressor; /* NULL: nothing is compressed */
    struct buffer whole;  /* a body: room for a head, then the payload at OBJECT_HEAD_MOST */
    struct buffer delta;  /* the same */
    struct buffer parent; /* data */
    bool used;
    bool finished;
    int error;            /* what ended the writer */
    struct failure words; /* of it; code 0: nobody has any */
};

/* One object on its way. */
struct put {
    enum object_type type;
    const void *data;
    size_t size;
    uint8_t id[OBJECT_ID_BYTES];
    struct object_head head;
    struct buffer *body; /* of the writer's; its payload is complete */
};

int object_writer_create(struct object_batch *batch, struct object_writer **ret_writer,
                         struct failure *failure)
{
    struct object_writer *writer = calloc(1, sizeof *writer);
    int level = store_header(batch->store)->compression_level;

    (void)failure;
    if (writer == NULL)
        return -ENOMEM;
    writer->batch = batch;
    writer->whole = BUFFER(OBJECT_BODY_LIMIT + OBJECT_BODY_ROUND);
    writer->delta = BUFFER(OBJECT_BODY_LIMIT + OBJECT_BODY_ROUND);
    writer->parent = BUFFER(OBJECT_DATA_LIMIT);
    if (level != 0) {
        writer->compressor = object_compressor_create(level);
        if (writer->compressor == NULL) {
            free(writer);
            return -ENOMEM;
        }
    }
    *ret_writer = writer;
    return 0;
}

/* ---- Encoding ---- */

static int begin_body(struct buffer *body, size_t payload)
{
    buffer_clear(body);

    int error = buffer_reserve(body, OBJECT_HEAD_MOST + payload + OBJECT_BODY_ROUND);

    if (error == 0)
        body->size = OBJECT_HEAD_MOST;
    return error;
}

static size_t payload_size(const struct buffer *body)
{
    return body->size - OBJECT_HEAD_MOST;
}

/* By whoever writes to a file or syncs it. */
static bool is_awaited(enum object_type type)
{
    return type == OBJECT_CONTENT || type == OBJECT_NODE;
}

static int encode_whole(struct object_writer *writer, struct put *put)
{
    size_t most = put->size > 0 ? put->size - 1 : 0;
    int error = begin_body(&writer->whole, put->size);

    if (error != 0)
        return error;
    put->head = (struct object_head){
        .encoding = OBJECT_ZSTD, .type = put->type, .data_size = (uint32_t)put->size};
    put->body = &writer->whole;
    if (writer->compressor != NULL)
        object_compressor_hurry(writer->compressor, is_awaited(put->type));
    error = writer->compressor == NULL || most == 0
                ? -E2BIG
                : object_compress(writer->compressor, put->data, put->size, NULL, most, put->body);
    if (error != -E2BIG)
        return error;
    put->head.encoding = OBJECT_PLAIN;
    return buffer_append(put->body, put->data, put->size);
}

/* Against writer->parent. -E2BIG when it is no gain over the object alone. */
static int encode_delta(struct object_writer *writer, struct put *put,
                        const struct object_head *head)
{
    size_t most = put->size / 8 * 7;
    int error = begin_body(&writer->delta, most);

    if (error == 0)
        error = object_compress(writer->compressor, put->data, put->size, &writer->parent, most,
                                &writer->delta);
    if (error != 0)
        return error;
    if (payload_size(&writer->delta) >= DELTA_TAKEN_BELOW(put->size)) {
        error = encode_whole(writer, put);
        if (error != 0)
            return error;
        if (payload_size(&writer->delta) >= DELTA_MOST(payload_size(&writer->whole)))
            return 0;
    }
    put->head = *head;
    put->body = &writer->delta;
    return 0;
}

/*
 * The parent that the chain's rule gives: its data into writer->parent, HEAD filled.
 * 1; 0 when there is none; -errno. A predecessor that cannot be read is none.
 */
static int load_parent(struct object_writer *writer, struct read_scratch *scratch,
                       const struct object_parent *predecessor, struct object_head *head)
{
    struct object_reader *reader = writer->batch->reader;
    struct chain_step step;
    size_t place = 0;
    int error = chain_begin(reader, scratch, &predecessor->reference, head->type, NULL);

    if (error != 0 || !chain_next(&scratch->links[0].head.place, predecessor->phase, &step))
        return error == -ENOMEM ? error : 0;
    while (scratch->links[place].head.place.depth > step.parent_depth && error == 0) {
        error = chain_extend(reader, scratch, NULL);
        place++;
    }
    if (error == 0)
        error = chain_data(reader, scratch, place, false, &writer->parent, NULL);
    if (error != 0)
        return error == -ENOMEM ? error : 0;

    head->place = step.place;
    return batch_has_read(writer->batch, scratch, place, &head->parent, NULL);
}

static int encode(struct object_writer *writer, struct put *put,
                  const struct object_parent *predecessor)
{
    struct object_reader *reader = writer->batch->reader;
    struct object_head head = {
        .encoding = OBJECT_ZSTD_PARENT, .type = put->type, .data_size = (uint32_t)put->size};

    if (predecessor == NULL || writer->compressor == NULL || put->size == 0 || writer->batch->anew)
        return encode_whole(writer, put);

    struct read_scratch *scratch = read_scratch_take(reader);

    if (scratch == NULL)
        return -ENOMEM;

    int found = load_parent(writer, scratch, predecessor, &head);

    chain_end(reader, scratch);
    read_scratch_give(reader, scratch);
    if (found < 0)
        return found;

    int error = found > 0 ? encode_delta(writer, put, &head) : -E2BIG;

    return error == -E2BIG ? encode_whole(writer, put) : error;
}

/* ---- Putting ---- */

/* Zeros after the payload; returns the length of the body with its head of HEAD_SIZE bytes. */
static size_t pad(struct buffer *body, size_t head_size)
{
    size_t size = head_size + payload_size(body);
    size_t whole = (size + OBJECT_BODY_ROUND - 1) / OBJECT_BODY_ROUND * OBJECT_BODY_ROUND;

    memset(body->data + body->size, 0, whole - size);
    return whole;
}

static int append(struct object_writer *writer, struct put *put,
                  struct object_reference *ret_reference, struct failure *failure)
{
    uint8_t head[OBJECT_HEAD_MOST];
    size_t head_size = object_head_encode(&put->head, head);
    uint8_t *body = put->body->data + OBJECT_HEAD_MOST - head_size;
    size_t body_size = pad(put->body, head_size);

    memcpy(body, head, head_size);
    writer->used = true;
    return batch_append(writer->batch, put->id, &put->head, body, body_size, ret_reference,
                        failure);
}

/* 1 and where, when the object need not be written; 0; -errno. */
static int find(struct object_writer *writer, const struct put *put,
                const struct object_parent *predecessor, struct object_reference *ret_place,
                struct failure *failure)
{
    if (predecessor != NULL && !writer->batch->anew &&
        memcmp(predecessor->reference.id, put->id, sizeof put->id) == 0) {
        int usable = object_batch_rely(writer->batch, &predecessor->reference, put->type, ret_place,
                                       failure);

        if (usable != 0)
            return usable;
    }
    return batch_find(writer->batch, put->id, put->type, ret_place, failure);
}

static void shrink(struct buffer *buffer)
{
    if (buffer->capacity > BUFFER_BYTES_KEPT)
        buffer_release(buffer);
}

static int put_object(struct object_writer *writer, struct put *put,
                      const struct object_parent *predecessor, struct object_put *ret_put,
                      struct failure *failure)
{
    struct object_put result = {.stored_bytes = 0};
    int error = object_identify(writer->batch->store, put->type, put->data, put->size, put->id);

    if (error != 0)
        return error;

    int found = find(writer, put, predecessor, &result.reference, failure);

    if (found < 0)
        return found;
    if (found == 0) {
        error = encode(writer, put, predecessor);
        if (error == 0)
            error = append(writer, put, &result.reference, failure);
        shrink(&writer->whole);
        shrink(&writer->delta);
        shrink(&writer->parent);
        if (error != 0)
            return error;
        result.stored_bytes = result.reference.sealed_size;
    }
    *ret_put = result;
    return 0;
}

int object_put(struct object_writer *writer, enum object_type type, const void *data, size_t size,
               const struct object_parent *parent, struct object_put *ret_put,
               struct failure *failure)
{
    struct put put = {.type = type, .data = data, .size = size};

    if (writer->error != 0 || writer->finished)
        return writer->error != 0 ? writer->error : -EINVAL;
    if (size > object_data_limit(type))
        return failure_set(failure, EFBIG, "a piece of %zu bytes is too large for the store", size);
    writer->words.code = 0;
    writer->error = put_object(writer, &put, parent, ret_put, &writer->words);
    if (writer->error != 0 && writer->words.code != 0 && failure != NULL)
        *failure = writer->words;
    return writer->error;
}

static int move_object(struct object_writer *writer, const struct object_reference *reference,
                       int depth, struct object_put *ret_put, struct failure *failure)
{
    struct object_reader *reader = writer->batch->reader;
    struct read_scratch *scratch = read_scratch_take(reader);
    struct put put = {.body = &writer->whole};
    struct object_put result;
    ssize_t head_size = 0;

    if (scratch == NULL)
        return -ENOMEM;

    struct buffer *body = &scratch->links[0].body;
    int error = object_fetch_at(reader, reference, depth, &scratch->sealed, body, &result.reference,
                                failure);

    if (error == 0) {
        head_size = object_head_decode(body->data, body->size, &put.head);
        error = head_size < 0 ? -EIO : begin_body(put.body, body->size);
    }
    if (error == 0)
        error = buffer_append(put.body, body->data + head_size, body->size - (size_t)head_size);
    buffer_clear(body);
    read_scratch_give(reader, scratch);
    if (error != 0)
        return error;
    memcpy(put.id, reference->id, sizeof put.id);
    error = append(writer, &put, &result.reference, failure);
    shrink(&writer->whole);
    if (error != 0)
        return error;
    result.stored_bytes = result.reference.sealed_size;
    *ret_put = result;
    return 0;
}

int object_move(struct object_writer *writer, const struct object_reference *reference, int depth,
                struct object_put *ret_put, struct failure *failure)
{
    if (writer->error != 0 || writer->finished)
        return writer->error != 0 ? writer->error : -EINVAL;

    int error = move_object(writer, reference, depth, ret_put, failure);

    /* One that cannot be read leaves the writer as it was. */
    if (error != 0 && error != -EIO) {
        writer->error = error;
        if (failure != NULL)
            writer->words = *failure;
    }
    return error;
}

int object_writer_finish(struct object_writer *writer)
{
    writer->finished = true;
    return writer->error;
}

void object_writer_free(struct object_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->error != 0 || (writer->used && !writer->finished))
        batch_break(writer->batch, writer->error, &writer->words);
    object_compressor_free(writer->compressor);
    buffer_release(&writer->whole);
    buffer_release(&writer->delta);
    buffer_release(&writer->parent);
    free(writer);
}
