/* SPDX-License-Identifier: MIT */
/*
 * The order of things, so that whenever this ends, it can be done again with the same outcome:
 *
 *   base      the newest checkpoint that opens, unless the record of its number says otherwise
 *   follow    the records after it that open, each of which says the hash of the one before
 *   write     a checkpoint of what they amount to, if one between them was passed over
 *   remove    what stands after the last that counts, the highest first; then what stands before
 *             the checkpoint, up to the last that is damaged, the lowest first
 */
#include "fs/store/log_mend.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"
#include "fs/store/remembered.h"

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

static const char lost_text[] =
    "given up: what it said is as if it had not been (a snapshot that it forgot is there again; one "
    "that it took is looked for in the packs, but not one of files/ alone; a key that it removed "
    "opens again if its file is there)";
static const char needless_text[] = "removed: a checkpoint after it holds what it said";
static const char copy_text[] = "removed: it is a copy of another record, under a later number";
static const char unfit_text[] = "given up: it cannot follow without one that is lost";

static void say(struct mending *mending, uint64_t number, bool lost, const char *text)
{
    char name[LOG_NAME_SIZE];

    log_record_name(number, name);
    mending->result.lost += lost;
    if (lost && number > mending->result.last_lost)
        mending->result.last_lost = number;
    if (mending->report != NULL)
        mending->report(mending->context, name, lost, text);
}

/* ---- What can be read ---- */

/* 1: the record opens, and is in RET_ENTRY; 0: it is damaged or gone; -errno. */
static int read_record(struct mending *mending, uint64_t number, struct log_entry *ret_entry,
                       uint8_t ret_hash[LOG_HASH_BYTES])
{
    int error = log_record_read(mending->store, number, ret_entry, ret_hash, mending->failure);

    if (error == 0)
        return 1;
    return error == -EBADMSG || error == -ENOENT ? 0 : error;
}

/* Whether the state just read from a checkpoint counts: no record of its number opens as another.
 */
static int agrees(struct mending *mending)
{
    struct log_entry entry;
    uint8_t hash[LOG_HASH_BYTES];
    int found = read_record(mending, mending->state.sequence, &entry, hash);

    if (found <= 0)
        return found < 0 ? found : 1;
    log_entry_release(&entry);
    return memcmp(hash, mending->state.hash, sizeof hash) == 0;
}

static int find_base(struct mending *mending)
{
    int found = 0;

    for (size_t i = mending->checkpoint_count; i > 0 && found == 0; i--) {
        int error = checkpoint_read(mending->store, mending->checkpoints[i - 1], &mending->state,
                                    mending->failure);

        if (error == -EBADMSG || error == -ENOENT)
            continue;
        found = error == 0 ? agrees(mending) : error;
        if (found != 1)
            log_state_release(&mending->state);
    }
    mending->base = mending->state.sequence;
    return found < 0 ? found : 0;
}

/* What stands between the state and record NUMBER, which opens, is lost. */
static void pass_over(struct mending *mending, uint64_t number, const struct log_entry *entry)
{
    say(mending, mending->state.sequence + 1, true, lost_text);
    if (number - mending->state.sequence > 2) {
        mending->result.lost += number - mending->state.sequence - 3;
        say(mending, number - 1, true, "given up, as those before it");
    }
    mending->passed_over = true;
    mending->last_damaged = number - 1;
    mending->state.sequence = number - 1;
    memcpy(mending->state.hash, entry->before, LOG_HASH_BYTES);
}

/* One that cannot follow, after others were lost, changes nothing. */
static int apply(struct mending *mending, struct log_entry *entry,
                 const uint8_t hash[LOG_HASH_BYTES])
{
    struct log_state *state = &mending->state;
    int borrowed;
    int error;

    if (memcmp(entry->before, state->hash, LOG_HASH_BYTES) != 0)
        return -EBADMSG;
    borrowed = mending->passed_over ? log_state_amend(state, entry) : 0;
    if (borrowed < 0)
        return borrowed;
    error = log_state_check(state, store_header(mending->store), entry, mending->failure);
    if (error == 0) {
        error = log_state_prepare(state, entry);
        if (error == 0)
            log_state_apply(state, entry, hash);
    } else if (mending->passed_over) {
        say(mending, entry->sequence, true, unfit_text);
        state->sequence = entry->sequence;
        memcpy(state->hash, hash, LOG_HASH_BYTES);
        error = 0;
    } else {
        error = -EBADMSG;
    }
    if (borrowed == 1)
        files_claim_release(&state->claim);
    return error;
}

/* 1: the log ends before this record. */
static int follow_one(struct mending *mending, uint64_t number)
{
    struct log_entry entry;
    uint8_t hash[LOG_HASH_BYTES];
    int found = read_record(mending, number, &entry, hash);

    if (found <= 0)
        return found;
    if (entry.sequence != number) {
        log_entry_release(&entry);
        return 1;
    }
    if (number > mending->state.sequence + 1)
        pass_over(mending, number, &entry);
    found = apply(mending, &entry, hash);
    log_entry_release(&entry);
    return found == -EBADMSG ? 1 : found;
}

static int follow(struct mending *mending)
{
    int error = 0;

    for (size_t i = 0; i < mending->record_count && error == 0; i++) {
        if (mending->records[i] > mending->base)
            error = follow_one(mending, mending->records[i]);
    }
    return error < 0 ? error : 0;
}

/* Damaged ones that nobody needs, because the state began with a checkpoint after them. */
static int look_before_base(struct mending *mending)
{
    int found = 1;

    for (size_t i = 0; i < mending->record_count && mending->records[i] <= mending->base; i++) {
        uint64_t number = mending->records[i];
        struct log_entry entry;
        uint8_t hash[LOG_HASH_BYTES];

        found = read_record(mending, number, &entry, hash);
        if (found < 0)
            return found;
        if (found == 1) {
            log_entry_release(&entry);
            continue;
        }
        say(mending, number, false, needless_text);
        mending->last_damaged = number;
    }
    return 0;
}

/* ---- What is changed ---- */

static int remove_file(struct mending *mending, uint64_t number,
                       void (*name_of)(uint64_t, char[LOG_NAME_SIZE]))
{
    struct storage *storage = store_storage(mending->store);
    char name[LOG_NAME_SIZE];
    int error;

    name_of(number, name);
    error = storage->class->remove(storage, name, mending->failure);
    if (error == 0)
        mending->result.removed++;
    return error == -ENOENT ? 0 : error;
}

/* One of the state's number that stands there is damaged, or the state would have begun with it. */
static int write_checkpoint(struct mending *mending)
{
    struct storage *storage = store_storage(mending->store);
    int error = remove_file(mending, mending->state.sequence, checkpoint_name);

    if (error == 0)
        error = checkpoint_write(mending->store, &mending->state, mending->failure);
    return error == 0 ? storage->class->sync(storage, mending->failure) : error;
}

/* What the file of record NUMBER holds. False: it cannot be read. */
static bool read_file(struct mending *mending, uint64_t number, struct buffer *file)
{
    char name[LOG_NAME_SIZE];

    log_record_name(number, name);
    return sealed_file_read(mending->store, &log_record_file, name, file, NULL) == 0;
}

/*
 * Whether a record after the last that counts was put there with cp: byte for byte the file of one
 * that counts. It never said anything.
 */
static bool is_copy(struct mending *mending, uint64_t number)
{
    cleanup_buffer struct buffer file = BUFFER(LOG_RECORD_LIMIT);
    cleanup_buffer struct buffer other = BUFFER(LOG_RECORD_LIMIT);
    bool same = false;

    if (!read_file(mending, number, &file))
        return false;
    for (size_t i = 0; i < mending->record_count && !same; i++) {
        if (mending->records[i] > mending->state.sequence)
            break;
        same = read_file(mending, mending->records[i], &other) && other.size == file.size &&
               memcmp(other.data, file.data, file.size) == 0;
    }
    return same;
}

static int remove_after(struct mending *mending)
{
    uint64_t last = mending->state.sequence;
    int error = 0;

    for (size_t i = mending->checkpoint_count; i > 0 && error == 0; i--) {
        if (mending->checkpoints[i - 1] > last)
            error = remove_file(mending, mending->checkpoints[i - 1], checkpoint_name);
    }
    for (size_t i = mending->record_count; i > 0 && error == 0; i--) {
        if (mending->records[i - 1] <= last)
            break;

        bool copy = is_copy(mending, mending->records[i - 1]);

        say(mending, mending->records[i - 1], !copy, copy ? copy_text : lost_text);
        error = remove_file(mending, mending->records[i - 1], log_record_name);
    }
    return error;
}

static int remove_before(struct mending *mending)
{
    int error = 0;

    for (size_t i = 0; i < mending->record_count && error == 0; i++) {
        if (mending->records[i] <= mending->last_damaged)
            error = remove_file(mending, mending->records[i], log_record_name);
    }
    for (size_t i = 0; i < mending->checkpoint_count && error == 0; i++) {
        if (mending->checkpoints[i] < mending->last_damaged)
            error = remove_file(mending, mending->checkpoints[i], checkpoint_name);
    }
    return error;
}

/*
 * This client's memory goes back with the log; but only where the log had come as far as it was
 * seen: one that was rolled back besides is still refused.
 */
static int forget_freshness(struct mending *mending)
{
    uint64_t highest = mending->record_count != 0 ? mending->records[mending->record_count - 1] : 0;
    struct freshness seen;

    if (!remembered_load(mending->store, &seen) || seen.sequence <= mending->state.sequence ||
        seen.sequence > highest)
        return 0;
    return log_accept_rollback(mending->store, mending->failure);
}

static int change(struct mending *mending)
{
    struct storage *storage = store_storage(mending->store);
    int error = mending->passed_over ? write_checkpoint(mending) : 0;

    if (error == 0)
        error = forget_freshness(mending);
    if (error == 0)
        error = remove_after(mending);
    if (error == 0)
        error = remove_before(mending);
    return error == 0 ? storage->class->sync(storage, mending->failure) : error;
}

static int mend(struct mending *mending)
{
    int error = log_list(mending->store, "log", &mending->records, &mending->record_count,
                         mending->failure);

    if (error == 0)
        error = log_list(mending->store, "checkpoints", &mending->checkpoints,
                         &mending->checkpoint_count, mending->failure);
    if (error == 0)
        error = find_base(mending);
    if (error == 0)
        error = look_before_base(mending);
    if (error == 0)
        error = follow(mending);
    if (error == 0 && mending->state.sequence == 0)
        error = failure_set(mending->failure, EBADMSG,
                            "no record of the log and no checkpoint can be read: only a copy of "
                            "the store helps");
    if (error == 0)
        error = change(mending);
    mending->result.sequence = mending->state.sequence;
    return error;
}

int log_mend(struct store *store, log_mend_report *report, void *context,
             struct log_mended *ret_mended, struct failure *failure)
{
    struct mending mending = {
        .store = store, .report = report, .context = context, .failure = failure};
    int error = mend(&mending);

    log_state_release(&mending.state);
    free(mending.records);
    free(mending.checkpoints);
    if (error == -ENOMEM)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    if (error == 0)
        *ret_mended = mending.result;
    return error;
}
