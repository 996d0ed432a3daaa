/* SPDX-License-Identifier: MIT */
/*
 * The -wal of a database that programs have open, and what the shared memory says of it
 * (https://www.sqlite.org/walformat.html). A writer appends its frames to the file, flushes it,
 * and only then says in the shared memory that there is a commit more. In between, which may be as
 * long as a disk takes, the file's times are those of the commit, and readers do not see it.
 */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/memory.h"

#define WAL_INDEX_REGION_BYTES 32768
#define WAL_INDEX_VERSION 3007000
/* In a log_mark: numbers as this machine has them, salts as in the file. */
#define MARK_LAST_FRAME_AT 16
#define MARK_CHECKSUM_AT 24
#define MARK_SALTS_AT 32

#define SALTS_BYTES 8
#define LOG_HEADER_BYTES 32
#define LOG_PAGE_SIZE_AT 8
#define LOG_SALTS_AT 16
#define LOG_CHECKSUM_AT 24
#define FRAME_HEADER_BYTES 24
#define FRAME_COMMIT_AT 4
#define FRAME_SALTS_AT 8
#define FRAME_CHECKSUM_AT 16
#define FRAME_SUMMED_BYTES 8 /* of its header; and the whole page */
#define SUMMED_FRAMES_MOST 4096

struct log_mark connection_log_mark(struct connection *connection)
{
    struct log_mark mark = {.known = false};
    uint8_t again[LOG_MARK_BYTES];
    sqlite3_file *file = NULL;
    void volatile *region = NULL;
    uint32_t version;

    if (sqlite3_file_control(connection->database, "main", SQLITE_FCNTL_FILE_POINTER, &file) !=
            SQLITE_OK ||
        file == NULL || file->pMethods == NULL || file->pMethods->iVersion < 2)
        return mark;

    int code = file->pMethods->xShmMap(file, 0, WAL_INDEX_REGION_BYTES, 0, &region);

    /* It is mapped already; and we may not write to it, which is what READONLY says. */
    if ((code & 0xff) != SQLITE_OK && code != SQLITE_READONLY)
        return mark;
    if (region == NULL)
        return mark;

    /* A writer writes the second copy first: if both are equal, neither is half-written. */
    const uint8_t *copies = (const void *)region;

    memcpy(mark.bytes, copies, sizeof mark.bytes);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memcpy(again, copies + LOG_MARK_BYTES, sizeof again);
    memcpy(&version, mark.bytes, sizeof version);
    mark.known = version == WAL_INDEX_VERSION && memcmp(mark.bytes, again, sizeof mark.bytes) == 0;
    return mark;
}

/* ---- Frames that readers do not see ---- */

struct log_file {
    int descriptor;
    size_t page_bytes;
    bool big_endian; /* what the checksums are over */
    uint8_t salts[SALTS_BYTES];
    uint32_t sums[2]; /* up to the last frame that readers see */
    uint64_t next;    /* frame after it, from 0 */
};

static uint32_t number_at(const uint8_t *bytes)
{
    uint32_t number;

    memcpy(&number, bytes, sizeof number);
    return number;
}

/* 1; 0: the file ends before; -errno. */
static int read_at(int descriptor, void *buffer, size_t size, uint64_t offset)
{
    size_t done = 0;

    while (done < size) {
        ssize_t got =
            pread(descriptor, (uint8_t *)buffer + done, size - done, (off_t)(offset + done));

        if (got < 0 && errno != EINTR)
            return -errno;
        if (got == 0)
            return 0;
        if (got > 0)
            done += (size_t)got;
    }
    return 1;
}

/* 1; 0: nothing in the file is of MARK or comes after it; -errno. */
static int log_file_begin(struct log_file *log, const struct log_mark *mark)
{
    const uint8_t *shown = mark->bytes + MARK_SALTS_AT;
    uint8_t header[LOG_HEADER_BYTES];
    int there = read_at(log->descriptor, header, sizeof header, 0);

    if (there <= 0)
        return there;

    const uint8_t *salts = header + LOG_SALTS_AT;
    uint32_t page = be32toh(number_at(header + LOG_PAGE_SIZE_AT));

    if (page < 512 || page > 65536 || (page & (page - 1)) != 0)
        return 0;
    log->page_bytes = page;
    log->big_endian = (header[3] & 1) != 0;
    log->next = number_at(mark->bytes + MARK_LAST_FRAME_AT);
    if (log->next != 0) {
        memcpy(log->salts, shown, SALTS_BYTES);
        log->sums[0] = number_at(mark->bytes + MARK_CHECKSUM_AT);
        log->sums[1] = number_at(mark->bytes + MARK_CHECKSUM_AT + 4);
        return 1;
    }
    /* A writer who begins the log anew says so first: then these are the frames of before. */
    if (be32toh(number_at(shown)) == be32toh(number_at(salts)) + 1)
        return 0;
    memcpy(log->salts, salts, SALTS_BYTES);
    log->sums[0] = be32toh(number_at(header + LOG_CHECKSUM_AT));
    log->sums[1] = be32toh(number_at(header + LOG_CHECKSUM_AT + 4));
    return 1;
}

static uint64_t frame_offset(const struct log_file *log, uint64_t frame)
{
    return LOG_HEADER_BYTES + frame * (FRAME_HEADER_BYTES + log->page_bytes);
}

/* The next frame that ends a transaction, into *RET_FRAME. 1; 0: there is none; -errno. */
static int find_commit(const struct log_file *log, uint64_t *ret_frame)
{
    for (uint64_t frame = log->next;; frame++) {
        uint8_t header[FRAME_HEADER_BYTES];
        int there = read_at(log->descriptor, header, sizeof header, frame_offset(log, frame));

        if (there <= 0)
            return there;
        if (memcmp(header + FRAME_SALTS_AT, log->salts, SALTS_BYTES) != 0)
            return 0;
        if (number_at(header + FRAME_COMMIT_AT) != 0) {
            *ret_frame = frame;
            return 1;
        }
    }
}

static void add_to_sums(const struct log_file *log, const uint8_t *bytes, size_t size,
                        uint32_t sums[2])
{
    for (size_t i = 0; i < size; i += 8) {
        uint32_t first = number_at(bytes + i);
        uint32_t second = number_at(bytes + i + 4);

        sums[0] += (log->big_endian ? be32toh(first) : le32toh(first)) + sums[1];
        sums[1] += (log->big_endian ? be32toh(second) : le32toh(second)) + sums[0];
    }
}

/* Whether all up to frame LAST is what was written: what a crash has torn never counts. */
static int frames_are_whole(struct log_file *log, uint64_t last)
{
    size_t size = FRAME_HEADER_BYTES + log->page_bytes;

    if (last - log->next >= SUMMED_FRAMES_MOST)
        return 1;

    cleanup_free uint8_t *frame = malloc(size);

    if (frame == NULL)
        return -ENOMEM;
    for (; log->next <= last; log->next++) {
        int there = read_at(log->descriptor, frame, size, frame_offset(log, log->next));

        if (there <= 0)
            return there;
        add_to_sums(log, frame, FRAME_SUMMED_BYTES, log->sums);
        add_to_sums(log, frame + FRAME_HEADER_BYTES, log->page_bytes, log->sums);
        if (be32toh(number_at(frame + FRAME_CHECKSUM_AT)) != log->sums[0] ||
            be32toh(number_at(frame + FRAME_CHECKSUM_AT + 4)) != log->sums[1])
            return 0;
    }
    return 1;
}

bool log_shows_all(const struct place *place, const struct log_mark *mark)
{
    cleanup_free char *path = NULL;
    struct log_file log = {.descriptor = -1};
    struct stat about;
    uint64_t last = 0;

    if (!mark->known || asprintf(&path, "%s-wal", place->path) < 0)
        return false;

    /* Nobody holds locks on a -wal, so it may be opened and closed here. */
    cleanup_fd int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (descriptor < 0 || fstat(descriptor, &about) != 0 || about.st_ino != place->log.inode ||
        about.st_dev != place->log.device)
        return false;
    log.descriptor = descriptor;

    int hidden = log_file_begin(&log, mark);

    if (hidden > 0)
        hidden = find_commit(&log, &last);
    if (hidden > 0)
        hidden = frames_are_whole(&log, last);
    return hidden == 0;
}
