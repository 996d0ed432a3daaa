/* SPDX-License-Identifier: MIT */
#include "fs/store/index.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/little_endian.h"

/* Where the parts of an entry stand. */
#define AT_HINT 32
#define AT_OFFSET 40
#define AT_SEALED 44
#define AT_TYPE 48
#define AT_ENCODING 49
#define AT_DEPTH 50
#define AT_ZERO 51

#define LAST_BLOCK 1u

void index_path(const uint8_t salt[STORE_SALT_BYTES], char ret_path[INDEX_PATH_SIZE])
{
    char name[PACK_NAME_SIZE];

    pack_name(salt, name);
    snprintf(ret_path, INDEX_PATH_SIZE, INDEX_FOLDER "/%s", name);
}

int index_entry_compare(const void *left, const void *right)
{
    const struct index_entry *first = left;
    const struct index_entry *second = right;

    return memcmp(first->reference.id, second->reference.id, OBJECT_ID_BYTES);
}

static void entry_encode(const struct index_entry *entry, uint8_t *bytes)
{
    memcpy(bytes, entry->reference.id, OBJECT_ID_BYTES);
    put_u64(bytes + AT_HINT, entry->reference.pack_hint);
    put_u32(bytes + AT_OFFSET, (uint32_t)(entry->reference.offset / 8));
    put_u32(bytes + AT_SEALED, entry->reference.sealed_size);
    bytes[AT_TYPE] = entry->type;
    bytes[AT_ENCODING] = entry->encoding;
    bytes[AT_DEPTH] = entry->depth;
}

void index_block_encode(const struct index_entry *entries, size_t count, bool last,
                        uint8_t block[INDEX_BLOCK_BYTES])
{
    memset(block, 0, INDEX_BLOCK_BYTES);
    put_u32(block, (uint32_t)count);
    put_u32(block + 4, last ? LAST_BLOCK : 0);
    for (size_t i = 0; i < count; i++)
        entry_encode(&entries[i], block + INDEX_BLOCK_HEAD_BYTES + i * INDEX_ENTRY_BYTES);
}

static const uint8_t *entry_bytes(const uint8_t *block, size_t place)
{
    return block + INDEX_BLOCK_HEAD_BYTES + place * INDEX_ENTRY_BYTES;
}

struct index_entry index_block_entry(const uint8_t block[INDEX_BLOCK_BYTES], size_t place)
{
    const uint8_t *bytes = entry_bytes(block, place);
    struct index_entry entry = {
        .reference = {.pack_hint = get_u64(bytes + AT_HINT),
                      .offset = (uint64_t)get_u32(bytes + AT_OFFSET) * 8,
                      .sealed_size = get_u32(bytes + AT_SEALED)},
        .type = bytes[AT_TYPE],
        .encoding = bytes[AT_ENCODING],
        .depth = bytes[AT_DEPTH],
    };

    memcpy(entry.reference.id, bytes, OBJECT_ID_BYTES);
    return entry;
}

static bool entry_is_possible(const uint8_t *bytes)
{
    uint32_t sealed_size = get_u32(bytes + AT_SEALED);

    return bytes[AT_TYPE] >= OBJECT_ROW_GROUP && bytes[AT_TYPE] < OBJECT_TYPES &&
           bytes[AT_ENCODING] < OBJECT_ENCODINGS && bytes[AT_DEPTH] <= OBJECT_DEPTH_MOST &&
           (bytes[AT_DEPTH] != 0) == (bytes[AT_ENCODING] == OBJECT_ZSTD_PARENT) &&
           sealed_size >= OBJECT_SEALED_LEAST && sealed_size <= OBJECT_SEALED_LIMIT &&
           sodium_is_zero(bytes + AT_ZERO, INDEX_ENTRY_BYTES - AT_ZERO) == 1;
}

int index_block_check(const uint8_t block[INDEX_BLOCK_BYTES], bool *ret_last)
{
    uint32_t count = get_u32(block);
    uint32_t flags = get_u32(block + 4);

    if (count == 0 || count > INDEX_BLOCK_ENTRIES || flags > LAST_BLOCK)
        return -EBADMSG;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *bytes = entry_bytes(block, i);

        if (!entry_is_possible(bytes) ||
            (i > 0 && memcmp(bytes - INDEX_ENTRY_BYTES, bytes, OBJECT_ID_BYTES) >= 0))
            return -EBADMSG;
    }

    const uint8_t *rest = entry_bytes(block, count);

    if (sodium_is_zero(rest, (size_t)(block + INDEX_BLOCK_BYTES - rest)) != 1)
        return -EBADMSG;
    *ret_last = flags == LAST_BLOCK;
    return (int)count;
}

int index_block_search(const uint8_t block[INDEX_BLOCK_BYTES], int count,
                       const uint8_t id[OBJECT_ID_BYTES])
{
    int low = 0;
    int high = count;

    while (low < high) {
        int middle = (low + high) / 2;
        int order = memcmp(id, entry_bytes(block, (size_t)middle), OBJECT_ID_BYTES);

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (low == 0)
        return INDEX_BEFORE;
    return low == count ? count : -ENOENT;
}

uint64_t index_blocks(uint64_t size)
{
    if (size < INDEX_HEAD_BYTES + INDEX_BLOCK_SEALED ||
        (size - INDEX_HEAD_BYTES) % INDEX_BLOCK_SEALED != 0 ||
        (size - INDEX_HEAD_BYTES) / INDEX_BLOCK_SEALED > INDEX_BLOCKS_MOST)
        return 0;
    return (size - INDEX_HEAD_BYTES) / INDEX_BLOCK_SEALED;
}

int index_block_read(struct storage *storage, struct sealer *sealer, const struct index_file *file,
                     uint64_t number, uint8_t block[INDEX_BLOCK_BYTES], struct failure *failure)
{
    uint8_t sealed[INDEX_BLOCK_SEALED];
    uint64_t offset = INDEX_HEAD_BYTES + number * INDEX_BLOCK_SEALED;
    char path[INDEX_PATH_SIZE];
    bool last;

    index_path(file->salt, path);

    int error = storage->class->read(storage, path, offset, sealed, sizeof sealed, failure);

    if (error == 0)
        error = unseal(sealer, offset, NULL, 0, sealed, sizeof sealed, block);
    if (error == 0) {
        int count = index_block_check(block, &last);

        error = count < 0 ? count : 0;
        if (error == 0 && last != (number == file->blocks - 1))
            error = -EBADMSG;
    }
    if (error == -EBADMSG)
        return failure_set(failure, EBADMSG, "%s is damaged: `crmfs repair` makes it again", path);
    return error;
}
