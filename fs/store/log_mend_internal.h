/* SPDX-License-Identifier: MIT */
/* What is found out of a log before it is mended (log_mend_look.c), and what is changed then. */
#ifndef CRMFS_STORE_LOG_MEND_INTERNAL_H
#define CRMFS_STORE_LOG_MEND_INTERNAL_H

#include "fs/store/log_internal.h"
#include "fs/store/log_mend.h"

struct mending {
    struct store *store;
    log_mend_report *report;
    void *context;
    struct log_state state;
    uint64_t base; /* the checkpoint that the state began with; 0: none */
    uint64_t *records;
    size_t record_count;
    uint64_t *checkpoints;
    size_t checkpoint_count;
    uint64_t last_damaged; /* of those before the state's; 0: none is */
    bool passed_over;      /* one after the base */
    struct log_mended result;
    struct failure *failure;
};

/* Fills all of it, and reports what becomes of each record. 0; -EBADMSG, -ENOMEM …, in words. */
int mending_look(struct mending *mending);

#endif
