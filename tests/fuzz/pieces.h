/* SPDX-License-Identifier: MIT */
/* Bytes in memory as a stream, a few of them at a time, for fuzz targets. */
#ifndef CRMFS_FUZZ_PIECES_H
#define CRMFS_FUZZ_PIECES_H

#include <stdint.h>

#include "backends/source/byte_stream.h"

struct pieces {
    struct byte_stream stream;
    const uint8_t *bytes;
    size_t size;
    size_t step;
};

static inline int next_piece(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                             struct failure *failure)
{
    struct pieces *pieces = (struct pieces *)stream;
    size_t step = pieces->size < pieces->step ? pieces->size : pieces->step;

    (void)failure;
    *ret_data = pieces->bytes;
    *ret_size = step;
    pieces->bytes += step;
    pieces->size -= step;
    return 0;
}

static const struct byte_stream_class pieces_class = {next_piece};

#endif
