/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 one character at a time, as RFC 3629 has it: no surrogates, nothing
 * above U+10FFFF, no overlong form. For names; what cells need at memory speed
 * is fs/table/text_scan.h.
 */
#ifndef CRMFS_BASE_UTF8_H
#define CRMFS_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for each byte that is wrong */

/* How many bytes the character takes that SIZE bytes begin with (1 to 4); 0: none, or a wrong one.
 */
size_t utf8_character(const void *bytes, size_t size);

/* Whether all of it is UTF-8; no bytes are. */
bool utf8_whole(const void *bytes, size_t size);

/* Writes a code point, at most U+10FFFF, in 1 to 4 bytes; a surrogate as if it were a character.
 * Behind it. */
uint8_t *utf8_put(uint8_t *to, uint32_t point);

/* A copy of TEXT with U+FFFD for each byte that is not UTF-8, the caller's. NULL: no memory. */
char *utf8_valid_copy(const char *text);

#endif
