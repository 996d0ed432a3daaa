/* SPDX-License-Identifier: MIT */
/* A ZIP: a member that is unfolded straight from the file is what libarchive makes of it. */
#include <archive.h>
#include <archive_entry.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/source/file_stream.h"
#include "backends/source/zip_directory.h"
#include "tests/fuzz/target.h"

#define MEMBERS_MOST 16
#define BYTES_MOST ((uint64_t)8 << 20)

/*
 * Reads both side by side, until one of them breaks off: libarchive also does where a member before
 * was damaged, and where the member's own header says other than the directory.
 */
static void compare(struct archive *archive, int file, const struct zip_place *place)
{
    char path[64];
    struct file_stream bytes;
    struct failure failure = {0};
    const void *some;
    size_t size = 1;
    uint64_t total = 0;
    int error = 0;

    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    require(file_stream_open(&bytes, path, NULL) == 0);
    file_stream_seek(&bytes, place->offset, place->bytes);

    struct inflate_stream *inflate = inflate_stream_create(&bytes.stream, &place->promise);
    struct byte_stream *stream = inflate_stream_bytes(inflate);
    bool alike = true;

    while (alike && size != 0 && total < BYTES_MOST) {
        error = stream->class->next(stream, &some, &size, &failure);
        if (error != 0)
            break;

        uint8_t *other = malloc(size + 1);
        la_ssize_t got = archive_read_data(archive, other, size);

        require(other != NULL);
        alike = got == (la_ssize_t)size;
        require(got < 0 || memcmp(other, some, (size_t)got) == 0);
        total += size;
        free(other);
    }
    require(error != 0 || !alike || total >= BYTES_MOST || total == place->promise.bytes);
    inflate_stream_free(inflate);
    file_stream_close(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int file = memfd_create("zip", MFD_CLOEXEC);
    struct archive *archive = archive_read_new();
    struct archive_entry *entry;
    struct zip_place place;

    require(file >= 0 && archive != NULL && write(file, data, size) == (ssize_t)size);

    struct zip_directory *directory = zip_directory_read(file);

    archive_read_support_format_zip(archive);
    if (directory != NULL && archive_read_open_memory(archive, data, size) == ARCHIVE_OK) {
        for (int i = 0; i < MEMBERS_MOST && archive_read_next_header(archive, &entry) == ARCHIVE_OK;
             i++) {
            la_int64_t offset = archive_filter_bytes(archive, 0);

            if (offset >= 0 && zip_directory_find(directory, file, (uint64_t)offset, &place))
                compare(archive, file, &place);
        }
    }
    zip_directory_free(directory);
    archive_read_free(archive);
    close(file);
    return 0;
}
