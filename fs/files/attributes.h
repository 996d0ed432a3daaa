/* SPDX-License-Identifier: MIT */
/*
 * What is kept of a file besides its names and its content, as bytes (FORMAT.md, "Files").
 */
#ifndef CRMFS_FILES_ATTRIBUTES_H
#define CRMFS_FILES_ATTRIBUTES_H

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "fs/store/file_node.h"

#define ATTRIBUTES_BYTES ((size_t)96)

struct attributes {
    uint32_t mode; /* type and permissions */
    uint32_t links;
    uint32_t uid;
    uint32_t gid;
    uint64_t device; /* of a device file: major << 32 | minor */
    uint64_t size;
    uint64_t content_bytes; /* that extents cover */
    struct timespec accessed;
    struct timespec modified;
    struct timespec changed;
    struct timespec born;
    uint64_t parent; /* of a directory */
};

void attributes_encode(const struct attributes *attributes, uint8_t bytes[ATTRIBUTES_BYTES]);

/* 0 or -EBADMSG. */
int attributes_decode(const struct file_item *item, struct attributes *ret_attributes);

/* PENDING bytes of content are not yet among the content_bytes. */
struct stat attributes_stat(const struct attributes *attributes, uint64_t shown_inode,
                            uint64_t pending);

#endif
