/* SPDX-License-Identifier: MIT */
#include "fs/store/recover.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/durable.h"
#include "fs/store/log_internal.h"
#include "fs/store/object_reader.h"
#include "fs/store/pack.h"
#include "fs/store/reach.h"
#include "fs/store/tables.h"

#define NS_PER_DAY (UINT64_C(86400) * 1000000000)
#define NAME_SIZE (sizeof "recovered-" + (size_t)2 * SNAPSHOT_ID_BYTES)
#define PARENT_CACHE_BYTES ((size_t)8 << 20)

struct tree {
    struct object_reference reference;
    bool early; /* its pack is needed by a snapshot that was taken before the first lost record */
};

struct listing {
    struct store *store;
    const struct recovery *recovery;
    struct log_state *state;
    struct object_reader *reader;
    struct reach *reach;
    struct reach *earlier; /* what snapshots need that were taken before the first lost record */
    struct tree *trees;    /* that nobody knows */
    size_t count;
    bool early; /* of the pack that is looked into */
    recovery_report *report;
    void *context;
    struct failure *failure;
};

static bool is_known(const struct listing *listing, const uint8_t id[OBJECT_ID_BYTES])
{
    const struct recovery *recovery = listing->recovery;

    for (size_t i = 0; i < listing->state->snapshot_count; i++) {
        if (memcmp(listing->state->snapshots[i].tree.id, id, OBJECT_ID_BYTES) == 0)
            return true;
    }
    for (size_t i = 0; i < recovery->taken_count; i++) {
        const struct taken *taken = &recovery->taken[i];

        if (taken->known && memcmp(taken->tree, id, OBJECT_ID_BYTES) == 0)
            return true;
    }
    for (size_t i = 0; i < listing->count; i++) {
        if (memcmp(listing->trees[i].reference.id, id, OBJECT_ID_BYTES) == 0)
            return true;
    }
    return false;
}

/*
 * What was taken before the first lost record is there again as it was then, and leads to packs
 * that were whole by then.
 */
static int find_earlier(struct listing *listing)
{
    const struct log_state *state = listing->state;
    int error = reach_create(listing->store, listing->reader, state, NULL, &listing->earlier,
                             listing->failure);

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++) {
        if (!snapshot_ids_have(&listing->recovery->later, state->snapshots[i].id))
            error = reach_add(listing->earlier, &state->snapshots[i], listing->failure);
    }
    return error == 0 ? reach_add_ancestors(listing->earlier, listing->failure) : error;
}

static bool is_early(const struct listing *listing, const char *pack_name)
{
    const struct reach_pack *pack = reach_pack_named(listing->earlier, pack_name);

    return pack != NULL && pack->living_count > 0;
}

/* A pack_visit. */
static int note_tree(void *context, const struct pack_entry *entry)
{
    struct listing *listing = context;
    struct tree *trees;

    if (entry->type != OBJECT_TREE || is_known(listing, entry->reference.id))
        return 0;
    trees = reallocarray(listing->trees, listing->count + 1, sizeof *trees);
    if (trees == NULL)
        return -ENOMEM;
    listing->trees = trees;
    trees[listing->count++] = (struct tree){entry->reference, listing->early};
    return 0;
}

static int find_trees(struct listing *listing)
{
    for (size_t i = 0; i < reach_pack_count(listing->reach); i++) {
        const struct reach_pack *pack = reach_pack(listing->reach, i);
        int error;

        if (pack->marked || pack->error != 0)
            continue;
        listing->early = is_early(listing, pack->name);
        error = pack_visit_objects(listing->store, pack->name, note_tree, listing, NULL);
        if (error == -ENOMEM)
            return error;
    }
    return 0;
}

/* The first of the moments at which its sources were read (UINT64_MAX: it has none); what all of it
 * is as CSV. */
static void measure(const struct stored_tree *tree, uint64_t *ret_time_ns, uint64_t *ret_raw)
{
    *ret_time_ns = UINT64_MAX;
    *ret_raw = 0;
    for (size_t i = 0; i < tree->source_count; i++) {
        const struct stored_source *source = &tree->sources[i];

        if (source->time_ns < *ret_time_ns)
            *ret_time_ns = source->time_ns;
        for (size_t j = 0; j < source->table_count; j++)
            *ret_raw += source->tables[j].csv_bytes;
    }
}

/*
 * Whether it may be what a lost record took. Others that nobody knows were forgotten, so long ago
 * that no record tells of it any more.
 */
static bool is_of_a_lost_record(const struct recovery *recovery, uint64_t time_ns)
{
    for (size_t i = 0; i < recovery->lost_count && !recovery->forked; i++) {
        const struct lost_record *lost = &recovery->lost[i];

        if (time_ns <= lost->before_ns &&
            (time_ns >= lost->after_ns || lost->after_ns - time_ns <= NS_PER_DAY))
            return true;
    }
    return recovery->forked;
}

/*
 * Whether the log rules it out. A tree is written last, and its record follows at once: where
 * another snapshot needed its pack before the first record was lost, it had its record by then, and
 * is not in the state any more. That holds while the pack is the one in which it was written. And
 * where as many unknown snapshots were forgotten as records were lost, these took those.
 */
static bool is_forgotten(const struct recovery *recovery, bool early)
{
    return (early && !recovery->marked_later) || recovery->forgotten >= recovery->lost_records;
}

/* Whether something of what was added is in a pack that is to go: a record says so. */
static bool rests_on_removed(const struct listing *listing)
{
    for (size_t i = 0; i < reach_pack_count(listing->reach); i++) {
        const struct reach_pack *pack = reach_pack(listing->reach, i);
        const struct log_mark *mark = log_find_mark(listing->state, pack->name);

        if (pack->living_count > 0 && mark != NULL && mark->removed)
            return true;
    }
    return false;
}

/*
 * By itself: of what it shares with another one, that one's walk would have been told what is lost.
 * 1: it lacks nothing; 0: something is lost; -errno.
 */
static int is_whole(struct listing *listing, const struct snapshot *snapshot)
{
    int error;

    reach_forget(listing->reach);
    error = reach_add(listing->reach, snapshot, listing->failure);
    if (error == 0)
        error = reach_add_ancestors(listing->reach, listing->failure);
    return error != 0 ? error : reach_lost(listing->reach) == 0 && !rests_on_removed(listing);
}

/*
 * It may be a snapshot that somebody else is just taking; and what was marked is relied on again.
 * -EAGAIN: a pack was removed meanwhile, or the log has changed.
 */
static int rely_on_packs(struct listing *listing)
{
    int error = 0;

    for (size_t i = 0; i < reach_pack_count(listing->reach) && error == 0; i++) {
        const struct reach_pack *pack = reach_pack(listing->reach, i);
        const char *name = pack->name;

        if (pack->living_count == 0)
            continue;
        error = durable_make_pack(listing->store, listing->reader->indexes, name, listing->failure);

        const struct log_mark *mark = log_find_mark(listing->state, name);

        if (error == 0 && mark != NULL && !mark->removed)
            error = log_unmark_packs(listing->store, listing->state, &name, 1, listing->failure);
    }
    return error == -ENOENT ? -EAGAIN : error;
}

/* 1: it is listed again; 0: it is not; -errno. */
static int recover(struct listing *listing, const struct tree *found)
{
    const struct object_reference *reference = &found->reference;
    const struct recovery *recovery = listing->recovery;
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    char name[NAME_SIZE];
    char *tags[] = {(char[]){"recovered"}};
    struct snapshot snapshot = {
        .name = name, .host = (char[]){""}, .tags = tags, .tag_count = 1, .tree = *reference};
    struct stored_tree tree = {.source_count = 0};
    int error = object_read(listing->reader, reference, OBJECT_TREE, false, &data, NULL);

    if (error == 0)
        error = stored_tree_decode(data.data, data.size, &tree);
    if (error != 0)
        return error == -ENOMEM ? error : 0;
    measure(&tree, &snapshot.time_ns, &snapshot.raw_bytes);
    stored_tree_release(&tree);
    if (snapshot.time_ns == UINT64_MAX || !is_of_a_lost_record(recovery, snapshot.time_ns) ||
        is_forgotten(recovery, found->early))
        return 0;
    memcpy(snapshot.id, reference->id, sizeof snapshot.id);
    memcpy(name, "recovered-", sizeof "recovered-");
    sodium_bin2hex(name + strlen(name), sizeof name - strlen(name), snapshot.id,
                   sizeof snapshot.id);

    int whole = is_whole(listing, &snapshot);

    if (whole < 0)
        return whole;
    if (whole == 1)
        error = rely_on_packs(listing);
    if (whole == 1 && error == 0)
        error = log_take(listing->store, listing->state, &snapshot, NULL, 0, listing->failure);
    if (error == 0)
        listing->report(listing->context, whole == 1 ? name : NULL,
                        recovery->forgotten == 0 && snapshot.time_ns >= recovery->since_ns,
                        snapshot.time_ns);
    return error == 0 ? whole : error;
}

int recovery_list(struct store *store, const struct recovery *recovery, struct log_state *state,
                  recovery_report *report, void *context, size_t *count, struct failure *failure)
{
    struct listing listing = {.store = store,
                              .recovery = recovery,
                              .state = state,
                              .report = report,
                              .context = context,
                              .failure = failure};
    int error = object_reader_create(store, PARENT_CACHE_BYTES, &listing.reader, failure);

    if (error == 0)
        error = reach_create(store, listing.reader, state, NULL, &listing.reach, failure);
    if (error == 0)
        error = find_earlier(&listing);
    if (error == 0)
        error = find_trees(&listing);
    for (size_t i = 0; i < listing.count && error == 0; i++) {
        int recovered = recover(&listing, &listing.trees[i]);

        error = recovered < 0 ? recovered : 0;
        *count += recovered == 1;
    }
    free(listing.trees);
    reach_free(listing.reach);
    reach_free(listing.earlier);
    object_reader_free(listing.reader);
    return error;
}
