/* SPDX-License-Identifier: MIT */
/* What the log tells, before it is mended, of snapshots of which only the record is lost. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/log_internal.h"
#include "fs/store/recover.h"

void recovery_release(struct recovery *recovery)
{
    free(recovery->lost);
    free(recovery->taken);
    free(recovery->named.ids);
    free(recovery->later.ids);
    *recovery = (struct recovery){.lost = NULL};
}

static int note_lost(struct recovery *recovery, uint64_t after_ns)
{
    struct lost_record *lost = reallocarray(recovery->lost, recovery->lost_count + 1, sizeof *lost);

    if (lost == NULL)
        return -ENOMEM;
    lost[recovery->lost_count++] = (struct lost_record){after_ns, UINT64_MAX};
    recovery->lost = lost;
    return 0;
}

bool snapshot_ids_have(const struct snapshot_ids *ids, const uint8_t id[SNAPSHOT_ID_BYTES])
{
    for (size_t i = 0; i < ids->count; i++) {
        if (memcmp(ids->ids[i], id, SNAPSHOT_ID_BYTES) == 0)
            return true;
    }
    return false;
}

static int add_id(struct snapshot_ids *ids, const uint8_t id[SNAPSHOT_ID_BYTES])
{
    uint8_t(*more)[SNAPSHOT_ID_BYTES];

    if (snapshot_ids_have(ids, id))
        return 0;
    more = reallocarray(ids->ids, ids->count + 1, sizeof *more);
    if (more == NULL)
        return -ENOMEM;
    memcpy(more[ids->count++], id, SNAPSHOT_ID_BYTES);
    ids->ids = more;
    return 0;
}

/* STANDS: the record is among those that led to the state. */
static int note_taken(struct recovery *recovery, const struct snapshot *snapshot, bool stands)
{
    size_t count = recovery->taken_count;
    struct taken *taken = reallocarray(recovery->taken, count + 1, sizeof *taken);
    int error;

    if (taken == NULL)
        return -ENOMEM;
    recovery->taken = taken;
    taken[count].known = stands;
    memcpy(taken[count].id, snapshot->id, SNAPSHOT_ID_BYTES);
    memcpy(taken[count].tree, snapshot->tree.id, OBJECT_ID_BYTES);
    recovery->taken_count++;
    error = add_id(&recovery->named, snapshot->id);
    if (error == 0 && recovery->lost_count != 0)
        error = add_id(&recovery->later, snapshot->id);
    return error;
}

static void note_forgotten(struct recovery *recovery, const uint8_t id[SNAPSHOT_ID_BYTES])
{
    for (size_t i = 0; i < recovery->taken_count; i++)
        recovery->taken[i].known |= memcmp(recovery->taken[i].id, id, SNAPSHOT_ID_BYTES) == 0;
    recovery->forgotten += recovery->lost_count != 0 && !snapshot_ids_have(&recovery->named, id);
}

static int note_record(struct recovery *recovery, const struct log_entry *entry, bool stands)
{
    if (entry->kind == LOG_TAKE)
        return note_taken(recovery, &entry->snapshot, stands);
    recovery->marked_later |= recovery->lost_count != 0 && entry->kind == LOG_MARK;
    if (entry->kind != LOG_FORGET)
        return 0;
    for (size_t i = 0; i < entry->gone_count; i++)
        note_forgotten(recovery, entry->gone[i]);
    return 0;
}

/* A checkpoint_visit: which snapshots there were, so far as records have been removed that say it.
 */
static int note_checkpoint(void *context, const struct log_state *state)
{
    struct recovery *recovery = context;
    int error = 0;

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++)
        error = add_id(&recovery->named, state->snapshots[i].id);
    return error;
}

/* What the log tells, record by record. */
struct telling {
    struct recovery *recovery;
    uint64_t before;    /* the number of the last one; 0: this is the first */
    uint64_t before_ns; /* the time of the last that counts */
    size_t open;        /* lost ones whose end is not known yet */
};

/* At most so many. */
static int note_lost_records(struct telling *telling, uint64_t records)
{
    telling->recovery->lost_records += records;
    return telling->open == telling->recovery->lost_count
               ? note_lost(telling->recovery, telling->before_ns)
               : 0;
}

/* A log_record_visit: this one, and those missing before it. */
static int note_number(void *context, uint64_t number, const struct log_entry *entry)
{
    struct telling *telling = context;
    struct recovery *recovery = telling->recovery;
    bool opens = entry != NULL;
    const struct log_mended *log = &recovery->log;
    uint64_t missing = telling->before != 0 ? number - telling->before - 1 : 0;
    bool given_up = number > log->sequence;
    bool forked = number == log->first || (given_up && opens);
    int error = 0;

    if (telling->before == 0 && number != 1)
        recovery->since_ns = opens ? entry->time_ns : UINT64_MAX;
    telling->before = number;
    recovery->forked |= forked;
    if (forked || missing != 0 || given_up || !opens)
        error = note_lost_records(telling, (forked ? number - 1 : missing) + (given_up || !opens));
    if (error != 0 || given_up || !opens)
        return error;
    telling->before_ns = entry->time_ns;
    for (; telling->open < recovery->lost_count; telling->open++)
        recovery->lost[telling->open].before_ns = entry->time_ns;
    return note_record(recovery, entry, number >= log->first);
}

int recovery_begin(struct store *store, struct recovery *recovery, struct failure *failure)
{
    struct telling telling = {.recovery = recovery};
    int error = log_mend_look(store, &recovery->log, failure);

    if (error == 0)
        error = checkpoint_each(store, note_checkpoint, recovery, failure);
    return error == 0 ? log_each_record(store, note_number, &telling, failure) : error;
}
