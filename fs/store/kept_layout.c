/* SPDX-License-Identifier: MIT */
#include "fs/store/kept_layout.h"

#include <errno.h>
#include <string.h>

#include "fs/base/little_endian.h"

#define RENDERED_LIMIT ((uint64_t)1 << 40)

void kept_foot_encode(const struct kept_foot *foot, uint8_t bytes[KEPT_FOOT_BYTES])
{
    put_u64(bytes, foot->directory);
    put_u32(bytes + 8, (uint32_t)foot->count);
    put_u32(bytes + 12, 0);
}

size_t kept_block_count(size_t group_count)
{
    return group_count == 0 ? 1 : (group_count + KEPT_BLOCK_ENTRIES - 1) / KEPT_BLOCK_ENTRIES;
}

/* Bytes from the directory's beginning to that of its last block's plaintext. */
static uint64_t full_blocks_bytes(size_t group_count)
{
    return (uint64_t)(kept_block_count(group_count) - 1) * (KEPT_BLOCK_BYTES + SEAL_OVERHEAD_BYTES);
}

static size_t last_entries(size_t group_count)
{
    return group_count - (kept_block_count(group_count) - 1) * KEPT_BLOCK_ENTRIES;
}

size_t kept_last_block_bytes(const struct kept_foot *foot)
{
    size_t entries = last_entries(foot->count) * KEPT_ENTRY_BYTES;
    uint64_t least = foot->directory + full_blocks_bytes(foot->count) + entries +
                     SEAL_OVERHEAD_BYTES + KEPT_FOOT_SEALED;
    uint64_t over = least % KEPT_ROUND_BYTES;

    return entries + (over == 0 ? 0 : KEPT_ROUND_BYTES - (size_t)over);
}

int kept_foot_decode(const uint8_t bytes[KEPT_FOOT_BYTES], uint64_t size,
                     struct kept_foot *ret_foot)
{
    struct kept_foot foot = {.directory = get_u64(bytes), .count = get_u32(bytes + 8)};

    if (get_u32(bytes + 12) != 0 || foot.count > KEPT_GROUPS_LIMIT ||
        foot.directory < KEPT_HEAD_BYTES || foot.directory > size)
        return -EBADMSG;
    /* One length follows from the other: the padding is as short as can be. */
    if (foot.directory + full_blocks_bytes(foot.count) + kept_last_block_bytes(&foot) +
            SEAL_OVERHEAD_BYTES + KEPT_FOOT_SEALED !=
        size)
        return -EBADMSG;
    *ret_foot = foot;
    return 0;
}

void kept_block_encode(const struct kept_group *groups, size_t count, uint8_t *bytes, size_t size)
{
    memset(bytes, 0, size);
    for (size_t i = 0; i < count; i++, bytes += KEPT_ENTRY_BYTES) {
        put_u32(bytes, groups[i].place.sealed_size);
        put_u32(bytes + 4, groups[i].place.size);
        put_u32(bytes + 8, groups[i].rows);
        put_u64(bytes + 16, groups[i].csv_bytes);
        put_u64(bytes + 24, groups[i].ndjson_bytes);
        memcpy(bytes + 32, groups[i].digest, KEPT_DIGEST_BYTES);
    }
}

static int decode_entry(const uint8_t *bytes, uint64_t offset, struct kept_group *ret_group)
{
    struct kept_group group = {
        .place = {.offset = offset, .sealed_size = get_u32(bytes), .size = get_u32(bytes + 4)},
        .rows = get_u32(bytes + 8),
        .csv_bytes = get_u64(bytes + 16),
        .ndjson_bytes = get_u64(bytes + 24),
    };

    if (group.place.size == 0 || group.place.size > KEPT_GROUP_LIMIT ||
        group.place.sealed_size <= SEAL_OVERHEAD_BYTES ||
        group.place.sealed_size - SEAL_OVERHEAD_BYTES > group.place.size ||
        get_u32(bytes + 12) != 0 || group.csv_bytes > RENDERED_LIMIT ||
        group.ndjson_bytes > RENDERED_LIMIT)
        return -EBADMSG;
    memcpy(group.digest, bytes + 32, KEPT_DIGEST_BYTES);
    *ret_group = group;
    return 0;
}

int kept_block_decode(const uint8_t *bytes, size_t size, size_t count, uint64_t *end,
                      struct kept_group *ret_groups)
{
    if (count > size / KEPT_ENTRY_BYTES)
        return -EBADMSG;
    for (size_t i = 0; i < count; i++) {
        int error = decode_entry(bytes + i * KEPT_ENTRY_BYTES, *end, &ret_groups[i]);

        if (error != 0)
            return error;
        *end += ret_groups[i].place.sealed_size;
    }
    for (size_t at = count * KEPT_ENTRY_BYTES; at < size; at++) {
        if (bytes[at] != 0)
            return -EBADMSG;
    }
    return 0;
}
