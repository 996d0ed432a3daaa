/* SPDX-License-Identifier: MIT */
/*
 * What a read gives: borrowed pieces of memory and what keeps them alive, so
 * that bytes go from the cache to the kernel without a copy.
 */
#ifndef CRMFS_TABLE_READING_H
#define CRMFS_TABLE_READING_H

#include <stddef.h>
#include <sys/uio.h>

#define READING_PIECES 16

struct reading {
    struct iovec pieces[READING_PIECES]; /* in order; together the bytes asked for, less only at the
                                            end of the file */
    unsigned count;
    unsigned held_count;
    struct {
        void (*release)(void *object);
        void *object;
    } held[READING_PIECES];
};

static inline size_t reading_size(const struct reading *reading)
{
    size_t size = 0;

    for (unsigned i = 0; i < reading->count; i++)
        size += reading->pieces[i].iov_len;
    return size;
}

static inline void reading_release(struct reading *reading)
{
    for (unsigned i = 0; i < reading->held_count; i++)
        reading->held[i].release(reading->held[i].object);
    reading->count = 0;
    reading->held_count = 0;
}

#endif
