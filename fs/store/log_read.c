/* SPDX-License-Identifier: MIT */
/* From files to a state: the newest checkpoint that opens, and the records after it. */
#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"
#include "fs/store/remembered.h"

#define ATTEMPTS 4 /* prune may remove what a reader is about to read */

const struct sealed_file_kind log_record_file = {.magic = "CRMFSLOG",
                                                 .purpose = STORE_LOG,
                                                 .limit = LOG_RECORD_LIMIT,
                                                 .what = "record of the log"};

void log_record_name(uint64_t sequence, char name[LOG_NAME_SIZE])
{
    snprintf(name, LOG_NAME_SIZE, "log/%0*" PRIu64, LOG_NUMBER_DIGITS, sequence);
}

void log_hash(const struct buffer *file, uint8_t hash[LOG_HASH_BYTES])
{
    crypto_generichash(hash, LOG_HASH_BYTES, file->data, file->size, NULL, 0);
}

static void release_entry(struct log_entry *entry)
{
    log_entry_release(entry);
}

int log_record_read(struct store *store, uint64_t sequence, struct log_entry *ret_entry,
                    uint8_t ret_hash[LOG_HASH_BYTES], struct failure *failure)
{
    char name[LOG_NAME_SIZE];
    cleanup_buffer struct buffer file = BUFFER(LOG_RECORD_LIMIT);
    cleanup_buffer struct buffer plain = BUFFER(LOG_RECORD_LIMIT);

    log_record_name(sequence, name);

    int error = sealed_file_read(store, &log_record_file, name, &file, failure);

    if (error == 0)
        error = sealed_file_open(store, &log_record_file, name, &file, &plain, failure);
    if (error != 0)
        return error;
    error = log_entry_decode(plain.data, plain.size, ret_entry);
    if (error != 0)
        return failure_set(failure, -error, "%s: %s", name,
                           error == -EBADMSG ? "damaged: it holds no record of the log"
                                             : strerror(-error));
    log_hash(&file, ret_hash);
    return 0;
}

/* The hash of a record's file, which is not opened. -ENOENT … */
static int record_hash(struct store *store, uint64_t sequence, uint8_t ret_hash[LOG_HASH_BYTES],
                       struct failure *failure)
{
    char name[LOG_NAME_SIZE];
    cleanup_buffer struct buffer file = BUFFER(LOG_RECORD_LIMIT);

    log_record_name(sequence, name);

    int error = sealed_file_read(store, &log_record_file, name, &file, failure);

    if (error == 0)
        log_hash(&file, ret_hash);
    return error;
}

/* One record more. -ENOENT: there is none. */
static int follow_one(struct store *store, struct log_state *state, struct failure *failure)
{
    __attribute__((__cleanup__(release_entry))) struct log_entry entry = {.kind = LOG_KINDS};
    uint8_t hash[LOG_HASH_BYTES];
    char name[LOG_NAME_SIZE];
    int error = log_record_read(store, state->sequence + 1, &entry, hash, failure);

    if (error != 0)
        return error;
    log_record_name(state->sequence + 1, name);
    error = log_state_check(state, store_header(store), &entry, failure);
    if (error != 0) {
        failure_prefix(failure, -error, "%s breaks a rule", name);
        return failure_prefix(failure, EBADMSG, "the store is damaged");
    }
    error = log_state_prepare(state, &entry);
    if (error != 0)
        return failure_set(failure, -error, "%s: %s", name, strerror(-error));
    log_state_apply(state, &entry, hash);
    return 0;
}

int log_follow(struct store *store, struct log_state *state, struct failure *failure)
{
    int error;

    do
        error = follow_one(store, state, failure);
    while (error == 0);
    return error == -ENOENT ? 0 : error;
}

/* A checkpoint agrees with the record that it stands for, unless that has been removed. */
static int compare_with_record(struct store *store, const struct log_state *state,
                               struct failure *failure)
{
    uint8_t hash[LOG_HASH_BYTES];
    int error = record_hash(store, state->sequence, hash, failure);

    if (error == -ENOENT)
        return 0;
    if (error == 0 && memcmp(hash, state->hash, sizeof hash) != 0)
        error = failure_set(failure, EBADMSG,
                            "the store is damaged: checkpoint %" PRIu64
                            " and the record of that number do not agree",
                            state->sequence);
    return error;
}

/* The newest checkpoint that opens and agrees with its record; without any, an empty state. */
static int read_checkpoint(struct store *store, struct log_state *state, uint64_t *ret_newest,
                           struct failure *failure)
{
    cleanup_free uint64_t *numbers = NULL;
    size_t count = 0;
    int error = log_list(store, "checkpoints", &numbers, &count, failure);

    if (error != 0)
        return error;
    *ret_newest = count != 0 ? numbers[count - 1] : 0;
    while (count > 0) {
        error = checkpoint_read(store, numbers[--count], state, failure);
        if (error == 0) {
            error = compare_with_record(store, state, failure);
            if (error == 0)
                return 0;
            log_state_release(state);
        }
        if (error != -EBADMSG && error != -ENOENT)
            return error;
    }
    return 0;
}

/* The record after STATE is not there, though the file called BEYOND is. */
static int miss_record(const struct log_state *state, const char *beyond, struct failure *failure)
{
    failure_set(failure, EBADMSG,
                "the store is damaged: record %" PRIu64
                " of its log is missing, though %s is there",
                state->sequence + 1, beyond);
    return -EAGAIN;
}

/*
 * -EAGAIN: records or checkpoints that must be there are not. The log is listed before it is
 * followed: whatever is listed was put before, so that what others append meanwhile is no gap.
 */
static int read_whole_once(struct store *store, struct log_state *state, struct failure *failure)
{
    char name[LOG_NAME_SIZE];
    uint64_t newest_record = 0;
    uint64_t newest = 0;
    int error = log_newest(store_storage(store), "log", NULL, &newest_record, failure);

    if (error == 0)
        error = read_checkpoint(store, state, &newest, failure);
    if (error == 0)
        error = log_follow(store, state, failure);
    if (error != 0)
        return error;
    if (newest_record > state->sequence) {
        log_record_name(newest_record, name);
        return miss_record(state, name, failure);
    }
    if (newest > state->sequence) {
        checkpoint_name(newest, name);
        return miss_record(state, name, failure);
    }
    return state->sequence != 0
               ? 0
               : failure_set(failure, EBADMSG, "the store is damaged: its log is missing");
}

static int read_whole(struct store *store, struct log_state *ret_state, struct failure *failure)
{
    struct log_state state = {.sequence = 0};
    int error = -EAGAIN;

    for (int attempt = 0; attempt < ATTEMPTS && error == -EAGAIN; attempt++) {
        log_state_release(&state);
        error = read_whole_once(store, &state, failure);
    }
    if (error != 0) {
        log_state_release(&state);
        return error == -EAGAIN ? -EBADMSG : error;
    }
    *ret_state = state;
    return 0;
}

static int rolled_back(struct failure *failure, uint64_t sequence, const char *how)
{
    return failure_set(failure, ESTALE,
                       "the store is not what it was: its log %s record %" PRIu64
                       ", which this machine has seen. An older copy stands in its place, or "
                       "somebody put it back; if that was you, say --accept-rollback",
                       how, sequence);
}

/* In STATE's place, which stays if that fails: all that the log says, where it is not behind. */
static int read_anew(struct store *store, struct log_state *state, struct failure *failure)
{
    struct log_state whole = {.sequence = 0};
    int error = read_whole(store, &whole, failure);

    if (error != 0)
        return error;
    if (whole.sequence < state->sequence ||
        (whole.sequence == state->sequence &&
         memcmp(whole.hash, state->hash, sizeof whole.hash) != 0)) {
        log_state_release(&whole);
        return rolled_back(failure, state->sequence, "ends before");
    }
    log_state_release(state);
    *state = whole;
    return 0;
}

/*
 * What a state read before needs: the records after it. Whoever asks again and again what is new
 * lists the log only when something is.
 */
static int read_on(struct store *store, struct log_state *state, struct failure *failure)
{
    uint64_t before = state->sequence;
    uint8_t hash[LOG_HASH_BYTES];
    int error = record_hash(store, before, hash, failure);

    /* Removed by prune, which leaves two checkpoints beyond; or the store was rolled back. */
    if (error == -ENOENT)
        return read_anew(store, state, failure);
    if (error == 0 && memcmp(hash, state->hash, sizeof hash) != 0)
        return rolled_back(failure, before, "has another");
    if (error == 0)
        error = log_follow(store, state, failure);
    if (error != 0 || state->sequence == before)
        return error;

    /* Prune may have removed what was to be read next. */
    int gap = log_gap_after(store, state->sequence, failure);

    return gap == 1 ? read_anew(store, state, failure) : gap;
}

/*
 * SEEN was loaded before the log was read: what others have seen since does not count. Of the
 * record that STATE was read up to before, WAS, and of its last one now, the hash is at hand.
 */
static int compare_with_memory(struct store *store, const struct log_state *state,
                               const struct freshness *was, const struct freshness *seen,
                               struct failure *failure)
{
    uint8_t hash[LOG_HASH_BYTES];
    int error = 0;

    if (state->sequence < seen->sequence)
        return rolled_back(failure, seen->sequence, "ends before");
    if (seen->sequence == state->sequence)
        memcpy(hash, state->hash, sizeof hash);
    else if (seen->sequence == was->sequence)
        memcpy(hash, was->hash, sizeof hash);
    else
        error = record_hash(store, seen->sequence, hash, failure);
    if (error == 0 && memcmp(hash, seen->hash, sizeof hash) != 0)
        return rolled_back(failure, seen->sequence, "has another");
    return error == -ENOENT ? 0 : error; /* prune has removed it */
}

/* What to do about it. */
static int advise(struct failure *failure)
{
    struct failure words = {.text = "the log is damaged"};

    if (failure != NULL)
        words = *failure;
    return failure_set(failure, EBADMSG,
                       "%s. `crmfs check` says what is damaged; put that back from a copy of the "
                       "store, or let `crmfs repair --drop-records` give it up",
                       words.text);
}

/*
 * What is newer than SEEN, once it is durable: whoever put the record may not have come to that
 * yet, and a power cut would take it away, but not what is remembered of it.
 */
static void remember(struct store *store, const struct log_state *state,
                     const struct freshness *seen)
{
    struct storage *storage = store_storage(store);
    struct freshness newest = {.sequence = state->sequence};
    char name[LOG_NAME_SIZE];
    int error;

    if (seen->sequence >= state->sequence)
        return;
    log_record_name(state->sequence, name);
    error = storage->class->flush != NULL ? storage->class->flush(storage, name, NULL) : 0;
    if (error != 0 && error != -ENOENT) /* a checkpoint may stand for it */
        return;
    memcpy(newest.hash, state->hash, sizeof newest.hash);
    remembered_save(store, &newest);
}

/*
 * Whatever STATE was, the log is compared with what this client remembers, which other processes
 * add to: what an older copy stands in the place of may have been seen by those alone.
 */
int log_read(struct store *store, struct log_state *state, struct failure *failure)
{
    bool first = state->sequence == 0;

    if (first)
        log_take_left(store, state);

    struct freshness was = {.sequence = state->sequence};
    struct freshness seen = {.sequence = 0};
    bool remembered = remembered_load(store, &seen);

    memcpy(was.hash, state->hash, sizeof was.hash);

    int error =
        was.sequence == 0 ? read_whole(store, state, failure) : read_on(store, state, failure);

    /* It ends before what was seen: prune may have removed what was to be read next. */
    if (error == 0 && was.sequence != 0 && state->sequence < seen.sequence)
        error = read_anew(store, state, failure);
    if (error != 0 && first)
        log_state_release(state);
    if (error == -EBADMSG)
        return advise(failure);
    if (error == 0 && remembered) {
        error = compare_with_memory(store, state, &was, &seen, failure);
        if (error != 0 && first)
            log_state_release(state);
    }
    if (error != 0 || state->sequence == was.sequence)
        return error;
    remember(store, state, &seen);
    return 0;
}

bool log_lacks_seen(struct store *store, uint64_t *ret_record)
{
    const struct freshness none = {.sequence = 0};
    struct log_state state = {.sequence = 0};
    struct freshness seen;

    /* Whether it can be read, whoever reads it next will say. */
    if (!remembered_elsewhere(store, &seen) || log_read(store, &state, NULL) != 0)
        return false;

    bool lacks = compare_with_memory(store, &state, &none, &seen, NULL) == -ESTALE;

    log_state_release(&state);
    if (lacks)
        *ret_record = seen.sequence;
    return lacks;
}

int log_accept_rollback(struct store *store, struct failure *failure)
{
    int error = remembered_forget(store);

    if (error != 0)
        failure_set(failure, -error, "cannot forget what was seen of the store: %s",
                    strerror(-error));
    return error;
}
