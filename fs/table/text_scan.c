/* SPDX-License-Identifier: MIT */
#include "fs/table/text_scan.h"

#include <string.h>

#include "fs/table/block.h"
#include "fs/table/text_blocks.h"

#if defined(__SSE2__) && !defined(CRMFS_PORTABLE)

/* What is summed at a time: a byte of a sum has room for 255 blocks. */
#define RUN_BYTES ((size_t)254 * BLOCK_SIZE)

/* What blocks held, added up byte by byte. */
struct sums {
    block high;    /* bytes, or-ed */
    block special; /* 255 where one was special in CSV */
    block odd;     /* 255 where one was a control other than \t, \n, \r: for those, look closer */
    block quotes;  /* how many */
    block escaped; /* how many */
};

static inline void sum_block(struct sums *sums, block bytes)
{
    block quote = block_matches(bytes, '"');
    block line = _mm_or_si128(block_matches(bytes, '\n'), block_matches(bytes, '\r'));
    block usual = _mm_or_si128(line, block_matches(bytes, '\t'));
    block controls = block_controls(bytes);
    block escaped = _mm_or_si128(_mm_or_si128(quote, controls), block_matches(bytes, '\\'));
    block special = _mm_or_si128(_mm_or_si128(quote, line), block_matches(bytes, ','));

    sums->high = _mm_or_si128(sums->high, bytes);
    sums->special = _mm_or_si128(sums->special, special);
    sums->odd = _mm_or_si128(sums->odd, _mm_andnot_si128(usual, controls));
    sums->quotes = _mm_sub_epi8(sums->quotes, quote);
    sums->escaped = _mm_sub_epi8(sums->escaped, escaped);
}

static uint64_t sum_of_bytes(block bytes)
{
    block halves = _mm_sad_epu8(bytes, _mm_setzero_si128());

    return (uint64_t)_mm_cvtsi128_si64(_mm_add_epi64(halves, _mm_unpackhi_epi64(halves, halves)));
}

/* The last SIZE bytes of a block; for the others a letter, which counts for nothing. */
static inline block keep_last(block bytes, size_t size)
{
    static const uint8_t letters[2 * BLOCK_SIZE] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                    255, 255, 255, 255, 255, 255, 255, 255};
    block dropped = block_load(letters + size);

    return _mm_or_si128(_mm_andnot_si128(dropped, bytes),
                        _mm_and_si128(dropped, _mm_set1_epi8('a')));
}

/* Adds SIZE bytes, at least one block and at most RUN_BYTES; copies them unless TO is NULL. */
static inline void scan_run(struct text_traits *traits, uint8_t *to, const uint8_t *at, size_t size)
{
    block zero = _mm_setzero_si128();
    struct sums sums = {zero, zero, zero, zero, zero};
    size_t i;

    for (i = 0; i + BLOCK_SIZE <= size; i += BLOCK_SIZE) {
        block bytes = block_load(at + i);

        if (to != NULL)
            block_store(to + i, bytes);
        sum_block(&sums, bytes);
    }
    if (i != size) {
        /* The last block overlaps the one before. */
        block bytes = block_load(at + size - BLOCK_SIZE);

        if (to != NULL)
            block_store(to + size - BLOCK_SIZE, bytes);
        sum_block(&sums, keep_last(bytes, size - i));
    }
    if (__builtin_expect(block_mask(sums.odd) != 0, 0)) {
        for (i = 0; i + BLOCK_SIZE <= size; i += BLOCK_SIZE)
            text_scan_block(traits, block_load(at + i), BLOCK_SIZE);
        text_scan_block(traits, block_load_short(at + i, size - i), size - i);
        return;
    }
    traits->high |= block_high(sums.high) != 0;
    traits->csv_special |= block_mask(sums.special) != 0;
    traits->quotes += sum_of_bytes(sums.quotes);
    traits->json_growth += sum_of_bytes(sums.escaped);
}

static inline void scan_all(struct text_traits *traits, uint8_t *to, const uint8_t *at, size_t size)
{
    while (size >= BLOCK_SIZE) {
        size_t step = size <= RUN_BYTES ? size : RUN_BYTES;

        scan_run(traits, to, at, step);
        to = to != NULL ? to + step : NULL;
        at += step;
        size -= step;
    }
    if (size != 0) {
        block bytes = block_load_short(at, size);

        if (to != NULL)
            block_store(to, bytes);
        text_scan_block(traits, bytes, size);
    }
}

#else

static inline void scan_all(struct text_traits *traits, uint8_t *to, const uint8_t *at, size_t size)
{
    if (to != NULL)
        memcpy(to, at, size);
    for (; size >= BLOCK_SIZE; at += BLOCK_SIZE, size -= BLOCK_SIZE)
        text_scan_block(traits, block_load(at), BLOCK_SIZE);
    text_scan_block(traits, block_load_short(at, size), size);
}

#endif

void text_scan(struct text_traits *traits, const void *bytes, size_t size)
{
    if (size != 0)
        scan_all(traits, NULL, bytes, size);
}

void text_copy_scan(struct text_traits *traits, uint8_t *to, const uint8_t *at, size_t size)
{
    if (size != 0)
        scan_all(traits, to, at, size);
}

/*
 * Inside a character, the state is how many bytes are to come, and between
 * which bounds the next one lies: the second byte of some characters has
 * narrower bounds than a continuation byte's 0x80 to 0xbf.
 */
static uint32_t utf8_expect(uint32_t left, uint32_t lowest, uint32_t highest)
{
    return left << 16 | lowest << 8 | highest;
}

static uint32_t utf8_begin(uint8_t byte)
{
    if (byte < 0x80)
        return 0;
    if (byte < 0xc2)
        return UTF8_BAD;
    if (byte < 0xe0)
        return utf8_expect(1, 0x80, 0xbf);
    if (byte < 0xf0)
        return utf8_expect(2, byte == 0xe0 ? 0xa0 : 0x80, byte == 0xed ? 0x9f : 0xbf);
    if (byte < 0xf5)
        return utf8_expect(3, byte == 0xf0 ? 0x90 : 0x80, byte == 0xf4 ? 0x8f : 0xbf);
    return UTF8_BAD;
}

static uint32_t utf8_step(uint32_t state, uint8_t byte)
{
    uint32_t left = state >> 16;

    if (left == 0)
        return state == UTF8_BAD ? UTF8_BAD : utf8_begin(byte);
    if (byte < (state >> 8 & 0xff) || byte > (state & 0xff))
        return UTF8_BAD;
    return left == 1 ? 0 : utf8_expect(left - 1, 0x80, 0xbf);
}

#if defined(__SSE2__) && !defined(CRMFS_PORTABLE)

static inline block bytes_equal(block bytes, int byte)
{
    return _mm_cmpeq_epi8(bytes, _mm_set1_epi8((char)byte));
}

/* Not 0 where BYTES are above BOUND. */
static inline block bytes_above(block bytes, int bound)
{
    return _mm_subs_epu8(bytes, _mm_set1_epi8((char)bound));
}

/* Where BYTES are continuation bytes below BOUND; ASCII counts as above. */
static inline block continuations_below(block bytes, int bound)
{
    return _mm_cmplt_epi8(bytes, _mm_set1_epi8((char)bound));
}

/* Not 0 where a byte does not belong after those before it; BEFORE is the block before. */
static inline block utf8_errors(block bytes, block before)
{
    block first = _mm_or_si128(_mm_slli_si128(bytes, 1), _mm_srli_si128(before, 15));
    block second = _mm_or_si128(_mm_slli_si128(bytes, 2), _mm_srli_si128(before, 14));
    block third = _mm_or_si128(_mm_slli_si128(bytes, 3), _mm_srli_si128(before, 13));
    /* A continuation byte must follow 0xc0 … at once, 0xe0 … for two bytes, 0xf0 … for three. */
    block must = _mm_or_si128(bytes_above(first, 0xbf),
                              _mm_or_si128(bytes_above(second, 0xdf), bytes_above(third, 0xef)));
    block must_not = bytes_equal(must, 0);
    block errors = _mm_cmpeq_epi8(must_not, continuations_below(bytes, 0xc0));
    block never = _mm_or_si128(bytes_equal(_mm_and_si128(bytes, _mm_set1_epi8((char)0xfe)), 0xc0),
                               bytes_above(bytes, 0xf4));
    block overlong =
        _mm_or_si128(_mm_and_si128(bytes_equal(first, 0xe0), continuations_below(bytes, 0xa0)),
                     _mm_and_si128(bytes_equal(first, 0xf0), continuations_below(bytes, 0x90)));
    block too_high =
        _mm_or_si128(_mm_andnot_si128(continuations_below(bytes, 0xa0), bytes_equal(first, 0xed)),
                     _mm_andnot_si128(continuations_below(bytes, 0x90), bytes_equal(first, 0xf4)));

    return _mm_or_si128(_mm_or_si128(errors, never), _mm_or_si128(overlong, too_high));
}

struct utf8_blocks {
    block before;
    block errors;
};

static inline void utf8_take_block(struct utf8_blocks *blocks, block bytes)
{
    if (block_high(_mm_or_si128(bytes, blocks->before)) != 0)
        blocks->errors = _mm_or_si128(blocks->errors, utf8_errors(bytes, blocks->before));
    blocks->before = bytes;
}

static inline bool utf8_blocks_good(const struct utf8_blocks *blocks)
{
    return block_mask(bytes_equal(blocks->errors, 0)) == BLOCK_ALL;
}

/* Whether SIZE bytes, a multiple of BLOCK_SIZE, are the beginning of valid text. */
static bool utf8_begins_valid(const uint8_t *at, size_t size)
{
    struct utf8_blocks blocks = {.before = _mm_setzero_si128(), .errors = _mm_setzero_si128()};

    for (size_t i = 0; i < size; i += BLOCK_SIZE)
        utf8_take_block(&blocks, block_load(at + i));
    return utf8_blocks_good(&blocks);
}

bool utf8_valid_padded(const uint8_t *at, size_t size)
{
    static const uint8_t keep[2 * BLOCK_SIZE] = {255, 255, 255, 255, 255, 255, 255, 255,
                                                 255, 255, 255, 255, 255, 255, 255, 255};
    struct utf8_blocks blocks = {.before = _mm_setzero_si128(), .errors = _mm_setzero_si128()};

    for (; size >= BLOCK_SIZE; at += BLOCK_SIZE, size -= BLOCK_SIZE)
        utf8_take_block(&blocks, block_load(at));
    /* Zeros stand for the end: a character that is not finished before them is invalid. */
    utf8_take_block(&blocks, _mm_and_si128(block_load(at), block_load(keep + BLOCK_SIZE - size)));
    return utf8_blocks_good(&blocks);
}

#else

static bool utf8_begins_valid(const uint8_t *at, size_t size)
{
    uint32_t state = 0;

    for (size_t i = 0; i < size && state != UTF8_BAD; i++)
        state = utf8_step(state, at[i]);
    return state != UTF8_BAD;
}

bool utf8_valid_padded(const uint8_t *at, size_t size)
{
    return utf8_valid(at, size);
}

#endif

/* How many of the last bytes before END may be a character that goes on after it. */
static size_t utf8_open_bytes(const uint8_t *end, size_t size)
{
    for (size_t back = 1; back <= 3 && back <= size; back++) {
        uint8_t byte = end[-(ptrdiff_t)back];

        if (byte >= 0xc0)
            return back;
        if (byte < 0x80)
            return 0;
    }
    return 0;
}

void utf8_feed(struct utf8_check *check, const void *bytes, size_t size)
{
    if (size == 0)
        return;

    const uint8_t *at = bytes;
    const uint8_t *end = at + size;
    uint32_t state = check->state;

    while (at < end && state != 0 && state != UTF8_BAD)
        state = utf8_step(state, *at++);
    if (state == 0 && end - at >= BLOCK_SIZE) {
        size_t whole = (size_t)(end - at) / BLOCK_SIZE * BLOCK_SIZE;

        if (!utf8_begins_valid(at, whole))
            state = UTF8_BAD;
        at += whole;
        at -= utf8_open_bytes(at, whole);
    }
    while (at < end && state != UTF8_BAD)
        state = utf8_step(state, *at++);
    check->state = state;
}

bool utf8_valid(const void *bytes, size_t size)
{
    struct utf8_check check = {0};

    utf8_feed(&check, bytes, size);
    return check.state == 0;
}
