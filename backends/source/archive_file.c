/* SPDX-License-Identifier: MIT */
#include "backends/source/archive_file.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/plain_file.h"
#include "backends/source/xz_window.h"

#define READ_BYTES ((size_t)256 << 10)

/* What unpacking it takes is not too much. */
static int check_window(const struct archive_file *file, const char *path, struct failure *failure)
{
    uint8_t begin[XZ_BEGIN_BYTES];
    ssize_t size = pread(file->bytes.file, begin, sizeof begin, 0);
    int error = size > 0 ? xz_window_check(begin, (size_t)size, failure) : 0;

    return error != 0 ? failure_prefix(failure, -error, SHOWN_PATH, path) : 0;
}

static bool is_packed(const struct archive_file *file)
{
    uint8_t begin[ARCHIVE_UNPACK_BEGIN_BYTES];
    ssize_t size = pread(file->bytes.file, begin, sizeof begin, 0);

    return size > 0 && archive_unpack_recognise(begin, (size_t)size);
}

/* Opens the file itself as well, if it is compressed (then libarchive is fed by us) or a ZIP. */
static int look_at(struct archive_file *file, const char *path, struct failure *failure)
{
    int error = file_stream_open(&file->bytes, path, failure);

    if (error != 0)
        return error;
    error = check_window(file, path, failure);
    if (error != 0)
        return error;
    file->is_packed = is_packed(file);
    file->is_zip = file_stream_begins(&file->bytes, "PK", 2);
    if (!file->is_packed && !file->is_zip)
        file_stream_close(&file->bytes);
    return 0;
}

static int open_archive(struct archive_file *file, const char *path, struct failure *failure)
{
    int opened = ARCHIVE_OK;

    if (file->is_packed) {
        file->feed = (struct archive_feed){.stream = &file->bytes.stream};
        opened = archive_feed_begin(file->archive, &file->feed) == 0 ? ARCHIVE_OK : ARCHIVE_FATAL;
    } else {
        opened = archive_read_open_filename(file->archive, path, READ_BYTES);
    }
    return opened == ARCHIVE_OK ? 0 : archive_failure(file->archive, path, failure);
}

int archive_file_open(const struct archive_source *source, const char *path,
                      struct archive_file *ret_file, struct failure *failure)
{
    struct archive_file file = {.archive = NULL};
    int error = archive_create(source, &file.archive, failure);

    *ret_file = file;
    if (error != 0)
        return error;
    error = look_at(ret_file, path, failure);
    if (error == 0)
        error = open_archive(ret_file, path, failure);
    if (error != 0)
        archive_file_close(ret_file);
    return error;
}

static int open_raw(const char *path, bool unpack, struct archive_file *file,
                    struct failure *failure)
{
    int error = archive_library_load(failure);

    if (error != 0)
        return error;
    *file = (struct archive_file){.archive = archive_read_new()};
    if (file->archive == NULL || archive_read_support_format_raw(file->archive) != ARCHIVE_OK ||
        archive_read_support_format_empty(file->archive) != ARCHIVE_OK)
        error = -ENOMEM;

    if (error == 0 && unpack)
        error = look_at(file, path, failure);
    if (error == 0)
        error = open_archive(file, path, failure);
    if (error != 0)
        archive_file_close(file);
    return error;
}

int archive_file_open_plain(const char *path, struct archive_file *ret_file,
                            struct failure *failure)
{
    return open_raw(path, false, ret_file, failure);
}

int archive_file_open_unpacked(const char *path, struct archive_file *ret_file,
                               struct failure *failure)
{
    return open_raw(path, true, ret_file, failure);
}

void archive_file_close(struct archive_file *file)
{
    archive_read_free(file->archive);
    inflate_stream_free(file->member);
    zip_directory_free(file->directory);
    file_stream_close(&file->bytes);
    *file = (struct archive_file){.archive = NULL};
}

bool archive_file_is_packed(const struct archive_file *file)
{
    return file->is_packed;
}

uint64_t archive_file_bytes_read(const struct archive_file *file)
{
    la_int64_t theirs = file->is_packed ? 0 : archive_filter_bytes(file->archive, -1);
    uint64_t ours = file->bytes.stream.class != NULL ? file->bytes.bytes : 0;

    return theirs > 0 && (uint64_t)theirs > ours ? (uint64_t)theirs : ours;
}

struct byte_stream *archive_file_member(struct archive_file *file)
{
    struct zip_place place;

    inflate_stream_free(file->member);
    file->member = NULL;
    if (!file->is_zip)
        return NULL;
    if (file->directory == NULL)
        file->directory = zip_directory_read(file->bytes.file);
    if (file->directory == NULL) {
        file->is_zip = false;
        return NULL;
    }

    la_int64_t offset = archive_filter_bytes(file->archive, 0);

    if (offset < 0 ||
        !zip_directory_find(file->directory, file->bytes.file, (uint64_t)offset, &place))
        return NULL;
    file_stream_seek(&file->bytes, place.offset, place.bytes);
    file->member = inflate_stream_create(&file->bytes.stream, &place.promise);
    return file->member != NULL ? inflate_stream_bytes(file->member) : NULL;
}
