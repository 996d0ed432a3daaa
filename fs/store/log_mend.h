/* SPDX-License-Identifier: MIT */
/*
 * A log of which records are damaged or missing, made readable again (FORMAT.md, "Damage in the
 * log"). What such a record said is given up, unless a checkpoint after it holds it; what the
 * others say stays. Only when somebody asked for it.
 */
#ifndef CRMFS_STORE_LOG_MEND_H
#define CRMFS_STORE_LOG_MEND_H

#include <stdbool.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"

/* A record, and what becomes of it. LOST: what it said is given up. */
typedef void log_mend_report(void *context, const char *record, bool lost, const char *text);

struct log_mended {
    uint64_t lost;      /* records of which nothing is left */
    uint64_t last_lost; /* the highest number of these */
    uint64_t copies;    /* of others after the last that counts: records may have stood there */
    uint64_t first;     /* what stands before it led to another log than this; 0: nothing does */
    uint64_t removed;   /* files: of records, and of checkpoints that led to them */
    uint64_t sequence;  /* what the log goes up to now */
};

/*
 * Nothing is changed when nothing is damaged. REPORT may be NULL. -EBADMSG: no record and no
 * checkpoint can be read; -EROFS, -EIO, -ENOMEM …: begun or not, it can be done again.
 */
int log_mend(struct store *store, log_mend_report *report, void *context,
             struct log_mended *ret_mended, struct failure *failure);

/* What it would do: changes nothing, and reports nothing. */
int log_mend_look(struct store *store, struct log_mended *ret_mended, struct failure *failure);

#endif
