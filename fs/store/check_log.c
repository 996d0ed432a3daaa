/* SPDX-License-Identifier: MIT */
/* The log from its first record that is left, and every checkpoint against what it amounts to. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/check_internal.h"
#include "fs/store/log_internal.h"

#define ATTEMPTS 4 /* while prune removes what is being read */

struct folding {
    struct checking *checking;
    struct log_state state; /* after the record before the next one */
    uint64_t *records;
    size_t record_count;
    uint64_t *checkpoints;
    size_t checkpoint_count;
};

static void find(struct folding *folding, enum check_kind kind, uint64_t number,
                 const struct failure *failure)
{
    char name[LOG_NAME_SIZE];

    if (kind == CHECK_CHECKPOINT)
        checkpoint_name(number, name);
    else
        log_record_name(number, name);
    check_find_file(folding->checking, kind, name, kind == CHECK_CHECKPOINT, failure);
}

static bool references_equal(const struct object_reference *left,
                             const struct object_reference *right)
{
    return object_reference_same_place(left, right) &&
           memcmp(left->id, right->id, OBJECT_ID_BYTES) == 0;
}

/* The top nodes of files/, where there are any. */
static bool files_equal(bool has_left, const struct object_reference *left, bool has_right,
                        const struct object_reference *right)
{
    return has_left == has_right && (!has_left || references_equal(left, right));
}

static bool claims_equal(const struct files_claim *left, const struct files_claim *right)
{
    return left->stands == right->stands &&
           (!left->stands ||
            (memcmp(left->writer, right->writer, sizeof left->writer) == 0 &&
             left->time_ns == right->time_ns && strcmp(left->host, right->host) == 0 &&
             strcmp(left->process, right->process) == 0));
}

static bool snapshots_equal(const struct snapshot *left, const struct snapshot *right)
{
    for (size_t i = 0; i < left->tag_count && i < right->tag_count; i++) {
        if (strcmp(left->tags[i], right->tags[i]) != 0)
            return false;
    }
    return memcmp(left->id, right->id, sizeof left->id) == 0 &&
           strcmp(left->name, right->name) == 0 && strcmp(left->host, right->host) == 0 &&
           left->tag_count == right->tag_count && references_equal(&left->tree, &right->tree) &&
           files_equal(left->has_files, &left->files, right->has_files, &right->files) &&
           left->time_ns == right->time_ns && left->raw_bytes == right->raw_bytes &&
           left->stored_bytes == right->stored_bytes;
}

/* Checkpoints that were made before they told of removed keys lack some; none makes one up. */
static bool removed_keys_agree(const struct log_state *checkpoint, const struct log_state *folded)
{
    for (size_t i = 0; i < checkpoint->removed_key_count; i++) {
        if (!log_key_is_removed(folded, checkpoint->removed_keys[i]))
            return false;
    }
    return true;
}

static bool states_equal(const struct log_state *left, const struct log_state *right)
{
    bool equal = left->sequence == right->sequence &&
                 memcmp(left->hash, right->hash, sizeof left->hash) == 0 &&
                 left->snapshot_count == right->snapshot_count &&
                 left->mark_count == right->mark_count &&
                 files_equal(left->has_files, &left->files, right->has_files, &right->files) &&
                 claims_equal(&left->claim, &right->claim) && removed_keys_agree(left, right);

    for (size_t i = 0; equal && i < left->snapshot_count; i++)
        equal = snapshots_equal(&left->snapshots[i], &right->snapshots[i]);
    for (size_t i = 0; equal && i < left->mark_count; i++)
        equal = strcmp(left->marks[i].pack, right->marks[i].pack) == 0 &&
                left->marks[i].time_ns == right->marks[i].time_ns &&
                left->marks[i].removed == right->marks[i].removed;
    return equal;
}

/* Checkpoint NUMBER, which the state has come to; or no state has, when COMPARE is false. */
static int check_checkpoint(struct folding *folding, uint64_t number, bool compare)
{
    struct log_state state;
    struct failure failure = {.code = 0};
    int error = checkpoint_read(folding->checking->store, number, &state, &failure);

    if (error == -ENOMEM || error == -ENOENT) /* removed meanwhile */
        return error == -ENOENT ? 0 : error;
    if (error != 0) {
        find(folding, CHECK_CHECKPOINT, number, &failure);
        return 0;
    }
    if (compare && !states_equal(&state, &folding->state)) {
        failure_set(&failure, EBADMSG, "it does not say what the log says");
        find(folding, CHECK_CHECKPOINT, number, &failure);
    }
    log_state_release(&state);
    return 0;
}

static bool is_listed(const uint64_t *numbers, size_t count, uint64_t number)
{
    for (size_t i = 0; i < count; i++) {
        if (numbers[i] == number)
            return true;
    }
    return false;
}

/* From where the records can be followed: nothing, or the checkpoint before the first of them. */
static int begin(struct folding *folding)
{
    uint64_t first = folding->record_count != 0 ? folding->records[0] : 0;
    struct failure failure = {.code = 0};
    int error = -ENOENT;

    if (first == 1)
        return 0;
    for (size_t i = 0; i < folding->checkpoint_count && error != 0; i++) {
        uint64_t number = folding->checkpoints[i];

        if (number + 1 < first)
            continue;
        error = checkpoint_read(folding->checking->store, number, &folding->state, &failure);
        if (error == -ENOMEM)
            return error;
    }
    if (error != 0) {
        failure_set(&failure, EBADMSG, "records before it are missing, and no checkpoint opens");
        find(folding, CHECK_LOG, first != 0 ? first : 1, &failure);
    }
    return error != 0 ? -ENOENT : 0;
}

/* The record that a checkpoint stands for, where the log begins. */
static int check_first(struct folding *folding)
{
    struct log_entry entry;
    struct failure failure = {.code = 0};
    uint8_t hash[LOG_HASH_BYTES];
    int error =
        log_record_read(folding->checking->store, folding->state.sequence, &entry, hash, &failure);

    if (error == -ENOENT || error == -ENOMEM)
        return error == -ENOENT ? 0 : error;
    if (error == 0) {
        log_entry_release(&entry);
        if (memcmp(hash, folding->state.hash, sizeof hash) == 0)
            return 0;
        failure_set(&failure, EBADMSG, "it is not the record that its checkpoint was made of");
    }
    find(folding, CHECK_LOG, folding->state.sequence, &failure);
    return 0;
}

/* A record that was listed, or stands between two that were. -EAGAIN: prune has removed it. */
static int missing(struct folding *folding, uint64_t number, struct failure *failure)
{
    cleanup_free uint64_t *records = NULL;
    char beyond[LOG_NAME_SIZE];
    size_t count = 0;
    size_t next = 0;

    if (log_list(folding->checking->store, "log", &records, &count, NULL) == 0 && count > 0 &&
        records[0] > number && folding->records[0] <= number)
        return -EAGAIN;
    while (next < folding->record_count && folding->records[next] <= number)
        next++;
    if (next == folding->record_count)
        return failure_set(failure, EBADMSG, "it is missing, though it was listed");
    log_record_name(folding->records[next], beyond);
    return failure_set(failure, EBADMSG, "it is missing, though %s follows", beyond);
}

/* 1: the chain ends here, as was found. */
static int check_record(struct folding *folding, uint64_t number)
{
    struct checking *checking = folding->checking;
    struct log_entry entry;
    struct failure failure = {.code = 0};
    uint8_t hash[LOG_HASH_BYTES];
    int error = log_record_read(checking->store, number, &entry, hash, &failure);

    if (error == -ENOENT)
        error = missing(folding, number, &failure);
    if (error == -ENOMEM || error == -EAGAIN)
        return error;
    if (error == 0) {
        error = log_state_check(&folding->state, store_header(checking->store), &entry, &failure);
        if (error == 0) {
            error = log_state_prepare(&folding->state, &entry);
            if (error == 0)
                log_state_apply(&folding->state, &entry, hash);
        }
        log_entry_release(&entry);
        if (error == -ENOMEM)
            return error;
    }
    if (error == 0)
        return 0;
    find(folding, CHECK_LOG, number, &failure);
    return 1;
}

static int fold(struct folding *folding)
{
    uint64_t last = folding->record_count != 0 ? folding->records[folding->record_count - 1] : 0;
    int error = folding->state.sequence != 0 ? check_first(folding) : 0;

    while (error == 0 && folding->state.sequence < last) {
        uint64_t number = folding->state.sequence + 1;

        error = check_record(folding, number);
        if (error == 0 && is_listed(folding->checkpoints, folding->checkpoint_count, number))
            error = check_checkpoint(folding, number, true);
        store_progress_tell(folding->checking->options->progress, "reading the log", number, last);
    }
    return error;
}

/* What the fold did not come to. */
static int check_rest(struct folding *folding, uint64_t began, bool ended)
{
    struct failure failure;
    uint64_t newest = 0;
    int error = 0;

    for (size_t i = 0; i < folding->checkpoint_count && error == 0; i++) {
        newest = folding->checkpoints[i];
        if (newest < began || newest > folding->state.sequence)
            error = check_checkpoint(folding, newest, false);
    }
    if (error == 0 && !ended && newest > folding->state.sequence) {
        failure_set(&failure, EBADMSG, "it is missing, though there is a checkpoint of it");
        find(folding, CHECK_LOG, newest, &failure);
    }
    return error;
}

/*
 * Records before the second newest checkpoint are nobody's need: prune removes them, and of
 * those removals a power cut may have kept any. What stands before such a gap is passed over.
 */
static void pass_over_leftovers(struct folding *folding)
{
    size_t count = folding->checkpoint_count;
    uint64_t bound = count >= 2 ? folding->checkpoints[count - 2] : 0;
    size_t first = 0;

    for (size_t i = 1; i < folding->record_count && folding->records[i] <= bound; i++) {
        if (folding->records[i] != folding->records[i - 1] + 1)
            first = i;
    }
    folding->record_count -= first;
    memmove(folding->records, folding->records + first,
            folding->record_count * sizeof *folding->records);
}

static int check_once(struct folding *folding)
{
    struct checking *checking = folding->checking;
    int error = log_list(checking->store, "log", &folding->records, &folding->record_count,
                         checking->failure);
    uint64_t began;
    int folded;

    if (error == 0)
        error = log_list(checking->store, "checkpoints", &folding->checkpoints,
                         &folding->checkpoint_count, checking->failure);
    if (error != 0)
        return error;
    pass_over_leftovers(folding);
    folded = begin(folding);
    began = folding->state.sequence;
    if (folded == 0)
        folded = fold(folding);
    if (folded == -ENOMEM || folded == -EAGAIN)
        return folded;
    return check_rest(folding, began, folded != 0);
}

int check_log(struct checking *checking)
{
    int error = -EAGAIN;

    for (int attempt = 0; attempt < ATTEMPTS && error == -EAGAIN; attempt++) {
        struct folding folding = {.checking = checking};

        error = check_once(&folding);
        log_state_release(&folding.state);
        free(folding.records);
        free(folding.checkpoints);
    }
    return error == -EAGAIN ? failure_set(checking->failure, EAGAIN,
                                          "the log is being pruned; try again when that is done")
                            : error;
}
