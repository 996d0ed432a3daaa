/* SPDX-License-Identifier: MIT */
#include "fs/files/sketch.h"

#include <string.h>

/* The upper bits of a 32-bit rolling hash: as many bytes as it has bits have a part in them. */
#define TAKEN_MASK (UINT32_C(0x3f) << 26)
#define PLACE_BITS 13
#define COUNT_MOST (SKETCH_PLACES / 4 * 3)
#define COUNT_LEAST 16

_Static_assert(SKETCH_PLACES == (size_t)1 << PLACE_BITS, "a place has so many bits");

/* The place of HASH, or the free one where it belongs. */
static size_t find_place(const struct sketch *sketch, uint32_t hash)
{
    size_t place = (hash * UINT32_C(0x9e3779b1)) >> (32 - PLACE_BITS);

    while (sketch->hashes[place] != 0 && sketch->hashes[place] != hash)
        place = (place + 1) % SKETCH_PLACES;
    return place;
}

static void add(struct sketch *sketch, uint32_t hash)
{
    size_t place = find_place(sketch, hash);

    if (hash == 0 || sketch->hashes[place] == hash || sketch->count >= COUNT_MOST)
        return;
    sketch->hashes[place] = hash;
    sketch->count++;
}

void sketch_make(struct sketch *sketch, const uint64_t gear[CUT_GEAR_ENTRIES], const uint8_t *bytes,
                 size_t size)
{
    uint32_t hash = 0;

    memset(sketch, 0, sizeof *sketch);
    for (size_t i = 0; i < size; i++) {
        hash = (hash << 1) + (uint32_t)gear[bytes[i]];
        if ((hash & TAKEN_MASK) == 0)
            add(sketch, hash);
    }
}

unsigned sketch_common(const struct sketch *left, const struct sketch *right)
{
    size_t least = left->count < right->count ? left->count : right->count;
    size_t common = 0;

    if (least < COUNT_LEAST)
        return 0;
    for (size_t i = 0; i < SKETCH_PLACES; i++) {
        if (left->hashes[i] != 0)
            common += right->hashes[find_place(right, left->hashes[i])] == left->hashes[i];
    }
    return (unsigned)(common * SKETCH_ALL / least);
}
