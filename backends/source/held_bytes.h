/* SPDX-License-Identifier: MIT */
/* Bytes that a taker has kept, to be read at any offset: of what cannot be read in order. */
#ifndef CRMFS_SOURCE_HELD_BYTES_H
#define CRMFS_SOURCE_HELD_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"

struct held_bytes;
struct held_bytes_class {
    /* SIZE bytes at OFFSET, all of which are there. By one thread at a time. -EIO, -ENOMEM. */
    int (*read)(struct held_bytes *held, uint64_t offset, void *buffer, size_t size,
                struct failure *failure);
    void (*release)(struct held_bytes *held);
};
struct held_bytes {
    const struct held_bytes_class *class;
    uint64_t size;
};

#endif
