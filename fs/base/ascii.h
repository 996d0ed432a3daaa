/* SPDX-License-Identifier: MIT */
/*
 * Letters A to Z without regard to case, digits, and letters behind a backslash,
 * without regard to the locale, which has no say in what files hold.
 */
#ifndef CRMFS_BASE_ASCII_H
#define CRMFS_BASE_ASCII_H

#include <stdbool.h>

static inline char ascii_lower(char character)
{
    return character >= 'A' && character <= 'Z' ? (char)(character - 'A' + 'a') : character;
}

static inline bool ascii_is_digit(char character)
{
    return character >= '0' && character <= '9';
}

/* 0 to 15; -1: it is no hexadecimal digit. */
static inline int ascii_hex_digit(char character)
{
    char lower = ascii_lower(character);

    if (lower >= '0' && lower <= '9')
        return lower - '0';
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* What LETTER means behind a backslash, in C as in SQL; itself: nothing else. */
static inline char ascii_unescaped(char letter)
{
    switch (letter) {
    case 'b': return '\b';
    case 'f': return '\f';
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'v': return '\v';
    default: return letter;
    }
}

static inline bool ascii_equal(const char *left, const char *right)
{
    while (*left != '\0' && ascii_lower(*left) == ascii_lower(*right)) {
        left++;
        right++;
    }
    return *left == *right;
}

#endif
