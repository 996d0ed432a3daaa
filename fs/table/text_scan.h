/* SPDX-License-Identifier: MIT */
/*
 * What the formats must know of a piece of text before they write it, found in
 * one pass at memory speed (SSE2 where there is, portable C elsewhere).
 */
#ifndef CRMFS_TABLE_TEXT_SCAN_H
#define CRMFS_TABLE_TEXT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct text_traits {
    uint64_t quotes;      /* bytes '"' */
    uint64_t json_growth; /* bytes that JSON's escapes add */
    bool csv_special;     /* holds a comma, a quote, CR or LF */
    bool high;            /* holds a byte above 0x7f: validity is to be checked */
};

/* Adds what SIZE bytes hold to TRAITS. */
void text_scan(struct text_traits *traits, const void *bytes, size_t size);

/* UTF-8 as RFC 3629 has it, fed in pieces: no surrogates, nothing above U+10FFFF, no overlong form.
 */
struct utf8_check {
    uint32_t state; /* 0: between characters; UTF8_BAD: invalid */
};
#define UTF8_BAD 1u
void utf8_feed(struct utf8_check *check, const void *bytes, size_t size);
bool utf8_valid(const void *bytes, size_t size);

#endif
