/* SPDX-License-Identifier: MIT */
/*
 * What is compressed, whatever with, as a stream of what it holds. It is read to its end, behind
 * which stands its checksum: libarchive's readers of archives stop where the archive ends, which
 * may be before that.
 */
#ifndef CRMFS_SOURCE_ARCHIVE_UNPACK_H
#define CRMFS_SOURCE_ARCHIVE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/byte_stream.h"

/* What is compressed so often is unpacked at once. */
#define ARCHIVE_UNPACK_MOST 4

/* So much of a beginning is enough. */
#define ARCHIVE_UNPACK_BEGIN_BYTES 64

struct archive_unpack;

/* Whether what begins so is merely compressed. */
bool archive_unpack_recognise(const void *begin, size_t size);

/*
 * What FROM, borrowed, holds, which has given the first SIZE bytes, and they still stand. BELOW:
 * FROM's own, taken over; NULL: it is none. NULL: no memory, and BELOW is the caller's.
 */
struct archive_unpack *archive_unpack_create(struct byte_stream *from, struct archive_unpack *below,
                                             const void *begin, size_t size);

/* Borrowed. -EIO where it is damaged or cut short, -EFBIG; what came before has been given. */
struct byte_stream *archive_unpack_bytes(struct archive_unpack *unpack);

/* Whether what it gave may be other bytes than were packed: not where it was merely cut short. */
bool archive_unpack_is_damaged(const struct archive_unpack *unpack);

/* Whether something else than zeros stood behind the end: it has been passed over. UNPACK may be
 * NULL. */
bool archive_unpack_has_rest(const struct archive_unpack *unpack);

void archive_unpack_free(struct archive_unpack *unpack); /* NULL is allowed */

#endif
