/* SPDX-License-Identifier: MIT */
/*
 * What stands behind the end of an archive, or should: programs pass it over without a word. It may
 * be the rest of what was packed in several parts, of which one is damaged where it begins; a
 * second tar behind the first; and a tar that is cut between two members lacks its end alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "backends/source/archive_internal.h"
#include "backends/source/plain_file.h"
#include "fs/base/memory.h"

#define TAR_BLOCK 512
#define UNPACKED_AGAIN ((uint64_t)64 << 20)
/* Of what is packed: an lz4's last block, of which a part was taken, is of 4 MiB. */
#define LEFT_MOST ((uint64_t)8 << 20)
#define READ_BYTES ((size_t)1 << 20)

static void tell(const struct archive_walk *walk, const char *name, const char *words)
{
    struct failure why;

    failure_set(&why, EIO, SHOWN_PATH ": %s", name, words);
    walk->taker->class->trouble(walk->taker, &why);
}

static bool is_zeros(const uint8_t *bytes, size_t size)
{
    return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Whether something else than zeros stands in the file from OFFSET on. */
static bool holds_more(int file, la_int64_t offset)
{
    cleanup_free uint8_t *bytes = malloc(READ_BYTES);
    bool more = false;

    while (bytes != NULL && !more) {
        ssize_t size = pread(file, bytes, READ_BYTES, offset);

        if (size <= 0)
            break;
        more = !is_zeros(bytes, (size_t)size);
        offset += size;
    }
    return more;
}

static const char other_tar[] =
    "behind its end stands something else, perhaps another tar, which is left out: take them apart";

static void tell_of_tar(const struct archive_walk *walk, int file, la_int64_t end, const char *name)
{
    uint8_t last[TAR_BLOCK];
    off_t size = lseek(file, 0, SEEK_END);

    if (end < size && holds_more(file, end))
        tell(walk, name, other_tar);
    else if (size >= TAR_BLOCK && pread(file, last, TAR_BLOCK, size - TAR_BLOCK) == TAR_BLOCK &&
             !is_zeros(last, TAR_BLOCK))
        tell(walk, name,
             "it ends without the end of a tar: it may have been cut short, and what "
             "came behind is missing");
}

static const char packed_rest[] =
    "behind the end of what was compressed stands something else, which is passed over: is it a "
    "further part, damaged where it begins, then what was in it is missing";

void archive_tell_rest_of_feed(const struct archive_walk *walk, struct archive *archive,
                               const struct archive_feed *feed, const char *name)
{
    bool is_packed = archive_filter_count(archive) > 1;

    if (walk->pass != PASS_ALL || walk->wanted != NULL || walk->broken || feed->error != 0)
        return;
    if (inflate_stream_has_rest(feed->gzip) || (is_packed && feed->has_rest))
        tell(walk, name, packed_rest);
    if (!is_packed && feed->has_rest)
        tell(walk, name, other_tar);
}

/* Whether ARCHIVE, a member alone, holds something else than zeros behind its first SKIP bytes. */
static bool holds_more_unpacked(struct archive *archive, uint64_t skip)
{
    struct archive_entry *about;
    const void *bytes;
    size_t size;
    la_int64_t offset;

    if (archive_read_next_header(archive, &about) < ARCHIVE_WARN)
        return false;
    while (archive_read_data_block(archive, &bytes, &size, &offset) == ARCHIVE_OK) {
        size_t before = skip < size ? (size_t)skip : size;

        if (!is_zeros((const uint8_t *)bytes + before, size - before))
            return true;
        skip -= before;
    }
    return false;
}

/*
 * A tar that libarchive unpacks itself, and does not say what is behind it. Where much is left of
 * what is packed, it is more than zeros and an index; of a smaller file all is unpacked once more.
 */
static void tell_of_packed_tar(const struct archive_walk *walk, struct archive *archive,
                               const char *path)
{
    struct archive_file file;
    struct failure why;
    uint64_t left = 0;
    la_int64_t taken = archive_filter_bytes(archive, -1);
    la_int64_t tar = archive_filter_bytes(archive, 0);
    uint64_t size = (uint64_t)walk->part->about.st_size;
    bool more;

    if (taken > 0 && (uint64_t)taken < size)
        left = size - (uint64_t)taken;
    more = left > LEFT_MOST;
    if (!more && tar > 0 && size <= UNPACKED_AGAIN &&
        archive_file_open_unpacked(path, &file, &why) == 0) {
        more = holds_more_unpacked(file.archive, (uint64_t)tar);
        archive_file_close(&file);
    }
    if (more)
        tell(walk, path, other_tar);
}

void archive_tell_rest_of_file(const struct archive_walk *walk, const struct archive_file *file,
                               const char *path)
{
    struct archive *archive = file->archive;
    bool is_packed = archive_filter_count(archive) > 1;
    int format = archive_format(archive) & ARCHIVE_FORMAT_BASE_MASK;
    la_int64_t taken = archive_filter_bytes(archive, -1);

    if (file->is_gzip)
        archive_tell_rest_of_feed(walk, archive, &file->feed, path);
    if (walk->pass != PASS_ALL || walk->wanted != NULL || walk->broken || file->is_gzip ||
        taken <= 0)
        return;
    if (is_packed && format == ARCHIVE_FORMAT_TAR)
        tell_of_packed_tar(walk, archive, path);
    if (format != (is_packed ? ARCHIVE_FORMAT_RAW : ARCHIVE_FORMAT_TAR))
        return;

    cleanup_fd int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (opened < 0)
        return;
    if (!is_packed)
        tell_of_tar(walk, opened, taken, path);
    else if (holds_more(opened, taken))
        tell(walk, path, packed_rest);
}
