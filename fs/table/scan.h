/* SPDX-License-Identifier: MIT */
/*
 * A scan: one table of a dataset read through once, in bounded memory, into the
 * sealed row groups of an image. A table that its source can split is read by
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

struct scan_options {
    unsigned threads;       /* at most; at least 1 */
    const uint8_t *cut_key; /* CUTTER_KEY_BYTES */
    const bool *cancelled;  /* atomic; the scan ends with -ECANCELED soon after it turns true */
};

/* 0, or what the source, the spool or memory refused: nothing is kept then. */
int image_scan(struct dataset *dataset, size_t table, struct spool *spool,
               const struct scan_options *options, struct image **ret_image,
               struct failure *failure);

#endif
