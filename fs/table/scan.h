/* SPDX-License-Identifier: MIT */
/*
 * A scan: one table of a dataset read through once, in bounded memory, into
 * row groups, which a sink keeps: a spool, a store. A table that its source can split is read by
 * several threads, each its own ranges; the groups come out the same however
 * many there were (fs/table/cutter.h).
 */
#ifndef CRMFS_TABLE_SCAN_H
#define CRMFS_TABLE_SCAN_H

#include <stdbool.h>

#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "fs/store/spool.h"
#include "fs/table/cutter.h"
#include "fs/table/image.h"

/*
 * Where the row groups of a scan go. Each thread of the scan begins its own part
 * (what BEGIN returns is only used by that thread) and ends it; groups come in
 * order within a range, ranges in any order.
 */
struct group_sink;
struct group_sink_class {
    int (*begin)(struct group_sink *sink, void **ret_part, struct failure *failure);
    /* Keeps one encoded group and fills in GROUP's place and digest; the rest of GROUP is set. */
    int (*keep)(struct group_sink *sink, void *part, const struct buffer *encoded,
                struct image_group *group, struct failure *failure);
    /* ERROR: the thread's scan failed. Called once for each begin. 0 or -errno. */
    int (*end)(struct group_sink *sink, void *part, int error, struct failure *failure);
    /* A group that was kept is not wanted after all. */
    void (*drop)(struct group_sink *sink, const struct image_group *group);
};
struct group_sink {
    const struct group_sink_class *class;
};

struct scan_options {
    unsigned threads;          /* at most; at least 1 */
    const uint8_t *cut_key;    /* CUTTER_KEY_BYTES */
    uint32_t group_bytes;      /* mean size of a row group; 0: ROW_GROUP_TARGET_BYTES */
    const bool *cancelled;     /* atomic; the scan ends with -ECANCELED soon after it turns true */
    struct source_bound bound; /* … or with what this says; its look may be NULL */
    uint64_t *rows_done;       /* atomic; counts rows as they are read; NULL: nobody asks */
};

/*
 * Reads a table through into SINK. 0 and its groups in order, for the caller to
 * free (the array; the groups are the sink's); or what the source or the sink
 * refused: every group has been dropped then.
 */
int table_scan(struct dataset *dataset, size_t table, struct group_sink *sink,
               const struct scan_options *options, struct image_group **ret_groups,
               size_t *ret_group_count, struct failure *failure);

/* The same into a spool, as an image. Nothing is kept when it fails. */
int image_scan(struct dataset *dataset, size_t table, struct spool *spool,
               const struct scan_options *options, struct image **ret_image,
               struct failure *failure);

#endif
