/* SPDX-License-Identifier: MIT */
#include <errno.h>
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
    free(state->removed_keys);
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

struct snapshot *log_state_find(const struct log_state *state, const uint8_t id[SNAPSHOT_ID_BYTES])
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
    if (entry->kind == LOG_KEY_CHANGE)
        return log_keys_prepare(state);
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
    struct snapshot *place = log_state_find(state, id);
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

void log_state_rename(struct log_state *state, const uint8_t id[SNAPSHOT_ID_BYTES], char *name)
{
    struct snapshot snapshot = extract(state, id);

    free(snapshot.name);
    snapshot.name = name;
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

void log_state_unmark(struct log_state *state, const char *pack)
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
        log_state_unmark(state, entry->packs[i]);
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
    case LOG_RENAME: log_state_rename(state, entry->id, steal_pointer(&entry->text)); break;
    case LOG_MARK: apply_mark(state, entry); break;
    case LOG_UNMARK: apply_unmark(state, entry); break;
    case LOG_REMOVE: apply_remove(state, entry); break;
    case LOG_FILES:
        state->has_files = true;
        state->files = entry->top;
        break;
    case LOG_CLAIM: apply_claim(state, entry); break;
    case LOG_RELEASE: files_claim_release(&state->claim); break;
    case LOG_KEY_CHANGE: log_keys_apply(state, entry); break;
    case LOG_CREATE:
    case LOG_KINDS: break;
    }
    state->sequence = entry->sequence;
    if (entry->kind == LOG_MARK || entry->kind == LOG_UNMARK || entry->kind == LOG_REMOVE)
        state->marks_changed = entry->sequence;
    memcpy(state->hash, hash, LOG_HASH_BYTES);
}
