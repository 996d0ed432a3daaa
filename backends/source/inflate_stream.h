/* SPDX-License-Identifier: MIT */
/*
 * What deflate made small, as a stream: the file that a .gz holds (RFC 1952, of any number
 * of members), or a member of a ZIP. Its checksum and length are compared at its end, so that
 * damage which still unfolds to something is an error there, and not other bytes.
 */
#ifndef CRMFS_SOURCE_INFLATE_STREAM_H
#define CRMFS_SOURCE_INFLATE_STREAM_H

#include <stdbool.h>

#include "backends/source/byte_stream.h"

struct inflate_stream;

/* What a ZIP says of its member. */
struct inflate_promise {
    uint64_t bytes;
    uint32_t crc; /* CRC-32, as in zlib */
};

/* The member that FROM gives, which is borrowed. NULL: no memory. */
struct inflate_stream *inflate_stream_create(struct byte_stream *from,
                                             const struct inflate_promise *promise);

/* The .gz of which FROM, borrowed, has given the first SIZE bytes, and they still stand. */
struct inflate_stream *gzip_stream_create(struct byte_stream *from, const void *begin, size_t size);

/* Borrowed. -EIO where it is damaged or cut short; what came before has been given. */
struct byte_stream *inflate_stream_bytes(struct inflate_stream *inflate);

/* Whether what it gave may be other bytes than were packed: not where it was merely cut short. */
bool inflate_stream_is_damaged(const struct inflate_stream *inflate);

/* Whether something else than zeros stood behind the end of a .gz: it has been passed over. INFLATE
 * may be NULL. */
bool inflate_stream_has_rest(const struct inflate_stream *inflate);

void inflate_stream_free(struct inflate_stream *inflate); /* NULL is allowed */

#endif
