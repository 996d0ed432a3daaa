/* SPDX-License-Identifier: MIT */
#include "backends/source/latin.h"

/* Bytes 0x80 to 0x9f of Windows-1252. https://encoding.spec.whatwg.org/index-windows-1252.txt */
static const uint16_t windows_1252[32] = {
    0x20ac, 0x0081, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008d, 0x017d, 0x008f, 0x0090, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0x009d, 0x017e, 0x0178,
};

size_t latin_to_utf8(bool windows, const uint8_t *from, size_t size, uint8_t *to)
{
    uint8_t *start = to;

    for (size_t i = 0; i < size; i++) {
        unsigned point = from[i];

        if (windows && point >= 0x80 && point < 0xa0)
            point = windows_1252[point - 0x80];
        if (point < 0x80) {
            *to++ = (uint8_t)point;
        } else if (point < 0x800) {
            *to++ = (uint8_t)(0xc0 | point >> 6);
            *to++ = (uint8_t)(0x80 | (point & 0x3f));
        } else {
            *to++ = (uint8_t)(0xe0 | point >> 12);
            *to++ = (uint8_t)(0x80 | (point >> 6 & 0x3f));
            *to++ = (uint8_t)(0x80 | (point & 0x3f));
        }
    }
    return (size_t)(to - start);
}
