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

void archive_tell_rest_of_feed(const struct archive_walk *walk, const struct archive_feed *feed,
                               const char *name)
{
    if (walk->pass != PASS_ALL || walk->wanted != NULL || walk->broken || feed->error != 0)
        return;
    if (archive_unpack_has_rest(feed->unpack))
        tell(walk, name, packed_rest);
    if (feed->has_rest)
        tell(walk, name, other_tar);
}

void archive_tell_rest_of_file(const struct archive_walk *walk, const struct archive_file *file,
                               const char *path)
{
    int format = archive_format(file->archive) & ARCHIVE_FORMAT_BASE_MASK;
    la_int64_t taken = archive_filter_bytes(file->archive, -1);

    if (file->is_packed)
        archive_tell_rest_of_feed(walk, &file->feed, path);
    if (walk->pass != PASS_ALL || walk->wanted != NULL || walk->broken || file->is_packed ||
        taken <= 0 || format != ARCHIVE_FORMAT_TAR)
        return;

    cleanup_fd int opened = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (opened >= 0)
        tell_of_tar(walk, opened, taken, path);
}
