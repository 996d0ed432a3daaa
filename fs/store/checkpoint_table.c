/* SPDX-License-Identifier: MIT */
/* A state as a table in binary: what a checkpoint holds (FORMAT.md). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/store/log_internal.h"
#include "fs/store/pack.h"

#define TABLE_HEAD_BYTES 8
#define SNAPSHOT_FIXED_BYTES 92
#define MARK_BYTES 48
#define CLAIM_FIXED_BYTES 26
#define HAS_FILES 1
#define HAS_CLAIM 2
#define HAS_REMOVED_KEYS 4

/* ---- Encoding ---- */

/* SNAPSHOT_NAME_LIMIT and the like are below 256. */
static int put_text(struct buffer *table, const char *text)
{
    return buffer_append(table, text, strlen(text));
}

static int put_reference(struct buffer *table, const struct object_reference *reference)
{
    uint8_t bytes[OBJECT_REFERENCE_BYTES];

    object_reference_encode(reference, bytes);
    return buffer_append(table, bytes, sizeof bytes);
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
    fixed[91] = snapshot->has_files ? 1 : 0;
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
    return error == 0 && snapshot->has_files ? put_reference(table, &snapshot->files) : error;
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

static int put_claim(struct buffer *table, const struct files_claim *claim)
{
    uint8_t fixed[CLAIM_FIXED_BYTES];
    int error;

    memcpy(fixed, claim->writer, FILES_WRITER_BYTES);
    put_u64(fixed + 16, claim->time_ns);
    fixed[24] = (uint8_t)strlen(claim->host);
    fixed[25] = (uint8_t)strlen(claim->process);
    error = buffer_append(table, fixed, sizeof fixed);
    if (error == 0)
        error = put_text(table, claim->host);
    return error == 0 ? put_text(table, claim->process) : error;
}

static int put_removed_keys(struct buffer *table, const struct log_state *state)
{
    uint8_t count[4];
    int error;

    put_u32(count, (uint32_t)state->removed_key_count);
    error = buffer_append(table, count, sizeof count);
    return error == 0 ? buffer_append(table, state->removed_keys,
                                      state->removed_key_count * sizeof *state->removed_keys)
                      : error;
}

/* What a store need not have. */
static int put_rest(struct buffer *table, const struct log_state *state)
{
    uint8_t what = (state->has_files ? HAS_FILES : 0) | (state->claim.stands ? HAS_CLAIM : 0) |
                   (state->removed_key_count != 0 ? HAS_REMOVED_KEYS : 0);
    int error = what != 0 ? buffer_append(table, &what, 1) : 0;

    if (error == 0 && state->has_files)
        error = put_reference(table, &state->files);
    if (error == 0 && state->claim.stands)
        error = put_claim(table, &state->claim);
    return error == 0 && state->removed_key_count != 0 ? put_removed_keys(table, state) : error;
}

int checkpoint_put_table(struct buffer *table, const struct log_state *state)
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
    return error == 0 ? put_rest(table, state) : error;
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

static int take_reference(struct reader *reader, struct object_reference *reference)
{
    const uint8_t *bytes = take(reader, OBJECT_REFERENCE_BYTES);

    if (bytes == NULL)
        return -EBADMSG;
    *reference = object_reference_decode(bytes);
    return 0;
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

    if (fixed == NULL || fixed[91] > 1)
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
    snapshot->has_files = fixed[91] == 1;
    if (error == 0 && snapshot->has_files)
        error = take_reference(reader, &snapshot->files);
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

    if (count > reader->left / MARK_BYTES)
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

static int take_claim(struct reader *reader, struct files_claim *claim)
{
    const uint8_t *fixed = take(reader, CLAIM_FIXED_BYTES);

    if (fixed == NULL)
        return -EBADMSG;
    claim->stands = true;
    memcpy(claim->writer, fixed, FILES_WRITER_BYTES);
    claim->time_ns = get_u64(fixed + 16);

    int error = take_text(reader, fixed[24], &claim->host);

    if (error == 0)
        error = take_text(reader, fixed[25], &claim->process);
    if (error == 0 && (!files_claim_text(claim->host) || !files_claim_text(claim->process)))
        error = -EBADMSG;
    return error;
}

static int take_removed_keys(struct reader *reader, struct log_state *state)
{
    const uint8_t *bytes = take(reader, 4);
    size_t count = bytes != NULL ? get_u32(bytes) : 0;

    if (count == 0 || count > reader->left / STORE_ID_BYTES)
        return -EBADMSG;
    state->removed_keys = allocate_array(count, sizeof *state->removed_keys);
    if (state->removed_keys == NULL)
        return -ENOMEM;
    memcpy(state->removed_keys, take(reader, count * STORE_ID_BYTES), count * STORE_ID_BYTES);
    state->removed_key_count = count;
    for (size_t i = 1; i < count; i++) {
        if (memcmp(state->removed_keys[i - 1], state->removed_keys[i], STORE_ID_BYTES) >= 0)
            return -EBADMSG;
    }
    return 0;
}

static int take_rest(struct reader *reader, struct log_state *state)
{
    const uint8_t *what = take(reader, 1);
    int error = 0;

    if (what == NULL) /* the table ends here: none of it */
        return 0;
    if (*what == 0 || *what > (HAS_FILES | HAS_CLAIM | HAS_REMOVED_KEYS))
        return -EBADMSG;
    state->has_files = (*what & HAS_FILES) != 0;
    if (state->has_files)
        error = take_reference(reader, &state->files);
    if (error == 0 && (*what & HAS_CLAIM) != 0)
        error = take_claim(reader, &state->claim);
    if (error == 0 && (*what & HAS_REMOVED_KEYS) != 0)
        error = take_removed_keys(reader, state);
    return error == 0 && reader->left != 0 ? -EBADMSG : error;
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

int checkpoint_read_table(const struct buffer *table, struct log_state *state)
{
    struct reader reader = {.at = table->data, .left = table->size};
    const uint8_t *head = take(&reader, TABLE_HEAD_BYTES);
    int error;

    if (head == NULL)
        return -EBADMSG;
    error = take_snapshots(&reader, get_u32(head), state);
    if (error == 0)
        error = take_marks(&reader, get_u32(head + 4), state);
    if (error == 0)
        error = take_rest(&reader, state);
    return error == 0 ? check_unique(state) : error;
}
