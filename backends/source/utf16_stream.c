/* SPDX-License-Identifier: MIT */
#include "backends/source/utf16_stream.h"

#include <errno.h>

#include "fs/base/utf8.h"

#define TEXT_LIMIT ((size_t)64 << 20)
#define MOST_GROWTH 2 /* two bytes become three */

/* The first half of a pair waits for the second. */
static uint8_t *put_unit(struct utf16_stream *stream, uint8_t *to, uint16_t unit)
{
    uint16_t high = stream->high;

    stream->high = 0;
    if (high != 0 && unit >= 0xdc00 && unit < 0xe000)
        return utf8_put(to, 0x10000 + ((uint32_t)(high - 0xd800) << 10) + (unit - 0xdc00u));
    if (high != 0)
        to = utf8_put(to, 0xfffd);
    if (unit >= 0xd800 && unit < 0xdc00) {
        stream->high = unit;
        return to;
    }
    return utf8_put(to, unit >= 0xdc00 && unit < 0xe000 ? 0xfffd : unit);
}

static int utf16_next(struct byte_stream *base, const void **ret_data, size_t *ret_size,
                      struct failure *failure)
{
    struct utf16_stream *stream = (struct utf16_stream *)base;
    const void *data;
    size_t size = 0;

    buffer_clear(&stream->text);
    do {
        int error = stream->from->class->next(stream->from, &data, &size, failure);

        if (error == 0)
            error = buffer_reserve(&stream->text, size * MOST_GROWTH + 16);
        if (error != 0)
            return error;

        uint8_t *to = stream->text.data + stream->text.size;
        const uint8_t *at = data;

        for (size_t i = 0; i < size; i++) {
            if (!stream->has_byte) {
                stream->byte = at[i];
            } else {
                uint8_t high = stream->big_endian ? stream->byte : at[i];
                uint8_t low = stream->big_endian ? at[i] : stream->byte;

                to = put_unit(stream, to, (uint16_t)(high << 8 | low));
            }
            stream->has_byte = !stream->has_byte;
        }
        /* What is cut short at the end says so. */
        if (size == 0 && (stream->high != 0 || stream->has_byte)) {
            to = utf8_put(to, 0xfffd);
            stream->high = 0;
            stream->has_byte = false;
        }
        stream->text.size = (size_t)(to - stream->text.data);
    } while (stream->text.size == 0 && size != 0);
    *ret_data = stream->text.data;
    *ret_size = stream->text.size;
    return 0;
}

static const struct byte_stream_class utf16_class = {utf16_next};

void utf16_stream_begin(struct utf16_stream *stream, struct byte_stream *from, bool big_endian)
{
    *stream = (struct utf16_stream){
        .stream = {&utf16_class},
        .from = from,
        .big_endian = big_endian,
        .text = BUFFER(TEXT_LIMIT),
    };
}

void utf16_stream_end(struct utf16_stream *stream)
{
    buffer_release(&stream->text);
}
