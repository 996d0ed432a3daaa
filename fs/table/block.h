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
    return block_mask(_mm_or_si128(
        block_controls(bytes),
        _mm_or_si128(block_matches(bytes, '"'), block_matches(bytes, '\\'))));
}

/* What makes CSV quote a field: ',', '"', CR and LF. */
static inline uint32_t block_csv_special(block bytes)
{
    return block_mask(
        _mm_or_si128(_mm_or_si128(block_matches(bytes, ','), block_matches(bytes, '"')),
                     _mm_or_si128(block_matches(bytes, '\n'), block_matches(bytes, '\r'))));
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

#define BLOCK_MASK_WHERE(block_, byte_, condition_)         \
    __extension__({                                         \
        uint32_t mask_ = 0;                                 \
        for (unsigned i_ = 0; i_ < BLOCK_SIZE; i_++) {      \
            uint8_t byte_ = (block_).bytes[i_];             \
            mask_ |= (uint32_t)((condition_) ? 1 : 0) << i_; \
        }                                                   \
        mask_;                                              \
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

#endif

#endif
