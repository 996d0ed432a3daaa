/* SPDX-License-Identifier: MIT */
#include "fs/store/spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define BLOCK SPOOL_FILE_BLOCK_BYTES

/* cachestat(2) of Linux 6.5, which glibc does not know yet. */
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

struct cache_range {
    uint64_t offset;
    uint64_t size;
};

struct cache_pages {
    uint64_t cached;
    uint64_t dirty;
    uint64_t writeback;
    uint64_t evicted;
    uint64_t recently_evicted;
};

/* How many of the pages that hold the range are in the page cache; -1: the kernel cannot tell. */
static int64_t cached_pages(int descriptor, uint64_t offset, uint64_t size)
{
    struct cache_range range = {offset, size};
    struct cache_pages pages;

    if (syscall(SYS_cachestat, descriptor, &range, &pages, 0) != 0)
        return -1;
    return (int64_t)pages.cached;
}

/* Without knowing what is cached, the page cache is the better guess. */
static int open_direct(int descriptor)
{
    char path[40];

    if (cached_pages(descriptor, 0, BLOCK) < 0)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    return open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
}

static int open_nameless(const char *directory)
{
    int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

    if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return descriptor >= 0 ? descriptor : -errno;

    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/crmfs-spool-XXXXXX", directory) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor < 0)
        return -errno;
    unlink(path);
    return descriptor;
}

int spool_file_open(const char *directory, struct spool_file *ret_file)
{
    int descriptor = open_nameless(directory);

    if (descriptor < 0)
        return descriptor;
    *ret_file = (struct spool_file){descriptor, open_direct(descriptor)};
    /* Else a small read fetches megabytes behind it, which are then read straight from the disk. */
    if (ret_file->direct >= 0)
        posix_fadvise(descriptor, 0, 0, POSIX_FADV_RANDOM);
    return 0;
}

void spool_file_close(struct spool_file *file)
{
    close(file->descriptor);
    if (file->direct >= 0)
        close(file->direct);
}

int spool_file_write(const struct spool_file *file, const uint8_t *bytes, size_t size,
                     uint64_t offset)
{
    while (size > 0) {
        ssize_t written = pwrite(file->descriptor, bytes, size, (off_t)offset);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        bytes += written;
        offset += (uint64_t)written;
        size -= (size_t)written;
    }
    return 0;
}

static int read_all(int descriptor, uint8_t *bytes, size_t size, uint64_t offset)
{
    while (size > 0) {
        ssize_t taken = pread(descriptor, bytes, size, (off_t)offset);

        if (taken < 0 && errno == EINTR)
            continue;
        if (taken <= 0)
            return taken < 0 ? -errno : -ENODATA;
        bytes += taken;
        offset += (uint64_t)taken;
        size -= (size_t)taken;
    }
    return 0;
}

/* Whether reading straight from the disk is possible, and better. */
static bool is_direct(const struct spool_file *file, size_t size, uint64_t offset)
{
    return file->direct >= 0 && size >= SPOOL_FILE_LARGE_BYTES && offset % BLOCK == 0 &&
           cached_pages(file->descriptor, offset, size) < (int64_t)((size + BLOCK - 1) / BLOCK);
}

int spool_file_read(const struct spool_file *file, size_t size, uint64_t offset,
                    struct buffer *room, const uint8_t **ret_bytes)
{
    buffer_clear(room);

    int error = buffer_reserve(room, size + (size_t)2 * BLOCK);

    if (error != 0)
        return error;

    uint8_t *bytes = room->data + (BLOCK - (uintptr_t)room->data % BLOCK) % BLOCK;

    /* The last block may be the file's last, and short; what could not be read so, is read as
     * usual. */
    if (!is_direct(file, size, offset) ||
        pread(file->direct, bytes, (size + BLOCK - 1) / BLOCK * BLOCK, (off_t)offset) <
            (ssize_t)size)
        error = read_all(file->descriptor, bytes, size, offset);
    if (error == 0)
        *ret_bytes = bytes;
    return error;
}

void spool_file_expect(const struct spool_file *file, uint64_t offset, size_t size)
{
    if (file->direct < 0)
        posix_fadvise(file->descriptor, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
}

void spool_file_punch(const struct spool_file *file, uint64_t offset, size_t size)
{
    uint64_t start = (offset + BLOCK - 1) / BLOCK * BLOCK;
    uint64_t end = (offset + size) / BLOCK * BLOCK;

    if (end > start)
        (void)!fallocate(file->descriptor, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)start,
                         (off_t)(end - start));
}
