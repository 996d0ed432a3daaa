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
#define NODE_BYTES_MOST (FILE_NODE_LIMIT / 4 * 3) /* compressed; of names of objects most are */
#define ATTEMPTS 3                                /* others write meanwhile */

/*
 * Nodes that will be changed at most: besides those that are, each item that is recent may change
 * one that nothing else does, and so may the extent that a run becomes. Some of those above them
 * change as well.
 */
static uint64_t nodes_to_change(struct files *files)
{
    uint64_t more = catalogue_recent_items(&files->tree) + files->waiting_runs;
    uint64_t leaves = catalogue_leaves_most(&files->tree);

    if (more > leaves)
        more = leaves;
    more += files->nodes.dirty_count;
    return more + more / 8;
}

/* What BYTES more take on the disk at most, with all that waits there. */
static uint64_t most_that_is_needed(struct files *files, uint64_t bytes)
{
    uint64_t content = files->waiting_bytes + bytes;

    return SPARE_BYTES + content + content / 16 + nodes_to_change(files) * NODE_BYTES_MOST;
}

static bool fits(struct files *files, uint64_t bytes)
{
    uint64_t now = clock_now_ns();
    uint64_t free_bytes;
    uint64_t needed;

    if (now < files->plenty_until_ns && bytes <= CUT_MOST)
        return true;
    if (reserve_hold(&files->reserve, store_storage(files->options.store)) != 0)
        return false;
    if (!reserve_beside(&files->reserve, &free_bytes))
        return true;
    if (free_bytes > files->options.garbage_bytes)
        files->disk_full = false;
    needed = most_that_is_needed(files, bytes);
    if (needed <= free_bytes && free_bytes - needed > PLENTY_BYTES)
        files->plenty_until_ns = now + PLENTY_NS;
    return needed <= free_bytes;
}

bool files_has_room_for(struct files *files, uint64_t bytes)
{
    return fits(files, bytes);
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

/* All that waits is stored, so that it is known what it takes. */
static int store_all(struct files *files, struct failure *failure)
{
    files_await_commit(files);

    int error = files_commit(files, failure);

    /* Another one may have begun. */
    files_await_opening(files);
    return error;
}

int files_make_room_for(struct files *files, uint64_t bytes, struct failure *failure)
{
    int error = files_make_room(files, failure);
    bool has_room = false;

    for (int i = 0; i < ATTEMPTS && error == 0 && !has_room; i++) {
        has_room = !files->commit_failed && fits(files, bytes);
        if (!has_room)
            error = store_all(files, failure);
    }
    if (error == 0 && !has_room && !fits(files, bytes))
        error = refuse(files, bytes, failure);
    return error == 0 ? catalogue_reserve(&files->nodes, CHANGES_MOST) : error;
}

/* With the reserve, which is there for that. */
static bool fits_to_remove(struct files *files)
{
    uint64_t free_bytes;

    if (fits(files, 0) || !reserve_beside(&files->reserve, &free_bytes))
        return true;
    return most_that_is_needed(files, 0) <= free_bytes + files->reserve.bytes;
}

int files_make_room_to_remove(struct files *files)
{
    (void)files_make_room(files, NULL);
    if (!files->commit_failed && !fits_to_remove(files))
        (void)store_all(files, NULL);
    return catalogue_reserve(&files->nodes, CHANGES_MOST);
}
