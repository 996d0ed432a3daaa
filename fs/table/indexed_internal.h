/* SPDX-License-Identifier: MIT */
/*
 * The inside of an indexed source: its datasets (indexed.c), and how it comes by what
 * they show (indexed_source.c).
 */
#ifndef CRMFS_TABLE_INDEXED_INTERNAL_H
#define CRMFS_TABLE_INDEXED_INTERNAL_H

#include <string.h>

#include "fs/table/indexed.h"
#include "fs/table/intake.h"

/* What one pass over the stream gave; shared by the datasets of that version. */
struct edition {
    unsigned references;   /* atomic */
    struct source *stream; /* that it was read from; outlives it */
    struct intake *intake;
    struct source_version version;
    struct timespec modified; /* of what is read; from its first table on */
    struct timespec changed;  /* as it says itself; when all is read */
};

struct edition *edition_reference(struct edition *edition);
void edition_release(struct edition *edition); /* NULL is allowed */

/* A dataset of the edition, which is referenced. 0 or -ENOMEM. */
int edition_dataset(struct edition *edition, struct dataset **ret_dataset);

static inline bool same_version(const struct source_version *left,
                                const struct source_version *right)
{
    return memcmp(left, right, sizeof *left) == 0;
}

#endif
