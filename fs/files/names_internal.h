/* SPDX-License-Identifier: MIT */
/* What making and removing names (names.c) and renaming (rename.c) share. The lock is held. */
#ifndef CRMFS_FILES_NAMES_INTERNAL_H
#define CRMFS_FILES_NAMES_INTERNAL_H

#include "fs/files/files_internal.h"

/* A name in a directory, as it was looked for. */
struct spot {
    uint64_t directory;
    struct attributes *attributes; /* the directory's */
    const char *name;
    struct file_key key; /* where it stands, or can be put */
    bool taken;
    uint64_t inode; /* what it means */
    uint8_t type;
};

/* A directory that has a name. -ENOTDIR, -ENOENT, -ESTALE. */
int spot_directory(struct files *files, uint64_t number, struct attributes *ret_attributes,
                   struct failure *failure);

/* NAME in the directory of NUMBER and ATTRIBUTES: 0, whether it is there or not. */
int spot_find(struct files *files, uint64_t number, struct attributes *attributes, const char *name,
              struct spot *ret_spot, struct failure *failure);
int spot_find_taken(struct files *files, uint64_t number, struct attributes *attributes,
                    const char *name, struct spot *ret_spot, struct failure *failure);

/* The name means INODE; its directory's attributes are put, with new times. */
int spot_put(struct files *files, const struct spot *spot, uint64_t inode, uint8_t type,
             struct failure *failure);
int spot_put_directory(struct files *files, const struct spot *spot, struct timespec now,
                       struct failure *failure);

/* Brings into memory what losing the last name changes; then a name less. */
int name_look_at_orphan(struct files *files, uint64_t inode, struct failure *failure);
int name_drop(struct files *files, uint64_t inode, struct attributes *attributes,
              struct timespec now, struct failure *failure);

/* -ENOTEMPTY. */
int name_check_empty(struct files *files, uint64_t inode, struct failure *failure);

#endif
