/* SPDX-License-Identifier: MIT */
/*
 * Text of one byte a character as UTF-8: ISO 8859-1, and Windows-1252, which is
 * what MySQL calls latin1 and what spreadsheets write. The five bytes that
 * Windows-1252 leaves open become the control characters of the same number, as
 * in MySQL and in the WHATWG's encoding standard.
 */
#ifndef CRMFS_SOURCE_LATIN_H
#define CRMFS_SOURCE_LATIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Writes at most 3 * SIZE bytes to TO, which must not overlap FROM; how many. */
size_t latin_to_utf8(bool windows, const uint8_t *from, size_t size, uint8_t *to);

#endif
