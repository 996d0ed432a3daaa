/* SPDX-License-Identifier: MIT */
/*
 * Which character set a text is in, by how it begins: UTF-8 and UTF-16 with or without
 * a byte order mark; what is neither is taken for Windows-1252.
 */
#ifndef CRMFS_SOURCE_TEXT_SET_H
#define CRMFS_SOURCE_TEXT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum text_set {
    TEXT_UNDECIDED, /* ASCII so far */
    TEXT_UTF8,
    TEXT_WINDOWS,
    TEXT_LATIN1, /* never detected: told */
    TEXT_UTF16_LITTLE,
    TEXT_UTF16_BIG,
    TEXT_OTHER, /* never detected: told, as iconv calls it; ASCII is ASCII in it */
};

/* *ret_mark: the bytes of the byte order mark. */
enum text_set text_set_detect(const uint8_t *begin, size_t size, size_t *ret_mark);

static inline bool text_set_is_wide(enum text_set set)
{
    return set == TEXT_UTF16_LITTLE || set == TEXT_UTF16_BIG;
}

/*
 * The text behind its mark as bytes, as far as it is ASCII, and other bytes elsewhere: enough to
 * find signs in it. At most SIZE bytes to TO; how many.
 */
size_t text_set_narrow(enum text_set set, const uint8_t *from, size_t size, uint8_t *to);

/*
 * How much of TEXT stands before zeros that begin a line, as a crash leaves them of what was not
 * written; all of it: there are none. 0: it has zeros elsewhere, and is no text.
 */
size_t text_before_zeros(const uint8_t *text, size_t size);

#endif
