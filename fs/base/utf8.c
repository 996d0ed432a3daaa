/* SPDX-License-Identifier: MIT */
#include "fs/base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define BEYOND_ASCII UINT64_C(0x8080808080808080)

size_t utf8_character(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    size_t length;
    uint8_t second_least = 0x80;
    uint8_t second_most = 0xbf;

    if (size == 0)
        return 0;
    if (at[0] < 0x80)
        return 1;
    if (at[0] < 0xc2 || at[0] > 0xf4)
        return 0;
    length = at[0] < 0xe0 ? 2 : at[0] < 0xf0 ? 3 : 4;
    if (size < length)
        return 0;
    switch (at[0]) {
    case 0xe0: second_least = 0xa0; break; /* overlong */
    case 0xed: second_most = 0x9f; break;  /* surrogates */
    case 0xf0: second_least = 0x90; break; /* overlong */
    case 0xf4: second_most = 0x8f; break;  /* above U+10FFFF */
    default: break;
    }
    if (at[1] < second_least || at[1] > second_most)
        return 0;
    for (size_t index = 2; index < length; index++) {
        if (at[index] < 0x80 || at[index] > 0xbf)
            return 0;
    }
    return length;
}

bool utf8_whole(const void *bytes, size_t size)
{
    const uint8_t *at = bytes;

    while (size > 0) {
        uint64_t eight = BEYOND_ASCII;

        if (size >= sizeof eight)
            memcpy(&eight, at, sizeof eight);

        size_t length = (eight & BEYOND_ASCII) == 0 ? sizeof eight : utf8_character(at, size);

        if (length == 0)
            return false;
        at += length;
        size -= length;
    }
    return true;
}

uint8_t *utf8_put(uint8_t *to, uint32_t point)
{
    if (point < 0x80) {
        *to++ = (uint8_t)point;
        return to;
    }
    if (point < 0x800) {
        *to++ = (uint8_t)(0xc0 | point >> 6);
    } else if (point < 0x10000) {
        *to++ = (uint8_t)(0xe0 | point >> 12);
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    } else {
        *to++ = (uint8_t)(0xf0 | point >> 18);
        *to++ = (uint8_t)(0x80 | (point >> 12 & 0x3f));
        *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
    }
    *to++ = (uint8_t)(0x80 | (point & 0x3f));
    return to;
}

char *utf8_valid_copy(const char *text)
{
    size_t size = strlen(text);

    if (utf8_whole(text, size))
        return strdup(text);

    char *copy = malloc(size * (sizeof UTF8_REPLACEMENT - 1) + 1);
    char *to = copy;

    if (copy == NULL)
        return NULL;
    while (size > 0) {
        size_t length = utf8_character(text, size);

        to = length != 0 ? mempcpy(to, text, length) : stpcpy(to, UTF8_REPLACEMENT);
        length = length != 0 ? length : 1;
        text += length;
        size -= length;
    }
    *to = '\0';
    return copy;
}
