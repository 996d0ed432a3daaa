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
#include "fs/store/log_mend_internal.h"
#include "fs/store/remembered.h"

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

static int end(struct mending *mending, int error, struct log_mended *ret_mended)
{
    log_state_release(&mending->state);
    free(mending->records);
    free(mending->checkpoints);
    if (error == -ENOMEM)
        return failure_set(mending->failure, ENOMEM, "%s", strerror(ENOMEM));
    if (error == 0)
        *ret_mended = mending->result;
    return error;
}

int log_mend_look(struct store *store, struct log_mended *ret_mended, struct failure *failure)
{
    struct mending mending = {.store = store, .failure = failure};

    return end(&mending, mending_look(&mending), ret_mended);
}

int log_mend(struct store *store, log_mend_report *report, void *context,
             struct log_mended *ret_mended, struct failure *failure)
{
    struct mending mending = {
        .store = store, .report = report, .context = context, .failure = failure};
    int error = mending_look(&mending);

    if (error == 0)
        error = change(&mending);
    return end(&mending, error, ret_mended);
}
