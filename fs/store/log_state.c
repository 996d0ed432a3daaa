/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"

void log_state_release(struct log_state *state)
{
    for (size_t i = 0; i < state->snapshot_count; i++)
        snapshot_release(&state->snapshots[i]);
    for (size_t i = 0; i < state->mark_count; i++)
        free(state->marks[i].pack);
    free(state->snapshots);
    free(state->marks);
    files_claim_release(&state->claim);
    *state = (struct log_state){.sequence = 0};
}

const struct snapshot *log_find(const struct log_state *state, const char *name)
{
    for (size_t i = 0; i < state->snapshot_count; i++) {
        if (strcmp(state->snapshots[i].name, name) == 0)
            return &state->snapshots[i];
    }
    return NULL;
}

static struct snapshot *find_id(const struct log_state *state, const uint8_t id[SNAPSHOT_ID_BYTES])
{
    for (size_t i = 0; i < state->snapshot_count; i++) {
        if (memcmp(state->snapshots[i].id, id, SNAPSHOT_ID_BYTES) == 0)
            return &state->snapshots[i];
    }
    return NULL;
}

/* Where PACK's mark stands, or would. */
static size_t mark_place(const struct log_state *state, const char *pack)
{
    size_t low = 0;
    size_t high = state->mark_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (strcmp(state->marks[middle].pack, pack) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct log_mark *find_mark(const struct log_state *state, const char *pack)
{
    size_t place = mark_place(state, pack);

    if (place == state->mark_count || strcmp(state->marks[place].pack, pack) != 0)
        return NULL;
    return &state->marks[place];
}

const struct log_mark *log_find_mark(const struct log_state *state, const char *pack)
{
    return find_mark(state, pack);
}

static int check_written_packs(const struct log_state *state, const struct log_entry *entry,
                               struct failure *failure)
{
    for (size_t i = 0; i < entry->pack_count; i++) {
        if (find_mark(state, entry->packs[i]) != NULL)
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
    if (find_id(state, entry->snapshot.id) != NULL)
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
        if (find_id(state, entry->gone[i]) == NULL)
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
    if (find_id(state, entry->id) == NULL)
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
        const struct log_mark *mark = find_mark(state, entry->packs[i]);

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

static int grow_snapshots(struct log_state *state)
{
    struct snapshot *snapshots =
        reallocarray(state->snapshots, state->snapshot_count + 1, sizeof *snapshots);

    if (snapshots == NULL)
        return -ENOMEM;
    state->snapshots = snapshots;
    return 0;
}

static int grow_marks(struct log_state *state, size_t more)
{
    struct log_mark *marks = reallocarray(state->marks, state->mark_count + more, sizeof *marks);

    if (marks == NULL)
        return -ENOMEM;
    state->marks = marks;
    return 0;
}

int log_state_prepare(struct log_state *state, const struct log_entry *entry)
{
    if (entry->kind == LOG_TAKE)
        return grow_snapshots(state);
    return entry->kind == LOG_MARK ? grow_marks(state, entry->pack_count) : 0;
}

/* Puts a snapshot where its time and name belong; there is room for it. */
static void insert(struct log_state *state, struct snapshot snapshot)
{
    size_t place = state->snapshot_count++;

    for (; place > 0 && snapshot_compare(&snapshot, &state->snapshots[place - 1]) < 0; place--)
        state->snapshots[place] = state->snapshots[place - 1];
    state->snapshots[place] = snapshot;
}

/* Takes a snapshot out, which becomes the caller's. */
static struct snapshot extract(struct log_state *state, const uint8_t id[SNAPSHOT_ID_BYTES])
{
    struct snapshot *place = find_id(state, id);
    struct snapshot snapshot = *place;
    size_t after = (size_t)(state->snapshots + state->snapshot_count - (place + 1));

    memmove(place, place + 1, after * sizeof *place);
    state->snapshot_count--;
    return snapshot;
}

static void apply_forget(struct log_state *state, const struct log_entry *entry)
{
    for (size_t i = 0; i < entry->gone_count; i++) {
        struct snapshot gone = extract(state, entry->gone[i]);

        snapshot_release(&gone);
    }
}

static void apply_rename(struct log_state *state, struct log_entry *entry)
{
    struct snapshot snapshot = extract(state, entry->id);

    free(snapshot.name);
    snapshot.name = steal_pointer(&entry->text);
    insert(state, snapshot);
}

static void apply_mark(struct log_state *state, struct log_entry *entry)
{
    for (size_t i = 0; i < entry->pack_count; i++) {
        char *pack = steal_pointer(&entry->packs[i]);
        size_t place = mark_place(state, pack);

        memmove(&state->marks[place + 1], &state->marks[place],
                (state->mark_count - place) * sizeof *state->marks);
        state->marks[place] = (struct log_mark){.pack = pack, .time_ns = entry->time_ns};
        state->mark_count++;
    }
}

static void drop_mark(struct log_state *state, const char *pack)
{
    size_t place = mark_place(state, pack);

    free(state->marks[place].pack);
    state->mark_count--;
    memmove(&state->marks[place], &state->marks[place + 1],
            (state->mark_count - place) * sizeof *state->marks);
}

static void apply_unmark(struct log_state *state, const struct log_entry *entry)
{
    for (size_t i = 0; i < entry->pack_count; i++)
        drop_mark(state, entry->packs[i]);
}

/* What was removed long ago is forgotten, so that a state does not grow for ever. */
static void apply_remove(struct log_state *state, const struct log_entry *entry)
{
    size_t kept = 0;

    for (size_t i = 0; i < entry->pack_count; i++) {
        struct log_mark *mark = find_mark(state, entry->packs[i]);

        mark->removed = true;
        mark->time_ns = entry->time_ns;
    }
    for (size_t i = 0; i < state->mark_count; i++) {
        const struct log_mark *mark = &state->marks[i];

        if (mark->removed && entry->time_ns > mark->time_ns &&
            entry->time_ns - mark->time_ns > LOG_REMOVED_KEPT_NS)
            free(mark->pack);
        else
            state->marks[kept++] = *mark;
    }
    state->mark_count = kept;
}

static void apply_claim(struct log_state *state, struct log_entry *entry)
{
    char *host = steal_pointer(&entry->text);
    char *process = steal_pointer(&entry->process);

    files_claim_release(&state->claim);
    state->claim = (struct files_claim){
        .stands = true, .time_ns = entry->time_ns, .host = host, .process = process};
    memcpy(state->claim.writer, entry->id, FILES_WRITER_BYTES);
}

void log_state_apply(struct log_state *state, struct log_entry *entry,
                     const uint8_t hash[LOG_HASH_BYTES])
{
    switch (entry->kind) {
    case LOG_TAKE:
        insert(state, entry->snapshot);
        entry->snapshot = (struct snapshot){.tag_count = 0};
        break;
    case LOG_FORGET: apply_forget(state, entry); break;
    case LOG_RENAME: apply_rename(state, entry); break;
    case LOG_MARK: apply_mark(state, entry); break;
    case LOG_UNMARK: apply_unmark(state, entry); break;
    case LOG_REMOVE: apply_remove(state, entry); break;
    case LOG_FILES:
        state->has_files = true;
        state->files = entry->top;
        break;
    case LOG_CLAIM: apply_claim(state, entry); break;
    case LOG_RELEASE: files_claim_release(&state->claim); break;
    case LOG_CREATE:
    case LOG_KEY_CHANGE:
    case LOG_KINDS: break;
    }
    state->sequence = entry->sequence;
    memcpy(state->hash, hash, LOG_HASH_BYTES);
}

/* ---- After records that are lost ---- */

/* What a record says that it wrote was not marked before it. */
static void amend_written(struct log_state *state, const struct log_entry *entry)
{
    for (size_t i = 0; i < entry->pack_count; i++) {
        if (find_mark(state, entry->packs[i]) != NULL)
            drop_mark(state, entry->packs[i]);
    }
}

/* A name that is given was free: the snapshot that has it was renamed, or forgotten. It stays. */
static int amend_name(struct log_state *state, const char *name)
{
    const struct snapshot *other = log_find(state, name);
    char digits[2 * SNAPSHOT_ID_BYTES + 1];
    struct snapshot snapshot;
    char *fresh;

    if (other == NULL)
        return 0;
    sodium_bin2hex(digits, sizeof digits, other->id, SNAPSHOT_ID_BYTES);
    if (asprintf(&fresh, "recovered-%s", digits) < 0)
        return -ENOMEM;
    snapshot = extract(state, other->id);
    free(snapshot.name);
    snapshot.name = fresh;
    insert(state, snapshot);
    return 0;
}

/* Only what is there can be forgotten; only what is marked, unmarked and removed. */
static void amend_gone(const struct log_state *state, struct log_entry *entry)
{
    size_t kept = 0;

    for (size_t i = 0; i < entry->gone_count; i++) {
        if (find_id(state, entry->gone[i]) != NULL)
            memmove(entry->gone[kept++], entry->gone[i], sizeof entry->gone[i]);
    }
    entry->gone_count = kept;
}

static void amend_packs(const struct log_state *state, struct log_entry *entry)
{
    size_t kept = 0;

    for (size_t i = 0; i < entry->pack_count; i++) {
        const struct log_mark *mark = find_mark(state, entry->packs[i]);
        bool fits = entry->kind == LOG_MARK ? mark == NULL : mark != NULL && !mark->removed;

        if (fits)
            entry->packs[kept++] = entry->packs[i];
        else
            free(entry->packs[i]);
    }
    entry->pack_count = kept;
}

/* The writer's claim is among what is lost. */
static int amend_claim(struct log_state *state, const struct log_entry *entry)
{
    if (state->claim.stands && memcmp(state->claim.writer, entry->id, FILES_WRITER_BYTES) == 0)
        return 0;
    files_claim_release(&state->claim);
    state->claim.stands = true;
    memcpy(state->claim.writer, entry->id, FILES_WRITER_BYTES);
    return 1;
}

int log_state_amend(struct log_state *state, struct log_entry *entry)
{
    switch (entry->kind) {
    case LOG_TAKE: amend_written(state, entry); return amend_name(state, entry->snapshot.name);
    case LOG_RENAME: return find_id(state, entry->id) != NULL ? amend_name(state, entry->text) : 0;
    case LOG_FORGET: amend_gone(state, entry); return 0;
    case LOG_MARK:
    case LOG_UNMARK:
    case LOG_REMOVE: amend_packs(state, entry); return 0;
    case LOG_FILES: amend_written(state, entry); return amend_claim(state, entry);
    case LOG_CREATE:
    case LOG_KEY_CHANGE:
    case LOG_CLAIM:
    case LOG_RELEASE:
    case LOG_KINDS: break;
    }
    return 0;
}
