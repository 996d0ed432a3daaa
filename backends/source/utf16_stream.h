/* SPDX-License-Identifier: MIT */
/* UTF-16 as UTF-8, as it comes. A surrogate without its other half becomes U+FFFD. */
#ifndef CRMFS_SOURCE_UTF16_STREAM_H
#define CRMFS_SOURCE_UTF16_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "fs/base/buffer.h"

struct utf16_stream {
    struct byte_stream stream;
    struct byte_stream *from;
    bool big_endian;
    bool has_byte; /* half a unit was left over */
    uint8_t byte;
    uint16_t high; /* half a pair; 0: none */
    struct buffer text;
};

/* FROM outlives it. */
void utf16_stream_begin(struct utf16_stream *stream, struct byte_stream *from, bool big_endian);
void utf16_stream_end(struct utf16_stream *stream);

#endif
