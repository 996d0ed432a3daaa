/* SPDX-License-Identifier: MIT */
#include "backends/source/archive_unpack.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_file.h"
#include "backends/source/gzip_header.h"
#include "backends/source/xz_window.h"

/* One of the two unpacks it: of a .gz, libarchive would not look at the checksum. */
struct archive_unpack {
    struct byte_stream stream;
    struct archive_unpack *below;
    struct inflate_stream *gzip;
    struct archive *archive; /* NULL: not opened yet */
    struct archive_feed feed;
    bool empty;   /* it holds nothing */
    bool damaged; /* and so it failed */
    bool twice;   /* what is in it is compressed in the same way */
};

/* That libarchive counts: one, and where its bytes come from. */
#define FILTERS_OF_ONE 2

enum packing {
    PACKING_NONE,
    PACKING_GZIP,
    PACKING_BZIP2,
    PACKING_XZ,
    PACKING_LZMA,
    PACKING_ZSTD,
    PACKING_LZ4,
    PACKING_COMPRESS,
};

static enum packing packing_of(const void *begin, size_t size)
{
    static const struct {
        const char *bytes;
        size_t size;
        enum packing packing;
    } marks[] = {
        {"BZh", 3, PACKING_BZIP2},
        {"\xfd"
         "7zXZ\0",
         6, PACKING_XZ},
        {"\x28\xb5\x2f\xfd", 4, PACKING_ZSTD},
        {"\x04\x22\x4d\x18", 4, PACKING_LZ4},
        {"\x02\x21\x4c\x18", 4, PACKING_LZ4}, /* its older form */
        {"\x1f\x9d", 2, PACKING_COMPRESS},
    };

    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
        if (size >= marks[i].size && memcmp(begin, marks[i].bytes, marks[i].size) == 0)
            return marks[i].packing;
    }
    if (size != 0 && gzip_recognise(begin, size))
        return PACKING_GZIP;
    return size != 0 && lzma_recognise(begin, size) ? PACKING_LZMA : PACKING_NONE;
}

bool archive_unpack_recognise(const void *begin, size_t size)
{
    return packing_of(begin, size) != PACKING_NONE;
}

/* --- what libarchive unpacks -------------------------------------------------------------- */

/*
 * The outermost layer alone: what is within it wants memory that somebody has to have looked at
 * before (archive_open.c), and libarchive goes through all layers that it has been told of.
 */
static int support_filter(struct archive *archive, enum packing packing)
{
    switch (packing) {
    case PACKING_BZIP2: return archive_read_support_filter_bzip2(archive);
    case PACKING_XZ: return archive_read_support_filter_xz(archive);
    case PACKING_LZMA: return archive_read_support_filter_lzma(archive);
    case PACKING_ZSTD: return archive_read_support_filter_zstd(archive);
    case PACKING_LZ4: return archive_read_support_filter_lz4(archive);
    case PACKING_COMPRESS: return archive_read_support_filter_compress(archive);
    default: return ARCHIVE_OK;
    }
}

static int open_archive(struct archive_unpack *unpack)
{
    const struct archive_feed *feed = &unpack->feed;
    struct archive_entry *about;
    int code;

    unpack->archive = archive_read_new();
    if (unpack->archive == NULL || archive_read_support_format_raw(unpack->archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(unpack->archive) != ARCHIVE_OK ||
        support_filter(unpack->archive, packing_of(feed->begin, feed->begin_size)) < ARCHIVE_WARN)
        return -ENOMEM;
    if (archive_feed_begin(unpack->archive, &unpack->feed) != 0)
        return -EIO;
    unpack->twice = archive_filter_count(unpack->archive) > FILTERS_OF_ONE;
    if (unpack->twice)
        return -EFBIG;
    code = archive_read_next_header(unpack->archive, &about);
    unpack->empty = code == ARCHIVE_EOF;
    return code < ARCHIVE_WARN ? -EIO : 0;
}

static int fail(struct archive_unpack *unpack, struct failure *failure)
{
    const struct archive_feed *feed = &unpack->feed;

    if (feed->error != 0 && feed->failure.code == 0)
        return feed->error;
    if (feed->error != 0)
        return failure_set(failure, -feed->error, "%s", feed->failure.text);
    if (unpack->twice)
        return failure_set(
            failure, EFBIG,
            "it was compressed twice in the same way: unpack it once, and mount what "
            "comes of that");
    unpack->damaged = !archive_is_cut(unpack->archive);
    return archive_filter_failure(unpack->archive, failure);
}

static int unpack_next(struct byte_stream *stream, const void **ret_data, size_t *ret_size,
                       struct failure *failure)
{
    struct archive_unpack *unpack = (struct archive_unpack *)stream;
    la_int64_t place;
    int error = unpack->archive == NULL ? open_archive(unpack) : 0;
    int code = ARCHIVE_EOF;

    *ret_size = 0;
    if (error == -ENOMEM)
        return error;
    if (error == 0 && !unpack->empty)
        code = archive_read_data_block(unpack->archive, ret_data, ret_size, &place);
    if (error == 0 && code == ARCHIVE_OK)
        return 0;
    *ret_size = 0;
    if (error == 0 && code == ARCHIVE_EOF)
        archive_feed_drain(unpack->archive, &unpack->feed);
    return error != 0 || code != ARCHIVE_EOF || unpack->feed.error != 0 ? fail(unpack, failure) : 0;
}

static const struct byte_stream_class unpack_class = {unpack_next};

/* --- both --------------------------------------------------------------------------------- */

struct archive_unpack *archive_unpack_create(struct byte_stream *from, struct archive_unpack *below,
                                             const void *begin, size_t size)
{
    struct archive_unpack *unpack = malloc(sizeof *unpack);
    bool is_gzip = gzip_recognise(begin, size);

    if (unpack == NULL)
        return NULL;
    *unpack = (struct archive_unpack){
        .stream = {&unpack_class},
        .gzip = is_gzip ? gzip_stream_create(from, begin, size) : NULL,
        .feed = {.stream = from, .begin = begin, .begin_size = size, .begun = true},
    };
    if (is_gzip && unpack->gzip == NULL) {
        free(unpack);
        return NULL;
    }
    unpack->below = below;
    return unpack;
}

struct byte_stream *archive_unpack_bytes(struct archive_unpack *unpack)
{
    return unpack->gzip != NULL ? inflate_stream_bytes(unpack->gzip) : &unpack->stream;
}

bool archive_unpack_is_damaged(const struct archive_unpack *unpack)
{
    bool damaged = false;

    for (; unpack != NULL; unpack = unpack->below)
        damaged = damaged || unpack->damaged ||
                  (unpack->gzip != NULL && inflate_stream_is_damaged(unpack->gzip));
    return damaged;
}

bool archive_unpack_has_rest(const struct archive_unpack *unpack)
{
    bool more = false;

    for (; unpack != NULL; unpack = unpack->below)
        more = more || unpack->feed.has_rest || inflate_stream_has_rest(unpack->gzip);
    return more;
}

void archive_unpack_free(struct archive_unpack *unpack)
{
    while (unpack != NULL) {
        struct archive_unpack *below = unpack->below;

        archive_read_free(unpack->archive);
        inflate_stream_free(unpack->gzip);
        free(unpack);
        unpack = below;
    }
}
