/* SPDX-License-Identifier: MIT */
/* https://tukaani.org/xz/xz-file-format.txt, 3.1 and 5.3.1; lzma-file-format.txt, 1.1. */
#include "backends/source/xz_window.h"

#include <errno.h>
#include <string.h>

#include "backends/source/seven_bits.h"

#define STREAM_HEADER_BYTES 12u
#define LZMA2 0x21u
#define LZMA_HEADER_BYTES 13u
#define LZMA_USUAL 0x5du                   /* lc, lp and pb, as all programs have them */
#define LZMA_SIZE_MOST ((uint64_t)1 << 38) /* of what a header is believed */

/* Of LZMA2's one byte: 4 KiB, 6 KiB, 8 KiB … */
static uint64_t window_of(uint8_t byte)
{
    return (uint64_t)(2 | (byte & 1)) << (byte / 2 + 11);
}

/* The first block's; 0: it does not say. */
static uint64_t xz_window(const uint8_t *at, const uint8_t *end)
{
    uint64_t number;
    uint64_t id;
    uint64_t size;

    if ((size_t)(end - at) < STREAM_HEADER_BYTES + 2 || memcmp(at,
                                                               "\xfd"
                                                               "7zXZ\0",
                                                               6) != 0)
        return 0;
    at += STREAM_HEADER_BYTES + 1;

    uint8_t flags = *at++;

    for (unsigned size_flag = 0x40; size_flag <= 0x80; size_flag <<= 1) {
        if ((flags & size_flag) != 0 && !seven_bits_take(&at, end, &number))
            return 0;
    }
    for (unsigned filters = (flags & 3u) + 1; filters > 0; filters--) {
        if (!seven_bits_take(&at, end, &id) || !seven_bits_take(&at, end, &size) ||
            size > (uint64_t)(end - at))
            return 0;
        if (id == LZMA2 && size == 1)
            return window_of(*at & 63);
        at += size;
    }
    return 0;
}

static uint64_t number_at(const uint8_t *bytes, size_t size)
{
    uint64_t number = 0;

    for (size_t i = size; i > 0; i--)
        number = number << 8 | bytes[i - 1];
    return number;
}

/* It has no mark: other files may begin with this byte, but not so. */
static uint64_t lzma_window(const uint8_t *at, const uint8_t *end)
{
    if ((size_t)(end - at) < LZMA_HEADER_BYTES || at[0] != LZMA_USUAL)
        return 0;

    uint64_t unpacked = number_at(at + 5, 8);

    return unpacked == UINT64_MAX || unpacked < LZMA_SIZE_MOST ? number_at(at + 1, 4) : 0;
}

bool lzma_recognise(const void *begin, size_t size)
{
    const uint8_t *at = begin;

    return size != 0 && lzma_window(at, at + size) != 0;
}

int xz_window_check(const void *begin, size_t size, struct failure *failure)
{
    const uint8_t *at = begin;
    uint64_t window = size != 0 ? xz_window(at, at + size) : 0;

    if (window == 0 && size != 0)
        window = lzma_window(at, at + size);
    if (window <= XZ_WINDOW_MOST)
        return 0;
    return failure_set(
        failure, EFBIG,
        "it was packed so that unpacking takes %llu MiB of memory, and more than %llu "
        "are not given to it: unpack it (xz -d), and mount what is in it",
        (unsigned long long)(window >> 20), (unsigned long long)(XZ_WINDOW_MOST >> 20));
}
