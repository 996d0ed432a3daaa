/* SPDX-License-Identifier: MIT */
/*
 * What becomes of files/ where records of the log are given up: if one of them named its newest
 * tree, it is as an older one says. Asked before the log is mended, which removes records, and
 * after it.
 */
#ifndef CRMFS_STORE_FILES_BACK_H
#define CRMFS_STORE_FILES_BACK_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"

/* Zeroed at first. */
struct files_back {
    bool used;        /* the log tells of files/ */
    uint64_t time_ns; /* of the record that names what it was before the last gap; 0: not known */
};

/* What the log tells before it is mended; then its records up to LAST count. 0 or -errno. */
int files_back_begin(struct store *store, uint64_t last, struct files_back *back,
                     struct failure *failure);

/*
 * Whether no record after LAST_LOST names a tree, so that files/ may be older than it was: 1, then
 * BACK's time is that of the tree which it has; 0; -errno.
 */
int files_back_find(struct store *store, struct files_back *back, uint64_t last_lost,
                    struct failure *failure);

#endif
