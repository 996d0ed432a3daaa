/* SPDX-License-Identifier: MIT */
/*
 * Some room on the store's disk that content does not get: a file without a name, which ends with
 * the process. A full disk then leaves enough for what removes files: their nodes, and the log's
 * records. On a storage that is no directory, or whose file system cannot set room aside, there is
 * none.
 */
#ifndef CRMFS_FILES_RESERVE_H
#define CRMFS_FILES_RESERVE_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/storage/storage.h"

/* The more a disk holds, the more there is to remove: so manieth part of it, within bounds. */
#define RESERVE_PART 16
#define RESERVE_BYTES_LEAST ((uint64_t)1 << 20)
#define RESERVE_BYTES_MOST ((uint64_t)32 << 20)

struct reserve {
    int file;       /* -1: it is not held */
    uint64_t bytes; /* that it has then */
};

/* Before content is stored. 0, also where there cannot be one; -ENOSPC: there is not so much left.
 */
int reserve_hold(struct reserve *reserve, struct storage *storage);

/* What is free besides it. False: it is not held, or the file system does not say. */
bool reserve_beside(const struct reserve *reserve, uint64_t *ret_bytes);

/* It may be used now, and is given up. False: it was not held. */
bool reserve_spend(struct reserve *reserve);

#endif
