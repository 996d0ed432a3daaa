/* SPDX-License-Identifier: MIT */
#include "backends/source/text_set.h"

#include <string.h>

#include "fs/base/utf8.h"

/* Whether many of the units' high (ODD) or low bytes are zero. */
static bool is_half_zero(const uint8_t *bytes, size_t size, size_t odd)
{
    size_t zeros = 0;

    for (size_t i = odd; i < size; i += 2)
        zeros += bytes[i] == 0;
    return size >= 8 && zeros > size / 4;
}

/*
 * A byte that is no UTF-8 may be an accident where others are: letters of Windows-1252 make a
 * letter of UTF-8 hardly ever.
 */
static enum text_set set_of(const uint8_t *bytes, size_t size)
{
    size_t letters = 0;
    size_t accidents = 0;

    for (size_t at = 0; at < size;) {
        size_t length = utf8_character(bytes + at, size - at);

        /* A character may be cut at the end. */
        if (length == 0 && size - at < 4)
            break;
        letters += length > 1;
        accidents += length == 0;
        at += length != 0 ? length : 1;
    }
    if (accidents > letters)
        return TEXT_WINDOWS;
    return letters != 0 ? TEXT_UTF8 : TEXT_UNDECIDED;
}

enum text_set text_set_detect(const uint8_t *begin, size_t size, size_t *ret_mark)
{
    *ret_mark = 2;
    if (size >= 2 && memcmp(begin, "\xff\xfe", 2) == 0)
        return TEXT_UTF16_LITTLE;
    if (size >= 2 && memcmp(begin, "\xfe\xff", 2) == 0)
        return TEXT_UTF16_BIG;
    *ret_mark = 3;
    if (size >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0)
        return TEXT_UTF8;
    *ret_mark = 0;
    if (is_half_zero(begin, size, 1))
        return TEXT_UTF16_LITTLE;
    return is_half_zero(begin, size, 0) ? TEXT_UTF16_BIG : set_of(begin, size);
}

size_t text_set_narrow(enum text_set set, const uint8_t *from, size_t size, uint8_t *to)
{
    size_t low = set == TEXT_UTF16_LITTLE ? 0 : 1;
    size_t count = 0;

    if (!text_set_is_wide(set)) {
        if (size != 0)
            memcpy(to, from, size);
        return size;
    }
    for (size_t i = 0; i + 1 < size; i += 2) {
        uint8_t high_byte = from[i + 1 - low];

        to[count++] = high_byte == 0 && from[i + low] < 0x80 ? from[i + low] : 'x';
    }
    return count;
}

/* Enough of them to be no accident. */
#define ZEROS_LOOKED_AT 8

size_t text_before_zeros(const uint8_t *text, size_t size)
{
    const uint8_t *zero = memchr(text, '\0', size);
    size_t at = zero != NULL ? (size_t)(zero - text) : size;
    size_t end = size - at < ZEROS_LOOKED_AT ? size : at + ZEROS_LOOKED_AT;

    if (at != size && (at == 0 || text[at - 1] != '\n'))
        return 0;
    for (size_t i = at; i < end; i++) {
        if (text[i] != '\0')
            return 0;
    }
    return at;
}
