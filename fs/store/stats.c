/* SPDX-License-Identifier: MIT */
#include "fs/store/stats.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/header.h"
#include "fs/store/pack.h"

/* Packs are counted first, and then read one by one. */
struct listing {
    struct stats_sum sum;
    char (*names)[PACK_NAME_SIZE]; /* of packs only */
    size_t name_count;
    bool packs;
};

static int add_name(struct listing *listing, const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *last = slash != NULL ? slash + 1 : name;
    size_t count = listing->name_count;
    uint8_t salt[STORE_SALT_BYTES];

    if (!pack_salt(last, salt))
        return 0;
    if ((count & (count - 1)) == 0) {
        char(*names)[PACK_NAME_SIZE] =
            reallocarray(listing->names, count != 0 ? 2 * count : 1, sizeof *names);

        if (names == NULL)
            return -ENOMEM;
        listing->names = names;
    }
    memcpy(listing->names[listing->name_count++], last, PACK_NAME_SIZE);
    return 0;
}

/* A storage_visit. */
static int note_file(void *context, const char *name, uint64_t size, time_t modified)
{
    struct listing *listing = context;

    (void)modified;
    listing->sum.count++;
    listing->sum.bytes += size;
    return listing->packs ? add_name(listing, name) : 0;
}

static int count_files(struct storage *storage, const char *folder, struct stats_sum *ret_sum,
                       struct failure *failure)
{
    struct listing listing = {.packs = false};
    int error = storage->class->list(storage, folder, note_file, &listing, failure);

    if (error != 0 && error != -ENOENT)
        return error;
    *ret_sum = listing.sum;
    return 0;
}

/* A pack_visit. */
static int count_object(void *context, const struct pack_entry *entry)
{
    struct stats *stats = context;

    stats->objects[entry->type].count++;
    stats->objects[entry->type].bytes += entry->reference.sealed_size;
    if (entry->type == OBJECT_ROW_GROUP && entry->encoding == OBJECT_ZSTD_PARENT)
        stats->deltas++;
    return 0;
}

static int count_packs(struct store *store, const struct store_progress *progress,
                       struct stats *stats, struct failure *failure)
{
    struct storage *storage = store_storage(store);
    struct listing listing = {.packs = true};
    int error = storage->class->list(storage, PACK_FOLDER, note_file, &listing, failure);

    if (error == -ENOENT)
        error = 0;
    for (size_t i = 0; i < listing.name_count && error == 0; i++) {
        error = pack_visit_objects(store, listing.names[i], count_object, stats, failure);
        if (error != 0 && error != -ENOMEM && error != -ENOENT)
            stats->packs_unreadable++;
        error = error == -ENOMEM ? error : 0;
        store_progress_tell(progress, "reading directories", i + 1, listing.name_count);
    }
    free(listing.names);
    stats->packs = listing.sum;
    return error;
}

int stats_collect(struct store *store, const struct log_state *state,
                  const struct store_progress *progress, struct stats *ret_stats,
                  struct failure *failure)
{
    struct storage *storage = store_storage(store);
    struct stats stats = {.stored_bytes = STORE_HEADER_BYTES};
    int error = count_packs(store, progress, &stats, failure);

    if (error == 0)
        error = count_files(storage, "index", &stats.indexes, failure);
    if (error == 0)
        error = count_files(storage, "log", &stats.records, failure);
    if (error == 0)
        error = count_files(storage, "checkpoints", &stats.checkpoints, failure);
    if (error == 0)
        error = count_files(storage, "keys", &stats.keys, failure);
    if (error == 0 && image_cache_check(store, false, &stats.kept, NULL) == -ENOMEM)
        error = -ENOMEM;
    if (error != 0)
        return error;
    stats.stored_bytes += stats.packs.bytes + stats.indexes.bytes + stats.records.bytes +
                          stats.checkpoints.bytes + stats.keys.bytes;
    for (size_t i = 0; i < state->snapshot_count; i++)
        stats.raw_bytes += state->snapshots[i].raw_bytes;
    *ret_stats = stats;
    return 0;
}
