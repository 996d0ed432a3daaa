/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of which only the record that took them is lost: what they consist of stands in the
 * packs, whole, and they can be listed again, under a name made up (FORMAT.md, "Damage").
 *
 * Asked twice: before the log is mended, since that removes records that tell which snapshots were
 * taken and forgotten; and after it.
 */
#ifndef CRMFS_STORE_RECOVER_H
#define CRMFS_STORE_RECOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/log.h"
#include "fs/store/log_mend.h"
#include "fs/store/object.h"
#include "fs/store/store.h"

/* A snapshot of which the record that took it is there. */
struct taken {
    uint8_t id[SNAPSHOT_ID_BYTES];
    uint8_t tree[OBJECT_ID_BYTES];
    bool known; /* it is in the state, or was forgotten; else its record is given up */
};

/* When a record was written that is lost, between two that are not. */
struct lost_record {
    uint64_t after_ns;
    uint64_t before_ns;
};

struct snapshot_ids {
    uint8_t (*ids)[SNAPSHOT_ID_BYTES];
    size_t count;
};

bool snapshot_ids_have(const struct snapshot_ids *ids, const uint8_t id[SNAPSHOT_ID_BYTES]);

/* Zeroed at first. */
struct recovery {
    struct log_mended log; /* what will become of it */
    struct lost_record *lost;
    size_t lost_count;
    bool forked;           /* some are lost of another copy of the store: of any time */
    uint64_t lost_records; /* in all of these */
    struct taken *taken;
    size_t taken_count;
    uint64_t since_ns;         /* no record from then on is missing but for the lost ones */
    struct snapshot_ids named; /* snapshots of take records and of checkpoints */
    struct snapshot_ids later; /* those taken after the first lost record */
    bool marked_later;  /* after it packs were marked: prune may have moved what is in them */
    uint64_t forgotten; /* snapshots that later records forget and none of those names */
};

/* What the log tells before it is mended. 0 or -errno. */
int recovery_begin(struct store *store, struct recovery *recovery, struct failure *failure);

/*
 * NAME: of the snapshot that was listed again, NULL: something of it is lost. CERTAIN: its record
 * was lost; else it may have been forgotten as well, by a record that is no longer kept.
 */
typedef void recovery_report(void *context, const char *name, bool certain, uint64_t time_ns);

/*
 * Lists again what was read when one of the lost records was written, lacks nothing, and was not
 * forgotten as far as the log tells; adds their number to COUNT. STATE is brought up to date. 0;
 * -EAGAIN: others changed the store, all is to be looked at anew; -errno.
 */
int recovery_list(struct store *store, const struct recovery *recovery, struct log_state *state,
                  recovery_report *report, void *context, size_t *count, struct failure *failure);

void recovery_release(struct recovery *recovery);

#endif
