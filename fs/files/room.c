/* SPDX-License-Identifier: MIT */
/*
 * What is accepted fits on the store's disk, even if it does not compress at all: who was not
 * refused finds it there after an unmount, though nobody has called fsync(). When that is no longer
 * sure, all that waits is stored first; then it is known what it takes.
 */
#include <errno.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/files/files_internal.h"

#define PLENTY_BYTES ((uint64_t)1 << 30) /* more than anybody writes in PLENTY_NS */
#define PLENTY_NS UINT64_C(50000000)
#define SPARE_BYTES ((uint64_t)256 << 10) /* the log's records, and what packs are padded with */
#define ATTEMPTS 3                        /* others write meanwhile */

/* What BYTES more take on the disk at most, with all that waits there. */
static uint64_t most_that_is_needed(const struct files *files, uint64_t bytes)
{
    uint64_t content = files->waiting_bytes + bytes;

    return SPARE_BYTES + content + content / 16 +
           (uint64_t)files->nodes.dirty_count * FILE_NODE_LIMIT;
}

static bool fits(struct files *files, uint64_t bytes)
{
    uint64_t now = clock_now_ns();
    uint64_t free_bytes;

    if (now < files->plenty_until_ns && bytes <= CUT_MOST)
        return true;
    if (reserve_hold(&files->reserve, store_storage(files->options.store)) != 0)
        return false;
    if (!reserve_beside(&files->reserve, &free_bytes))
        return true;
    if (free_bytes > files->options.garbage_bytes)
        files->disk_full = false;
    if (free_bytes > PLENTY_BYTES)
        files->plenty_until_ns = now + PLENTY_NS;
    return most_that_is_needed(files, bytes) <= free_bytes;
}

/* Who asks for much at once is refused on a disk that is far from full. */
static int refuse(struct files *files, uint64_t bytes, struct failure *failure)
{
    uint64_t free_bytes;

    if (bytes > RUN_BYTES_MOST && reserve_beside(&files->reserve, &free_bytes))
        return failure_set(failure, ENOSPC,
                           "%llu MiB at once may take more than the %llu MiB that the store's disk "
                           "has for them",
                           (unsigned long long)bytes >> 20, (unsigned long long)free_bytes >> 20);
    files_disk_is_full(files);
    return files_store_error(
        failure_set(failure, ENOSPC,
                    "the store's disk is full: what is left of it is kept for removing files"),
        failure);
}

int files_make_room_for(struct files *files, uint64_t bytes, struct failure *failure)
{
    int error = files_make_room(files, failure);

    for (int i = 0; i < ATTEMPTS && error == 0; i++) {
        if (!files->commit_failed && fits(files, bytes))
            return 0;
        files_await_commit(files);
        error = files_commit(files, failure);
    }
    if (error == 0 && !fits(files, bytes))
        error = refuse(files, bytes, failure);
    return error == 0 ? catalogue_reserve(&files->nodes, CHANGES_MOST) : error;
}
