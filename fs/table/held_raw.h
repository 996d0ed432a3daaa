/* SPDX-License-Identifier: MIT */
/* Raw bytes as what a source may have held for it (backends/source/held_bytes.h). */
#ifndef CRMFS_TABLE_HELD_RAW_H
#define CRMFS_TABLE_HELD_RAW_H

#include "backends/source/held_bytes.h"
#include "fs/store/spool.h"

/* Adds bytes to *HELD, which is made in SPOOL when it is NULL. 0, -ENOMEM, or as spool_put. */
int held_raw_add(struct spool *spool, struct held_bytes **held, const void *bytes, size_t size,
                 struct failure *failure);

#endif
