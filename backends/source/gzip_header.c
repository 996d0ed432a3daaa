/* SPDX-License-Identifier: MIT */
#include "backends/source/gzip_header.h"

#include <errno.h>
#include <string.h>

#define FIXED_BYTES 10

/* Fields, in the order in which they stand, but for the checksum, which stands behind all. */
enum {
    IS_TEXT = 1, /* a hint, without a field */
    CHECKSUM = 2,
    EXTRA = 4,
    NAME = 8,
    COMMENT = 16,
    UNKNOWN = 0xe0,
};

static const uint8_t mark[] = {0x1f, 0x8b, 0x08};

bool gzip_recognise(const void *begin, size_t size)
{
    return size >= sizeof mark && memcmp(begin, mark, sizeof mark) == 0;
}

static int take_fixed(struct gzip_header *header, uint8_t byte)
{
    if (header->taken <= sizeof mark)
        return byte == mark[header->taken - 1] ? 0 : -EILSEQ;
    if (header->taken == sizeof mark + 1) {
        header->flags = byte & (uint8_t)~IS_TEXT;
        return (byte & UNKNOWN) != 0 ? -EILSEQ : 0;
    }
    return header->taken == FIXED_BYTES && header->flags == 0;
}

/* Whether it ends with BYTE. */
static bool take_extra(struct gzip_header *header, uint8_t byte)
{
    if (header->field < 2) {
        header->size = (uint16_t)(header->size | byte << 8 * header->field);
        header->field++;
        return header->field == 2 && header->size == 0;
    }
    header->size--;
    return header->size == 0;
}

int gzip_header_take(struct gzip_header *header, uint8_t byte)
{
    uint8_t field;
    bool ends;

    if (++header->taken <= FIXED_BYTES)
        return take_fixed(header, byte);
    if ((header->flags & EXTRA) != 0) {
        field = EXTRA;
        ends = take_extra(header, byte);
    } else if ((header->flags & (NAME | COMMENT)) != 0) {
        field = (header->flags & NAME) != 0 ? NAME : COMMENT;
        ends = byte == '\0';
    } else {
        field = CHECKSUM;
        header->field++;
        ends = header->field == 2;
    }
    if (!ends)
        return 0;
    header->field = 0;
    header->flags &= (uint8_t)~field;
    return header->flags == 0;
}
