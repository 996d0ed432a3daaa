/* SPDX-License-Identifier: MIT */
/* Which records of a damaged log count, and what becomes of the others. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/log_mend_internal.h"
#include "fs/store/remembered.h"

static const char lost_text[] =
    "given up: what it said is as if it had not been (a snapshot that it forgot is there again; one "
    "that it took is looked for in the packs, but not one of files/ alone; a key that it removed "
    "opens again if its file is there)";
static const char needless_text[] = "removed: a checkpoint after it holds what it said";
static const char missing_text[] = "missing: a checkpoint after it holds what it said";
static const char fork_text[] =
    "given up, as those before it: the next one is no sequel to it, since two copies of the store "
    "went on by themselves. What they said, and a checkpoint after them does not hold, is as if it "
    "had not been (but snapshots that they took are looked for in the packs)";
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

/* Those between two that are there, BEFORE and NUMBER; of leftovers that check() passes over, too,
 * any may be missing. */
static void note_gap(struct mending *mending, uint64_t before, uint64_t number)
{
    size_t count = mending->checkpoint_count;
    uint64_t bound = count >= 2 ? mending->checkpoints[count - 2] : 0;

    if (before == 0 || before + 1 == number || number <= bound)
        return;
    say(mending, number - 1, false, missing_text);
    mending->last_damaged = number - 1;
}

/* What is looked at next, and what it must say of the one before. */
struct link {
    uint64_t before; /* 0: none was looked at */
    bool opens;
    uint8_t hash[LOG_HASH_BYTES];
};

static int look_at(struct mending *mending, uint64_t number, struct link *link)
{
    struct log_entry entry;
    uint8_t hash[LOG_HASH_BYTES];
    int found = read_record(mending, number, &entry, hash);

    if (found < 0)
        return found;
    note_gap(mending, link->before, number);
    if (found == 0) {
        say(mending, number, false, needless_text);
        mending->last_damaged = number;
    } else {
        if (link->opens && link->before + 1 == number &&
            memcmp(entry.before, link->hash, sizeof link->hash) != 0) {
            say(mending, number - 1, true, fork_text);
            mending->last_damaged = number - 1;
            mending->result.first = number;
        }
        memcpy(link->hash, hash, sizeof link->hash);
        log_entry_release(&entry);
    }
    link->before = number;
    link->opens = found == 1;
    return 0;
}

/*
 * Those that nobody needs, because the state began with a checkpoint after them. But of the ones
 * before a fork it need not hold all.
 */
static int look_before_base(struct mending *mending)
{
    struct link link = {.before = 0};
    int error = 0;

    for (size_t i = 0; i < mending->record_count && error == 0; i++) {
        if (mending->records[i] > mending->base)
            break;
        error = look_at(mending, mending->records[i], &link);
    }
    if (error == 0)
        note_gap(mending, link.before, mending->base + 1);
    return error;
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
 * that counts. Another may have stood in its place before.
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

/* After the last that counts. What this client has seen was there, whatever stands there now. */
static void look_after(struct mending *mending)
{
    struct freshness seen = {.sequence = 0};
    uint64_t before = mending->state.sequence;

    remembered_load(mending->store, &seen);
    for (size_t i = 0; i < mending->record_count; i++) {
        uint64_t number = mending->records[i];
        uint64_t missing = number - 1 < seen.sequence ? number - 1 : seen.sequence;

        if (number <= mending->state.sequence)
            continue;
        if (missing > before) {
            mending->result.lost += missing - before - 1;
            say(mending, missing, true, lost_text);
        }

        bool copy = is_copy(mending, number);
        bool lost = !copy || number <= seen.sequence;

        mending->result.copies += copy;
        say(mending, number, lost, lost ? lost_text : copy_text);
        before = number;
    }
}

int mending_look(struct mending *mending)
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
        look_after(mending);
    mending->result.sequence = mending->state.sequence;
    return error;
}
