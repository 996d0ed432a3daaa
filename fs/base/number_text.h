/* SPDX-License-Identifier: MIT */
/*
 * Numbers as text, independent of the locale. A double gets the fewest digits
 * that read back to the same double (15, 16 or 17; a fast exact path for what
 * has few decimals, after Clinger, "How to read floating point numbers
 * accurately", 1990), in the style that fs/table/README.md fixes.
 */
#ifndef CRMFS_BASE_NUMBER_TEXT_H
#define CRMFS_BASE_NUMBER_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INTEGER_TEXT_SIZE 24 /* enough for any int64_t and uint64_t */
#define DOUBLE_TEXT_SIZE 32

/* All write without a NUL and return the number of bytes written. */
size_t integer_text(int64_t value, char text[INTEGER_TEXT_SIZE]);
size_t unsigned_text(uint64_t value, char text[INTEGER_TEXT_SIZE]);
size_t double_text(double value, char text[DOUBLE_TEXT_SIZE]);

/*
 * The same for a decimal as text ("-12.50"), where it has so few digits that no other double
 * (SINGLE: float) of as few is meant: they are the answer, and need not be read. 0: it has more, is
 * zero, or is written in another way.
 */
size_t short_decimal_text(const char *decimal, size_t size, bool single,
                          char text[DOUBLE_TEXT_SIZE]);

/* The fewest digits that read back to the same float, in the same style. */
size_t float_text(float value, char text[DOUBLE_TEXT_SIZE]);

#endif
