/* SPDX-License-Identifier: MIT */
#include "fs/files/cut.h"

#include <sodium.h>

#include "fs/base/little_endian.h"

/*
 * Gear hashing with two masks, as FastCDC (Xia and others, USENIX ATC 2016) has it: harder to meet
 * before the usual length, easier after it. The masks' bits are high ones, which 64 bytes touch.
 */
#define CUT_USUAL ((size_t)64 << 10)
#define MASK_BEFORE (UINT64_C(0x1ffff) << 47)
#define MASK_AFTER (UINT64_C(0x7fff) << 49)

void cut_prepare(const uint8_t *key, uint64_t gear[CUT_GEAR_ENTRIES])
{
    _Static_assert(crypto_shorthash_BYTES == 8, "one hash makes one entry");

    for (unsigned i = 0; i < CUT_GEAR_ENTRIES; i++) {
        uint8_t number = (uint8_t)i;
        uint8_t hash[crypto_shorthash_BYTES];

        crypto_shorthash(hash, &number, 1, key);
        gear[i] = get_u64(hash);
    }
}

/*
 * The first place from AT up to END whose hash meets MASK, or END. *HASH is that of the bytes
 * before AT, and then of those before END. Four bytes a step: what one hash waits for is the one
 * four bytes before, and not the last, which makes it half as fast again.
 */
static size_t find_meeting(const uint64_t gear[CUT_GEAR_ENTRIES], const uint8_t *bytes, size_t at,
                           size_t end, uint64_t mask, uint64_t *hash)
{
    uint64_t last = *hash;

    for (; at + 4 <= end; at += 4) {
        uint64_t one = gear[bytes[at]];
        uint64_t two = (one << 1) + gear[bytes[at + 1]];
        uint64_t three = (two << 1) + gear[bytes[at + 2]];
        uint64_t four = (three << 1) + gear[bytes[at + 3]];

        one += last << 1;
        two += last << 2;
        three += last << 3;
        last = four + (last << 4);
        if ((one & mask) == 0)
            return at;
        if ((two & mask) == 0)
            return at + 1;
        if ((three & mask) == 0)
            return at + 2;
        if ((last & mask) == 0)
            return at + 3;
    }
    for (; at < end; at++) {
        last = (last << 1) + gear[bytes[at]];
        if ((last & mask) == 0)
            return at;
    }
    *hash = last;
    return end;
}

size_t cut_find(const uint64_t gear[CUT_GEAR_ENTRIES], const uint8_t *bytes, size_t size)
{
    size_t end = size < CUT_MOST ? size : CUT_MOST;
    size_t usual = end < CUT_USUAL ? end : CUT_USUAL;
    uint64_t hash = 0;
    size_t at;

    if (size <= CUT_LEAST)
        return size;
    for (at = CUT_LEAST - 64; at < CUT_LEAST; at++) /* the hash is of the last 64 bytes */
        hash = (hash << 1) + gear[bytes[at]];
    at = find_meeting(gear, bytes, at, usual, MASK_BEFORE, &hash);
    if (at == usual)
        at = find_meeting(gear, bytes, at, end, MASK_AFTER, &hash);
    return at < end ? at + 1 : end;
}
