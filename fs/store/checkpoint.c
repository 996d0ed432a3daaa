/* SPDX-License-Identifier: MIT */
/* A state as a file: a table in binary, compressed, in one sealed piece (FORMAT.md). */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/store/log_internal.h"
#include "fs/store/pack.h"

#define HEAD_BYTES 48
#define TABLE_HEAD_BYTES 8
#define SNAPSHOT_FIXED_BYTES 92
#define MARK_BYTES 48
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

/* SNAPSHOT_NAME_LIMIT and the like are below 256. */
static int put_text(struct buffer *table, const char *text)
{
    return buffer_append(table, text, strlen(text));
}

static int put_snapshot(struct buffer *table, const struct snapshot *snapshot)
{
    uint8_t fixed[SNAPSHOT_FIXED_BYTES] = {0};
    int error;

    memcpy(fixed, snapshot->id, SNAPSHOT_ID_BYTES);
    object_reference_encode(&snapshot->tree, fixed + 16);
    put_u64(fixed + 64, snapshot->time_ns);
    put_u64(fixed + 72, snapshot->raw_bytes);
    put_u64(fixed + 80, snapshot->stored_bytes);
    fixed[88] = (uint8_t)strlen(snapshot->name);
    fixed[89] = (uint8_t)strlen(snapshot->host);
    fixed[90] = (uint8_t)snapshot->tag_count;
    error = buffer_append(table, fixed, sizeof fixed);
    if (error == 0)
        error = put_text(table, snapshot->name);
    if (error == 0)
        error = put_text(table, snapshot->host);
    for (size_t i = 0; i < snapshot->tag_count && error == 0; i++) {
        uint8_t length = (uint8_t)strlen(snapshot->tags[i]);

        error = buffer_append(table, &length, 1);
        if (error == 0)
            error = put_text(table, snapshot->tags[i]);
    }
    return error;
}

static int put_mark(struct buffer *table, const struct log_mark *mark)
{
    uint8_t fixed[MARK_BYTES] = {0};

    if (!pack_salt(mark->pack, fixed))
        return -EINVAL;
    put_u64(fixed + 32, mark->time_ns);
    fixed[40] = mark->removed ? 1 : 0;
    return buffer_append(table, fixed, sizeof fixed);
}

static int put_table(struct buffer *table, const struct log_state *state)
{
    uint8_t head[TABLE_HEAD_BYTES];
    int error;

    put_u32(head, (uint32_t)state->snapshot_count);
    put_u32(head + 4, (uint32_t)state->mark_count);
    error = buffer_append(table, head, sizeof head);
    for (size_t i = 0; i < state->snapshot_count && error == 0; i++)
        error = put_snapshot(table, &state->snapshots[i]);
    for (size_t i = 0; i < state->mark_count && error == 0; i++)
        error = put_mark(table, &state->marks[i]);
    return error;
}

int checkpoint_encode(const struct log_state *state, struct buffer *output)
{
    cleanup_buffer struct buffer table = BUFFER(CHECKPOINT_LIMIT);
    int error = put_table(&table, state);

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

struct reader {
    const uint8_t *at;
    size_t left;
};

/* NULL: the table ends before. */
static const uint8_t *take(struct reader *reader, size_t size)
{
    const uint8_t *bytes = reader->at;

    if (size > reader->left)
        return NULL;
    reader->at += size;
    reader->left -= size;
    return bytes;
}

static int take_text(struct reader *reader, size_t size, char **ret_text)
{
    const uint8_t *bytes = take(reader, size);

    if (bytes == NULL || memchr(bytes, '\0', size) != NULL)
        return -EBADMSG;
    *ret_text = strndup((const char *)bytes, size);
    return *ret_text != NULL ? 0 : -ENOMEM;
}

static int take_tags(struct reader *reader, size_t count, struct snapshot *snapshot)
{
    snapshot->tags = allocate_array(count, sizeof *snapshot->tags);
    if (snapshot->tags == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *length = take(reader, 1);
        int error = length != NULL ? take_text(reader, *length, &snapshot->tags[i]) : -EBADMSG;

        if (error != 0)
            return error;
        snapshot->tag_count++;
    }
    return 0;
}

/* What was read before a failure is the caller's, who releases it. */
static int take_snapshot(struct reader *reader, struct snapshot *snapshot)
{
    const uint8_t *fixed = take(reader, SNAPSHOT_FIXED_BYTES);

    if (fixed == NULL || fixed[91] != 0)
        return -EBADMSG;
    memcpy(snapshot->id, fixed, SNAPSHOT_ID_BYTES);
    snapshot->tree = object_reference_decode(fixed + 16);
    snapshot->time_ns = get_u64(fixed + 64);
    snapshot->raw_bytes = get_u64(fixed + 72);
    snapshot->stored_bytes = get_u64(fixed + 80);

    int error = take_text(reader, fixed[88], &snapshot->name);

    if (error == 0)
        error = take_text(reader, fixed[89], &snapshot->host);
    if (error == 0)
        error = take_tags(reader, fixed[90], snapshot);
    return error == 0 && snapshot_check(snapshot, NULL) != 0 ? -EBADMSG : error;
}

static int take_snapshots(struct reader *reader, size_t count, struct log_state *state)
{
    if (count > reader->left / SNAPSHOT_FIXED_BYTES)
        return -EBADMSG;
    state->snapshots = allocate_array(count, sizeof *state->snapshots);
    if (state->snapshots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        state->snapshot_count++;

        int error = take_snapshot(reader, &state->snapshots[i]);

        if (error != 0)
            return error;
        if (i > 0 && snapshot_compare(&state->snapshots[i - 1], &state->snapshots[i]) >= 0)
            return -EBADMSG;
    }
    return 0;
}

static int take_marks(struct reader *reader, size_t count, struct log_state *state)
{
    static const uint8_t zeros[7];

    if (reader->left % MARK_BYTES != 0 || count != reader->left / MARK_BYTES)
        return -EBADMSG;
    state->marks = allocate_array(count, sizeof *state->marks);
    if (state->marks == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *fixed = take(reader, MARK_BYTES);
        struct log_mark *mark = &state->marks[i];

        if (fixed[40] > 1 || memcmp(fixed + 41, zeros, sizeof zeros) != 0)
            return -EBADMSG;
        mark->pack = malloc(PACK_NAME_SIZE);
        if (mark->pack == NULL)
            return -ENOMEM;
        state->mark_count++;
        pack_name(fixed, mark->pack);
        mark->time_ns = get_u64(fixed + 32);
        mark->removed = fixed[40] == 1;
        if (i > 0 && strcmp(mark[-1].pack, mark->pack) >= 0)
            return -EBADMSG;
    }
    return 0;
}

static int compare_ids(const void *left, const void *right)
{
    return memcmp(left, right, SNAPSHOT_ID_BYTES);
}

/* No two snapshots share a name or an id. */
static int check_unique(const struct log_state *state)
{
    cleanup_name_map struct name_map *names = NULL;
    cleanup_free uint8_t(*ids)[SNAPSHOT_ID_BYTES] =
        allocate_array(state->snapshot_count, sizeof *ids);
    int error = ids != NULL ? name_map_create(&names) : -ENOMEM;

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++) {
        memcpy(ids[i], state->snapshots[i].id, sizeof *ids);
        error = name_map_add(names, state->snapshots[i].name, i);
    }
    if (error != 0)
        return error == -EEXIST ? -EBADMSG : error;
    qsort(ids, state->snapshot_count, sizeof *ids, compare_ids);
    for (size_t i = 1; i < state->snapshot_count; i++) {
        if (compare_ids(ids[i - 1], ids[i]) == 0)
            return -EBADMSG;
    }
    return 0;
}

static int read_table(const struct buffer *table, struct log_state *state)
{
    struct reader reader = {.at = table->data, .left = table->size};
    const uint8_t *head = take(&reader, TABLE_HEAD_BYTES);
    int error;

    if (head == NULL)
        return -EBADMSG;
    error = take_snapshots(&reader, get_u32(head), state);
    if (error == 0)
        error = take_marks(&reader, get_u32(head + 4), state);
    return error == 0 ? check_unique(state) : error;
}

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
        error = read_table(&table, &state);
    if (error == 0 && get_u64((const uint8_t *)plain + 32) == 0)
        error = -EBADMSG;
    if (error != 0) {
        log_state_release(&state);
        return error;
    }
    memcpy(state.hash, plain, LOG_HASH_BYTES);
    state.sequence = get_u64((const uint8_t *)plain + 32);
    state.checkpoint = state.sequence;
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
