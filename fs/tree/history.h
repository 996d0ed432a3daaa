/* SPDX-License-Identifier: MIT */
/*
 * When each file of a source's folder was last seen to change, across
 * generations: a table that is the same as before keeps its time, so that rsync
 * and make leave it alone. Safe from several threads at once.
 */
#ifndef CRMFS_TREE_HISTORY_H
#define CRMFS_TREE_HISTORY_H

#include <stdint.h>
#include <time.h>

#include "backends/source/schema.h"

#define HISTORY_DIGEST_BYTES 32

/* What a name stood for in the generation SERIAL. */
struct history_entry {
    const char *name;
    uint64_t serial;
    uint8_t
        digest[HISTORY_DIGEST_BYTES]; /* of the content, however made; equal for equal content */
    struct timespec changed;          /* the time to give it when it is new or has changed */
};

struct history;

struct history *history_create(void); /* NULL: no memory */
void history_free(struct history *history);

/* The time of the name's last change, as far as it was seen; notes the entry. */
struct timespec history_time(struct history *history, const struct history_entry *entry);

#endif
