/* SPDX-License-Identifier: MIT */
/* Extended attributes, and the ACLs among them, for who makes files and changes modes. */
#ifndef CRMFS_FILES_XATTRS_H
#define CRMFS_FILES_XATTRS_H

#include "fs/files/files_internal.h"

#define XATTR_VALUE_LIMIT 4096 /* as ext4's block */

struct xattr_value {
    size_t size; /* 0: there is none */
    uint8_t bytes[XATTR_VALUE_LIMIT];
};

/* 0 also when there is none. */
int xattr_find(struct files *files, uint64_t inode, const char *name, struct xattr_value *ret_value,
               struct failure *failure);
int xattr_put(struct files *files, const struct file_key *key, const char *name,
              const struct xattr_value *value, struct failure *failure);

/* The file's access ACL follows a new mode. */
int xattr_follow_mode(struct files *files, uint64_t inode, mode_t mode, struct failure *failure);

/* What a new file inherits. */
struct inheritance {
    struct xattr_value access;    /* size 0: nothing but the mode */
    struct xattr_value directory; /* the default ACL, for a directory */
    struct file_key access_key;
    struct file_key directory_key;
};

/* Finds it, for a file of *MODE, which becomes the one that it gets, by ACL or by UMASK. */
int xattr_inherit(struct files *files, uint64_t directory, uint64_t inode, mode_t umask,
                  mode_t *mode, struct inheritance *ret_inheritance, struct failure *failure);
int xattr_put_inheritance(struct files *files, const struct inheritance *inheritance,
                          struct failure *failure);

#endif
