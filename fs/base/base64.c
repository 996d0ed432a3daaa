/* SPDX-License-Identifier: MIT */
#include "fs/base/base64.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* The 24 bits of GROUP as four characters. */
static inline void write_group(uint8_t text[4], uint32_t group)
{
    text[0] = (uint8_t)alphabet[group >> 18 & 63];
    text[1] = (uint8_t)alphabet[group >> 12 & 63];
    text[2] = (uint8_t)alphabet[group >> 6 & 63];
    text[3] = (uint8_t)alphabet[group & 63];
}

uint8_t *base64_write(uint8_t *text, const void *bytes, size_t size)
{
    const uint8_t *from = bytes;

    for (; size >= 3; size -= 3, from += 3, text += 4)
        write_group(text, (uint32_t)from[0] << 16 | (uint32_t)from[1] << 8 | from[2]);
    if (size == 0)
        return text;
    write_group(text, (uint32_t)from[0] << 16 | (size == 2 ? (uint32_t)from[1] << 8 : 0));
    if (size == 1)
        text[2] = '=';
    text[3] = '=';
    return text + 4;
}
