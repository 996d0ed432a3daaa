/* SPDX-License-Identifier: MIT */
/* One record of RFC 4180, whatever its delimiter. */
#include <stddef.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "backends/source/delimited.h"

/* The next delimiter or line end from AT on; END or a place behind it: none. */
static const uint8_t *find_end(const uint8_t *at, const uint8_t *end, uint8_t delimiter)
{
#ifdef __SSE2__
    const __m128i delimiters = _mm_set1_epi8((char)delimiter);
    const __m128i feeds = _mm_set1_epi8('\n');
    const __m128i returns = _mm_set1_epi8('\r');

    for (; at < end; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        __m128i found = _mm_or_si128(
            _mm_cmpeq_epi8(bytes, delimiters),
            _mm_or_si128(_mm_cmpeq_epi8(bytes, feeds), _mm_cmpeq_epi8(bytes, returns)));
        int mask = _mm_movemask_epi8(found);

        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
    }
    return end;
#else
    while (at < end && *at != delimiter && *at != '\n' && *at != '\r')
        at++;
    return at;
#endif
}

/* Whether what stands at AT is taken its meaning: an odd number of escapes is before it. */
static bool is_escaped(uint8_t escape, const uint8_t *begin, const uint8_t *at)
{
    const uint8_t *first = at;

    while (escape != 0 && first > begin && first[-1] == escape)
        first--;
    return (at - first) % 2 != 0;
}

/* Whether the sign at STOP, of a field from BEGIN on, is text: it is escaped, or ends no line. */
static bool is_text(struct delimited_signs signs, const uint8_t *begin, const uint8_t *stop,
                    const uint8_t *end)
{
    if (!signs.only_quotes && is_escaped(signs.escape, begin, stop))
        return true;
    switch (signs.line_end) {
    case LINE_END_FEED: return *stop == '\r';
    case LINE_END_RETURN_FEED:
        return *stop == '\n' || (*stop == '\r' && (stop + 1 >= end || stop[1] != '\n'));
    default: return false;
    }
}

/* Behind the quote before AT, to the one that closes it. NULL: there is none. */
static const uint8_t *quoted_end(struct delimited_signs signs, const uint8_t *at,
                                 const uint8_t *end, bool *ret_doubled)
{
    const uint8_t *begin = at;

    for (;;) {
        at = memchr(at, signs.quote, (size_t)(end - at));
        if (at == NULL)
            return NULL;
        if (is_escaped(signs.escape, begin, at)) {
            at++;
            continue;
        }
        if (at + 1 == end || at[1] != signs.quote)
            return at;
        *ret_doubled = true;
        at += 2;
    }
}

/* One field from AT on; its end, or NULL: it is not all there. */
static const uint8_t *take_field(struct delimited_signs signs, const uint8_t *base,
                                 const uint8_t *at, const uint8_t *end, bool ended,
                                 struct delimited_field *field, bool *ret_open)
{
    const uint8_t *stop;

    *field = (struct delimited_field){.quoted = at < end && *at == signs.quote && signs.quote != 0};
    if (field->quoted) {
        at++;
        stop = quoted_end(signs, at, end, &field->doubled);
        /* What follows tells whether the quote at the very end is the last. */
        if (stop == NULL || (stop + 1 == end && !ended)) {
            *ret_open = stop == NULL;
            return NULL;
        }
        field->at = (size_t)(at - base);
        field->size = (size_t)(stop - at);
        stop++;
        field->tail_at = (size_t)(stop - base);
        /* Text behind a closing quote belongs to no dialect; programs take it for the field's. */
        stop = find_end(stop, end, signs.delimiter);
        field->tail_size = (size_t)((stop < end ? stop : end) - base) - field->tail_at;
    } else {
        stop = find_end(at, end, signs.delimiter);
        while (stop < end && is_text(signs, at, stop, end))
            stop = find_end(stop + 1, end, signs.delimiter);
        field->at = (size_t)(at - base);
        field->size = (size_t)((stop < end ? stop : end) - at);
    }
    if (stop >= end)
        return ended ? end : NULL;
    return stop;
}

const uint8_t *delimited_record(struct delimited_signs signs, const uint8_t *at, const uint8_t *end,
                                bool ended, struct delimited_field *fields, size_t most,
                                size_t *ret_count, bool *ret_open)
{
    const uint8_t *base = at;
    size_t count = 0;

    *ret_open = false;
    for (;;) {
        struct delimited_field spare = {.at = 0};
        struct delimited_field *field = count < most ? &fields[count] : &spare;

        at = take_field(signs, base, at, end, ended, field, ret_open);
        if (at == NULL)
            return NULL;
        count++;
        if (at == end || *at != signs.delimiter)
            break;
        at++;
    }
    /* CR may be followed by LF, which may not be there yet. */
    if (at < end && *at == '\r') {
        if (at + 1 == end && !ended)
            return NULL;
        at += at + 1 < end && at[1] == '\n' ? 2 : 1;
    } else if (at < end) {
        at++;
    }
    *ret_count = count;
    return at;
}
