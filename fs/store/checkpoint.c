/* SPDX-License-Identifier: MIT */
/* A state as a file: its table (checkpoint_table.c), compressed, in one sealed piece (FORMAT.md).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/store/log_internal.h"

#define HEAD_BYTES 48
#define LEVEL 3

const struct sealed_file_kind checkpoint_file = {.magic = "CRMFSCHK",
                                                 .purpose = STORE_CHECKPOINTS,
                                                 .limit = CHECKPOINT_LIMIT,
                                                 .what = "checkpoint"};

void checkpoint_name(uint64_t sequence, char name[LOG_NAME_SIZE])
{
    snprintf(name, LOG_NAME_SIZE, "checkpoints/%020" PRIu64, sequence);
}

/* ---- Encoding ---- */

int checkpoint_encode(const struct log_state *state, struct buffer *output)
{
    cleanup_buffer struct buffer table = BUFFER(CHECKPOINT_LIMIT);
    int error = checkpoint_put_table(&table, state);

    buffer_clear(output);
    if (error == 0)
        error = buffer_reserve(output, HEAD_BYTES + ZSTD_compressBound(table.size));
    if (error != 0)
        return error;

    size_t size = ZSTD_compress(output->data + HEAD_BYTES, output->capacity - HEAD_BYTES,
                                table.data, table.size, LEVEL);

    if (ZSTD_isError(size))
        return -ENOMEM;
    memcpy(output->data, state->hash, LOG_HASH_BYTES);
    put_u64(output->data + 32, state->sequence);
    put_u32(output->data + 40, (uint32_t)table.size);
    put_u32(output->data + 44, (uint32_t)size);
    output->size = HEAD_BYTES + size;
    return 0;
}

/* ---- Decoding ---- */

/* The table out of a plaintext, decompressed. */
static int unpack(const uint8_t *plain, size_t size, struct buffer *table)
{
    if (size < HEAD_BYTES)
        return -EBADMSG;

    size_t table_size = get_u32(plain + 40);
    size_t frame_size = get_u32(plain + 44);

    if (frame_size > size - HEAD_BYTES || table_size > CHECKPOINT_LIMIT ||
        ZSTD_getFrameContentSize(plain + HEAD_BYTES, frame_size) != table_size)
        return -EBADMSG;
    for (size_t i = HEAD_BYTES + frame_size; i < size; i++) {
        if (plain[i] != 0)
            return -EBADMSG;
    }
    if (buffer_reserve(table, table_size + 1) != 0)
        return -ENOMEM;
    table->size = ZSTD_decompress(table->data, table_size, plain + HEAD_BYTES, frame_size);
    return table->size == table_size ? 0 : -EBADMSG;
}

int checkpoint_decode(const void *plain, size_t size, struct log_state *ret_state)
{
    cleanup_buffer struct buffer table = BUFFER(CHECKPOINT_LIMIT + 1);
    struct log_state state = {.sequence = 0};
    int error = unpack(plain, size, &table);

    if (error == 0)
        error = checkpoint_read_table(&table, &state);
    if (error == 0 && get_u64((const uint8_t *)plain + 32) == 0)
        error = -EBADMSG;
    if (error != 0) {
        log_state_release(&state);
        return error;
    }
    memcpy(state.hash, plain, LOG_HASH_BYTES);
    state.sequence = get_u64((const uint8_t *)plain + 32);
    state.checkpoint = state.sequence;
    state.marks_changed = state.sequence; /* perhaps before */
    *ret_state = state;
    return 0;
}

/* ---- Files ---- */

int checkpoint_read(struct store *store, uint64_t sequence, struct log_state *ret_state,
                    struct failure *failure)
{
    char name[LOG_NAME_SIZE];
    cleanup_buffer struct buffer file = BUFFER(CHECKPOINT_LIMIT);
    cleanup_buffer struct buffer plain = BUFFER(CHECKPOINT_LIMIT);
    struct log_state state;

    checkpoint_name(sequence, name);

    int error = sealed_file_read(store, &checkpoint_file, name, &file, failure);

    if (error == 0)
        error = sealed_file_open(store, &checkpoint_file, name, &file, &plain, failure);
    if (error != 0)
        return error;
    error = checkpoint_decode(plain.data, plain.size, &state);
    if (error == 0 && state.sequence != sequence) {
        log_state_release(&state);
        error = -EBADMSG;
    }
    if (error != 0)
        return failure_set(failure, -error, "%s: %s", name,
                           error == -EBADMSG ? "damaged: it holds no state" : strerror(-error));
    *ret_state = state;
    return 0;
}

int checkpoint_each(struct store *store, checkpoint_visit *visit, void *context,
                    struct failure *failure)
{
    cleanup_free uint64_t *numbers = NULL;
    size_t count = 0;
    int error = log_list(store, "checkpoints", &numbers, &count, failure);

    for (size_t i = 0; i < count && error == 0; i++) {
        struct log_state state = {.sequence = 0};
        int read = checkpoint_read(store, numbers[i], &state, NULL);

        if (read == 0)
            error = visit(context, &state);
        else if (read == -ENOMEM)
            error = read;
        log_state_release(&state);
    }
    return error;
}

int checkpoint_write(struct store *store, struct log_state *state, struct failure *failure)
{
    struct storage *storage = store_storage(store);
    char name[LOG_NAME_SIZE];
    cleanup_buffer struct buffer plain = BUFFER(CHECKPOINT_LIMIT);
    cleanup_buffer struct buffer file = BUFFER(CHECKPOINT_LIMIT);
    int error = checkpoint_encode(state, &plain);

    checkpoint_name(state->sequence, name);
    if (error != 0)
        return failure_set(failure, -error, "cannot write %s: %s", name, strerror(-error));
    error = sealed_file_make(store, &checkpoint_file, name, &plain, &file, failure);
    if (error == 0)
        error = storage->class->put_exclusive(storage, name, file.data, file.size, failure);
    if (error != 0 && error != -EEXIST)
        return error;
    state->checkpoint = state->sequence;
    return 0;
}
