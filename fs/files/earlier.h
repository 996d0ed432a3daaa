/* SPDX-License-Identifier: MIT */
/* Earlier versions of what is written: earlier.c, search.c. The lock is held. */
#ifndef CRMFS_FILES_EARLIER_H
#define CRMFS_FILES_EARLIER_H

#include "fs/files/files_internal.h"

/* Notes what a file consists of before all of it is cut off; what cannot be read is not noted. */
void files_note_past(struct files *files, struct held_file *held);

void files_drop_past(struct files *files, struct held_file *held);

/* Notes what INODE consists of, which is about to lose its last name: what comes in its place is
 * likely to be a new version of it. */
void files_note_removed(struct files *files, uint64_t inode, const struct attributes *attributes,
                        uint64_t directory, const char *name);

/* A new file stands there, under that name: it is looked for what is like it. */
void files_name_new(struct held_file *held, uint64_t directory, const char *name);

/* Makes what INODE is, or was before it was removed, the past of HELD. 0: nothing is. */
void files_take_past(struct files *files, struct held_file *held, uint64_t inode);

/* What was written to a new file, up to CUT_MOST bytes. */
struct written {
    uint64_t offset;
    const uint8_t *bytes;
    size_t size;
};

/*
 * Looks for the file that a new one is a version of, and makes that its past. The lock is given
 * back meanwhile: HELD may be gone then. BUFFER has CUT_MOST bytes; WRITTEN may stand there.
 */
void files_find_past(struct files *files, struct held_file *held, const struct written *written,
                     uint8_t *buffer);

/* What a piece is likely to be a new version of, of those that are worth it. */
bool files_find_parent(struct files *files, struct held_file *held, uint64_t offset, size_t size,
                       struct object_parent *ret_parent);

#endif
