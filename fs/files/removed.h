/* SPDX-License-Identifier: MIT */
/*
 * Large files that lost their last name lately, and which pieces they consisted of: many a program
 * removes the old version before it writes the new one. One owner, no locks.
 */
#ifndef CRMFS_FILES_REMOVED_H
#define CRMFS_FILES_REMOVED_H

#include "fs/files/past.h"

#define REMOVED_MOST 32

struct removed_file {
    uint64_t inode; /* which it was */
    uint64_t directory;
    char *name;
    struct past past;
};

/* Zeroed: none. */
struct removed_files {
    struct removed_file files[REMOVED_MOST]; /* the newest is the last */
    size_t count;
    size_t bytes; /* that their pasts take */
};

/* Takes FILE's past over; it has no name yet, and gets a copy of NAME. The oldest ones go, until
 * all take LIMIT bytes at the most. */
void removed_add(struct removed_files *removed, const struct removed_file *file, const char *name,
                 size_t limit);

/* NULL: it is not there. */
const struct removed_file *removed_find(const struct removed_files *removed, uint64_t inode);

/* Takes the past out, with the rest of it; of no pieces if it is not there. */
struct past removed_take(struct removed_files *removed, uint64_t inode);

void removed_release(struct removed_files *removed);

#endif
