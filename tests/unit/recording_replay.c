/* SPDX-License-Identifier: MIT */
/* What a power cut would have left of a record. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/unit/recording_storage.h"

enum outcome {
    OUTCOME_ABSENT,
    OUTCOME_DONE,
    OUTCOME_CUT,
};

static bool is_volatile(const struct recorded_operation *operation)
{
    return operation->kind == STORAGE_COMMIT || operation->kind == STORAGE_REMOVE;
}

static bool changes(const struct recorded_operation *operation)
{
    return operation->kind != STORAGE_SYNC && operation->kind != STORAGE_FLUSH;
}

/* The commit that the flush at FLUSH was of is not in flight, whoever made it. */
static void settle_flushed(struct storage *storage, size_t flush, bool *in_flight)
{
    const char *name = recording_storage_operation(storage, flush)->name;

    for (size_t i = 0; i < flush; i++) {
        const struct recorded_operation *operation = recording_storage_operation(storage, i);

        if (operation->kind == STORAGE_COMMIT && strcmp(operation->name, name) == 0)
            in_flight[i] = false;
    }
}

/* Which of the operations up to the point were in flight: what they become is to be decided. */
static void find_in_flight(struct storage *storage, size_t point, bool *in_flight,
                           struct replayed *replayed)
{
    size_t settled[RECORDING_PARTIES] = {0}; /* what each did before here is durable */
    size_t count = recording_storage_count(storage);

    for (size_t i = 0; i < point; i++) {
        const struct recorded_operation *operation = recording_storage_operation(storage, i);

        if (operation->kind == STORAGE_SYNC && operation->covered > settled[operation->party])
            settled[operation->party] = operation->covered;
    }
    for (size_t i = 0; i < count && i <= point; i++) {
        const struct recorded_operation *operation = recording_storage_operation(storage, i);

        in_flight[i] = i == point ? changes(operation)
                                  : i >= settled[operation->party] && is_volatile(operation);
    }
    for (size_t i = 0; i < point; i++) {
        if (recording_storage_operation(storage, i)->kind == STORAGE_FLUSH)
            settle_flushed(storage, i, in_flight);
    }
    for (size_t i = 0; i < count && i <= point; i++) {
        const struct recorded_operation *operation = recording_storage_operation(storage, i);

        if (in_flight[i]) {
            replayed->in_flight++;
            replayed->commits += operation->kind == STORAGE_COMMIT;
        }
    }
}

static enum outcome decide(const struct replay *how, const struct replayed *replayed,
                           const struct recorded_operation *operation, size_t number,
                           size_t commit_number)
{
    switch (how->fate) {
    case REPLAY_DROPPED: return OUTCOME_ABSENT;
    case REPLAY_KEPT: return OUTCOME_DONE;
    case REPLAY_CHOSEN:
        return (how->choice >> (number % 64) & 1) != 0 ? OUTCOME_DONE : OUTCOME_ABSENT;
    case REPLAY_TORN: break;
    }
    if (operation->kind == STORAGE_PUT || replayed->commits == 0)
        return operation->kind == STORAGE_PUT ? OUTCOME_ABSENT : OUTCOME_DONE;
    return operation->kind == STORAGE_COMMIT && commit_number == how->torn % replayed->commits
               ? OUTCOME_CUT
               : OUTCOME_DONE;
}

static int apply(const struct recorded_operation *operation, size_t size, struct storage *into,
                 struct failure *failure)
{
    int error;

    switch ((int)operation->kind) {
    case STORAGE_PUT:
    case STORAGE_COMMIT:
        return into->class->put_exclusive(into, operation->name, operation->bytes, size, failure);
    case STORAGE_REMOVE:
        /* What it removes may have been dropped. */
        error = into->class->remove(into, operation->name, failure);
        return error == -ENOENT ? 0 : error;
    default: return 0;
    }
}

int recording_storage_replay(struct storage *storage, const struct replay *how,
                             struct storage *into, struct replayed *ret_replayed,
                             struct failure *failure)
{
    size_t count = recording_storage_count(storage);
    cleanup_free bool *in_flight = allocate_array(count + 1, sizeof *in_flight);
    struct replayed replayed = {0};
    size_t number = 0;
    size_t commit_number = 0;
    int error = 0;

    if (in_flight == NULL)
        return -ENOMEM;
    if (how->point > count)
        return failure_set(failure, EINVAL, "the record ends before point %zu", how->point);
    find_in_flight(storage, how->point, in_flight, &replayed);
    for (size_t i = 0; i < count && i <= how->point && error == 0; i++) {
        const struct recorded_operation *operation = recording_storage_operation(storage, i);
        enum outcome outcome = OUTCOME_DONE;
        size_t size = operation->size;

        if (in_flight[i]) {
            outcome = decide(how, &replayed, operation, number++, commit_number);
            commit_number += operation->kind == STORAGE_COMMIT;
        }
        if (outcome == OUTCOME_CUT) {
            replayed.torn_size = size;
            size = size != 0 ? how->cut % size : 0;
        }
        if (outcome != OUTCOME_ABSENT)
            error = apply(operation, size, into, failure);
    }
    if (error == 0 && ret_replayed != NULL)
        *ret_replayed = replayed;
    return error;
}
