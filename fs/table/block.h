/* SPDX-License-Identifier: MIT */
/*
 * Sixteen bytes of text at a time: what the scans and the formats are made of.
 * Masks have a bit a byte, the first byte's lowest. SSE2 where there is, plain C
 * elsewhere and with CRMFS_PORTABLE (which the tests set to try it).
 *
 * Memory that is read or written in whole blocks needs BLOCK_SIZE - 1 bytes
 * more than its text takes. Whoever owns such memory leaves BLOCK_SLACK bytes.
 */
#ifndef CRMFS_TABLE_BLOCK_H
#define CRMFS_TABLE_BLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BLOCK_SIZE 16
#define BLOCK_SLACK 32
#define BLOCK_ALL 0xffffu

/* The bits of the first SIZE bytes, SIZE < BLOCK_SIZE. */
static inline uint32_t block_first(size_t size)
{
    return (1u << size) - 1;
}

#if defined(__SSE2__) && !defined(CRMFS_PORTABLE)
#include <emmintrin.h>

typedef __m128i block;

static inline block block_load(const void *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

static inline void block_store(void *to, block bytes)
{
    _mm_storeu_si128((__m128i *)to, bytes);
}

/* SIZE bytes, less than 8, as a number: the first byte lowest. Reads nothing else. */
static inline uint64_t block_short_word(const uint8_t *from, size_t size)
{
    if (size >= 4) {
        uint32_t first, last;

        memcpy(&first, from, 4);
        memcpy(&last, from + size - 4, 4);
        return first | (uint64_t)last << (size - 4) * 8;
    }
    if (size == 0)
        return 0;
    return from[0] | (uint64_t)from[size / 2] << size / 2 * 8 |
           (uint64_t)from[size - 1] << (size - 1) * 8;
}

/* SIZE bytes, less than BLOCK_SIZE, then zeros. Reads nothing else. */
static inline block block_load_short(const uint8_t *from, size_t size)
{
    if (size < 8)
        return _mm_cvtsi64_si128((int64_t)block_short_word(from, size));

    uint64_t first, last;

    memcpy(&first, from, 8);
    memcpy(&last, from + size - 8, 8);
    /* In two steps, as no shift may be by 64. */
    last = last >> (15 - size) * 8 >> 8;
    return _mm_set_epi64x((int64_t)last, (int64_t)first);
}

static inline uint32_t block_mask(block bytes)
{
    return (uint32_t)_mm_movemask_epi8(bytes);
}

static inline block block_matches(block bytes, char byte)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte));
}

/* Bytes below 0x20. */
static inline block block_controls(block bytes)
{
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
}

/* Bytes above 0x7f. */
static inline uint32_t block_high(block bytes)
{
    return block_mask(bytes);
}

static inline uint32_t block_equal(block bytes, char byte)
{
    return block_mask(block_matches(bytes, byte));
}

/* What JSON escapes: '"', '\\' and control bytes. */
static inline uint32_t block_escaped(block bytes)
{
    return block_mask(
        _mm_or_si128(block_controls(bytes),
                     _mm_or_si128(block_matches(bytes, '"'), block_matches(bytes, '\\'))));
}

/* What makes CSV quote a field: ',', '"', CR and LF. */
static inline uint32_t block_csv_special(block bytes)
{
    return block_mask(
        _mm_or_si128(_mm_or_si128(block_matches(bytes, ','), block_matches(bytes, '"')),
                     _mm_or_si128(block_matches(bytes, '\n'), block_matches(bytes, '\r'))));
}

/* What cells of text are looked at closer for: any of these, or a byte above 0x7f. */
static inline uint32_t block_remarkable(block bytes)
{
    return block_mask(_mm_or_si128(
        _mm_or_si128(bytes, block_controls(bytes)),
        _mm_or_si128(block_matches(bytes, '\\'),
                     _mm_or_si128(block_matches(bytes, '"'), block_matches(bytes, ',')))));
}

#else

typedef struct {
    uint8_t bytes[BLOCK_SIZE];
} block;

static inline block block_load(const void *from)
{
    block bytes;

    memcpy(&bytes, from, sizeof(bytes));
    return bytes;
}

static inline void block_store(void *to, block bytes)
{
    memcpy(to, &bytes, sizeof(bytes));
}

static inline block block_load_short(const uint8_t *from, size_t size)
{
    block bytes = {{0}};

    if (size != 0)
        memcpy(&bytes, from, size);
    return bytes;
}

#define BLOCK_MASK_WHERE(block_, byte_, condition_)          \
    __extension__({                                          \
        uint32_t mask_ = 0;                                  \
        for (unsigned i_ = 0; i_ < BLOCK_SIZE; i_++) {       \
            uint8_t byte_ = (block_).bytes[i_];              \
            mask_ |= (uint32_t)((condition_) ? 1 : 0) << i_; \
        }                                                    \
        mask_;                                               \
    })

static inline uint32_t block_high(block bytes)
{
    return BLOCK_MASK_WHERE(bytes, at, at > 0x7f);
}

static inline uint32_t block_equal(block bytes, char byte)
{
    return BLOCK_MASK_WHERE(bytes, at, at == (uint8_t)byte);
}

static inline uint32_t block_escaped(block bytes)
{
    return BLOCK_MASK_WHERE(bytes, at, at < 0x20 || at == '"' || at == '\\');
}

static inline uint32_t block_csv_special(block bytes)
{
    return BLOCK_MASK_WHERE(bytes, at, at == ',' || at == '"' || at == '\n' || at == '\r');
}

static inline uint32_t block_remarkable(block bytes)
{
    return block_high(bytes) | block_escaped(bytes) | block_csv_special(bytes);
}

#endif

#endif
