/* SPDX-License-Identifier: MIT */
/* What a record may say at its place in the log (FORMAT.md, "Log"). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"

static int check_written_packs(const struct log_state *state, const struct log_entry *entry,
                               struct failure *failure)
{
    for (size_t i = 0; i < entry->pack_count; i++) {
        if (log_find_mark(state, entry->packs[i]) != NULL)
            return failure_set(failure, EBUSY, "pack %s is marked for removal, or was removed",
                               entry->packs[i]);
    }
    return 0;
}

/* Only the writer whose claim stands says what files/ is, and ends its claim. */
static int check_writer(const struct log_state *state, const struct log_entry *entry,
                        struct failure *failure)
{
    if (state->claim.stands && memcmp(state->claim.writer, entry->id, FILES_WRITER_BYTES) == 0)
        return entry->kind == LOG_FILES ? check_written_packs(state, entry, failure) : 0;
    return failure_set(failure, EPERM,
                       "another process has taken over files/, as if this one had ended");
}

static int check_take(const struct log_state *state, const struct log_entry *entry,
                      struct failure *failure)
{
    int error = snapshot_check(&entry->snapshot, failure);

    if (error != 0)
        return error;
    if (log_find(state, entry->snapshot.name) != NULL)
        return failure_set(failure, EEXIST, "there is a snapshot \"%s\" already",
                           entry->snapshot.name);
    if (log_state_find(state, entry->snapshot.id) != NULL)
        return failure_set(failure, EEXIST, "there is a snapshot with this id already");
    return check_written_packs(state, entry, failure);
}

static int compare_ids(const void *left, const void *right)
{
    return memcmp(left, right, SNAPSHOT_ID_BYTES);
}

static int check_forget(const struct log_state *state, const struct log_entry *entry,
                        struct failure *failure)
{
    if (entry->gone_count == 0)
        return failure_set(failure, EINVAL, "a record forgets no snapshot");
    qsort(entry->gone, entry->gone_count, sizeof *entry->gone, compare_ids);
    for (size_t i = 0; i < entry->gone_count; i++) {
        if (log_state_find(state, entry->gone[i]) == NULL)
            return failure_set(failure, ENOENT, "there is no such snapshot");
        if (i > 0 && compare_ids(entry->gone[i - 1], entry->gone[i]) == 0)
            return failure_set(failure, EINVAL, "a snapshot is forgotten twice");
    }
    return 0;
}

static int check_rename(const struct log_state *state, const struct log_entry *entry,
                        struct failure *failure)
{
    int error = snapshot_name_check(entry->text, failure);

    if (error != 0)
        return error;
    if (log_state_find(state, entry->id) == NULL)
        return failure_set(failure, ENOENT, "there is no such snapshot");
    if (log_find(state, entry->text) != NULL)
        return failure_set(failure, EEXIST, "there is a snapshot \"%s\" already", entry->text);
    return 0;
}

static int compare_texts(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

/* MARK wants packs without a mark, the others packs that have one and stand yet. */
static int check_packs(const struct log_state *state, const struct log_entry *entry,
                       struct failure *failure)
{
    if (entry->pack_count == 0)
        return failure_set(failure, EINVAL, "a record names no pack");
    qsort((void *)entry->packs, entry->pack_count, sizeof *entry->packs, compare_texts);
    for (size_t i = 0; i < entry->pack_count; i++) {
        const struct log_mark *mark = log_find_mark(state, entry->packs[i]);

        if (i > 0 && strcmp(entry->packs[i - 1], entry->packs[i]) == 0)
            return failure_set(failure, EINVAL, "pack %s is named twice", entry->packs[i]);
        if (entry->kind == LOG_MARK && mark != NULL)
            return failure_set(failure, EEXIST, "pack %s is marked already", entry->packs[i]);
        if (entry->kind != LOG_MARK && (mark == NULL || mark->removed))
            return failure_set(failure, ENOENT, "pack %s is not marked", entry->packs[i]);
    }
    return 0;
}

static int check_first(const struct log_state *state, const struct store_header *header,
                       const struct log_entry *entry, struct failure *failure)
{
    if (state->sequence != 0)
        return failure_set(failure, EINVAL, "only the first record creates the store");
    if (memcmp(entry->id, header->id, STORE_ID_BYTES) != 0)
        return failure_set(failure, EINVAL, "the log is another store's");
    return 0;
}

int log_state_check(const struct log_state *state, const struct store_header *header,
                    const struct log_entry *entry, struct failure *failure)
{
    if (entry->sequence != state->sequence + 1)
        return failure_set(failure, EINVAL, "the record says that it is number %llu",
                           (unsigned long long)entry->sequence);
    if (memcmp(entry->before, state->hash, LOG_HASH_BYTES) != 0)
        return failure_set(failure, EINVAL,
                           "the record does not continue the one before it: the log was forked");
    if (state->sequence == 0 && entry->kind != LOG_CREATE)
        return failure_set(failure, EINVAL, "the first record does not create the store");
    switch (entry->kind) {
    case LOG_CREATE: return check_first(state, header, entry, failure);
    case LOG_TAKE: return check_take(state, entry, failure);
    case LOG_FORGET: return check_forget(state, entry, failure);
    case LOG_RENAME: return check_rename(state, entry, failure);
    case LOG_MARK:
    case LOG_UNMARK:
    case LOG_REMOVE: return check_packs(state, entry, failure);
    case LOG_KEY_CHANGE: return 0;
    case LOG_FILES:
    case LOG_RELEASE: return check_writer(state, entry, failure);
    case LOG_CLAIM: return 0;
    case LOG_KINDS: break;
    }
    return failure_set(failure, EINVAL, "the record is of no known kind");
}
