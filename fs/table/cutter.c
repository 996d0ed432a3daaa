/* SPDX-License-Identifier: MIT */
#include "fs/table/cutter.h"

#include <sodium.h>
#include <string.h>
#include <xxhash.h>

#include "fs/table/row_group.h"

#define KEY_BYTES_INLINE 256 /* of key cells hashed as they are; longer ones by their own hash */

uint64_t row_bytes(const struct schema *schema, const struct cell *cells)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < schema->column_count; i++)
        bytes += cells[i].size;
    return bytes;
}

/*
 * Appends one cell of the key to what is hashed: class, length, bytes. Where it
 * does not fit, what stands there so far is folded into 16 bytes first.
 */
static size_t add_cell(uint8_t *scratch, size_t used, const struct cell *cell)
{
    uint8_t class = (uint8_t)cell->class;
    size_t head = sizeof class + sizeof cell->size;
    bool whole = cell->size <= KEY_BYTES_INLINE / 4;
    size_t body = whole ? (size_t)cell->size : sizeof(XXH128_hash_t);

    if (cell->size != 0 && cell->data == NULL)
        body = 0;

    if (used + head + body > KEY_BYTES_INLINE) {
        XXH128_hash_t folded = XXH3_128bits(scratch, used);

        memcpy(scratch, &folded, sizeof folded);
        used = sizeof folded;
    }
    scratch[used++] = class;
    memcpy(scratch + used, &cell->size, sizeof cell->size);
    used += sizeof cell->size;
    if (body == 0)
        return used;
    if (whole) {
        memcpy(scratch + used, cell->data, body);
    } else {
        XXH128_hash_t digest = XXH3_128bits(cell->data, (size_t)cell->size);

        memcpy(scratch + used, &digest, sizeof digest);
    }
    return used + body;
}

uint64_t row_key_hash(const struct schema *schema, const uint8_t key[CUTTER_KEY_BYTES],
                      const struct cell *cells)
{
    uint8_t scratch[KEY_BYTES_INLINE];
    uint8_t hash[crypto_shorthash_BYTES];
    size_t used = 0;
    uint64_t number;

    if (schema->order_key_count != 0) {
        for (size_t i = 0; i < schema->order_key_count; i++)
            used = add_cell(scratch, used, &cells[schema->order_key[i]]);
    } else {
        for (size_t i = 0; i < schema->column_count; i++)
            used = add_cell(scratch, used, &cells[i]);
    }
    crypto_shorthash(hash, scratch, used, key);
    memcpy(&number, hash, sizeof number);
    return number;
}

bool row_begins_group(uint64_t key_hash, uint64_t bytes, uint32_t group_bytes)
{
    return bytes >= group_bytes || key_hash < UINT64_MAX / group_bytes * bytes;
}
