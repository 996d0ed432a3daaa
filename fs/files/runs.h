/* SPDX-License-Identifier: MIT */
/*
 * What was written to a file and is not stored yet: runs of bytes in the order of their offsets,
 * which do not overlap. One owner, no locks.
 */
#ifndef CRMFS_FILES_RUNS_H
#define CRMFS_FILES_RUNS_H

#include <stddef.h>
#include <stdint.h>

#define RUN_BYTES_MOST ((size_t)1 << 20) /* that a run grows to; a write makes a longer one */

struct run {
    uint64_t offset;
    size_t size;
    size_t room;
    uint8_t *bytes;
};

/* Zeroed: empty. */
struct runs {
    struct run *runs;
    size_t count;
    size_t room;
    size_t bytes; /* of all runs */
};

/* SIZE is not 0. 0 or -ENOMEM, with nothing changed. */
int runs_write(struct runs *runs, uint64_t offset, const void *bytes, size_t size);

/* Takes the bytes from FROM up to END away. 0 or -ENOMEM, with nothing changed. */
int runs_cut(struct runs *runs, uint64_t from, uint64_t end);

/* The first run that ends after OFFSET: its place, or the count. */
size_t runs_find(const struct runs *runs, uint64_t offset);

void runs_release(struct runs *runs);

#endif
