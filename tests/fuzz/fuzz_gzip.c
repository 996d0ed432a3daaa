/* SPDX-License-Identifier: MIT */
/*
 * A .gz: however it is cut into pieces, the same bytes come of it, and the same end; what comes
 * whole is what libarchive makes of it.
 */
#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/inflate_stream.h"
#include "tests/fuzz/pieces.h"
#include "tests/fuzz/target.h"

#define MOST_BYTES ((size_t)1 << 20)

struct unfolded {
    uint8_t *bytes;
    size_t size;
    int error;
};

static struct unfolded unfold(const uint8_t *data, size_t size, size_t step)
{
    struct pieces pieces = {{&pieces_class}, data, size, step};
    struct inflate_stream *inflate = gzip_stream_create(&pieces.stream, data, 0);
    struct unfolded unfolded = {.bytes = malloc(MOST_BYTES)};
    struct failure failure = {0};
    const void *bytes;
    size_t some = 1;

    require(inflate != NULL && unfolded.bytes != NULL);

    struct byte_stream *stream = inflate_stream_bytes(inflate);

    while (unfolded.error == 0 && some != 0 && unfolded.size < MOST_BYTES) {
        unfolded.error = stream->class->next(stream, &bytes, &some, &failure);
        if (unfolded.error != 0)
            break;
        if (some > MOST_BYTES - unfolded.size)
            some = MOST_BYTES - unfolded.size;
        memcpy(unfolded.bytes + unfolded.size, bytes, some);
        unfolded.size += some;
    }
    require(unfolded.error == 0 || failure.code != 0);
    inflate_stream_free(inflate);
    return unfolded;
}

static void compare(const uint8_t *data, size_t size, const struct unfolded *unfolded)
{
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    uint8_t *bytes = malloc(unfolded->size + 1);

    require(archive != NULL && bytes != NULL);
    archive_read_support_filter_gzip(archive);
    archive_read_support_format_raw(archive);
    if (archive_read_open_memory(archive, data, size) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) == ARCHIVE_OK &&
        archive_filter_code(archive, 0) == ARCHIVE_FILTER_GZIP) {
        require(archive_read_data(archive, bytes, unfolded->size) == (la_ssize_t)unfolded->size);
        require(memcmp(bytes, unfolded->bytes, unfolded->size) == 0);
    }
    archive_read_free(archive);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct unfolded whole = unfold(data, size, size + 1);
    static const size_t steps[] = {1, 3, 64};

    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct unfolded other = unfold(data, size, steps[i]);

        require(other.error == whole.error);
        require(other.error != 0 || other.size == whole.size);
        require(memcmp(other.bytes, whole.bytes,
                       other.size < whole.size ? other.size : whole.size) == 0);
        free(other.bytes);
    }
    if (whole.error == 0 && whole.size != 0)
        compare(data, size, &whole);
    free(whole.bytes);
    return 0;
}
