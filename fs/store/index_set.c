/* SPDX-License-Identifier: MIT */
#include "fs/store/index_set.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"

#define BLOCKS_KEPT 128 /* 1 MiB */
#define LISTED_MOST ((size_t)1 << 20)

/* A block that was read; which one, its index's salt and its number say. */
struct kept_block {
    uint64_t index; /* the first 8 bytes of the salt: a collision only makes a lookup fail */
    uint64_t number;
    int count; /* 0: the place is free */
    uint8_t *bytes;
};

struct index_set {
    struct store *store;
    struct file_keys *keys;
    pthread_mutex_t lock; /* guards all below */
    bool listed;
    struct index_listed *files;
    size_t count;
    struct kept_block blocks[BLOCKS_KEPT];
};

/* ---- Listing ---- */

struct listing {
    struct index_listed *files;
    size_t count;
    size_t room;
};

/* A storage_visit. What is no index is not ours. */
static int note_index(void *context, const char *name, uint64_t size, time_t modified)
{
    struct listing *listing = context;
    struct index_listed listed = {.modified = modified};

    listed.file.blocks = index_blocks(size);
    if (!pack_salt(name, listed.file.salt) || listed.file.blocks == 0)
        return 0;
    if (listing->count == LISTED_MOST)
        return -EFBIG;
    if (listing->count == listing->room) {
        size_t room = listing->room == 0 ? 16 : listing->room * 2;
        struct index_listed *files = realloc(listing->files, room * sizeof *files);

        if (files == NULL)
            return -ENOMEM;
        listing->files = files;
        listing->room = room;
    }
    listing->files[listing->count++] = listed;
    return 0;
}

static int compare_age(const void *left, const void *right)
{
    const struct index_listed *first = left;
    const struct index_listed *second = right;

    if (first->modified != second->modified)
        return first->modified > second->modified ? -1 : 1;
    return memcmp(first->file.salt, second->file.salt, STORE_SALT_BYTES);
}

int index_list(struct storage *storage, struct index_listed **ret_files, size_t *ret_count,
               struct failure *failure)
{
    struct listing listing = {0};
    int error = storage->class->list(storage, INDEX_FOLDER, note_index, &listing, failure);

    if (error != 0 && error != -ENOENT) {
        free(listing.files);
        return error;
    }
    if (listing.count > 0)
        qsort(listing.files, listing.count, sizeof *listing.files, compare_age);
    *ret_files = listing.files;
    *ret_count = listing.count < INDEX_SET_FILES ? listing.count : INDEX_SET_FILES;
    return 0;
}

/* ---- The set ---- */

struct index_set *index_set_create(struct store *store, struct file_keys *keys)
{
    struct index_set *set = calloc(1, sizeof *set);

    if (set != NULL) {
        set->store = store;
        set->keys = keys;
        pthread_mutex_init(&set->lock, NULL);
    }
    return set;
}

/* The lock is held. */
static int list_again(struct index_set *set, struct failure *failure)
{
    struct index_listed *files;
    size_t count;
    int error = index_list(store_storage(set->store), &files, &count, failure);

    if (error != 0)
        return error;
    free(set->files);
    set->files = files;
    set->count = count;
    set->listed = true;
    return 0;
}

int index_set_refresh(struct index_set *set, struct failure *failure)
{
    pthread_mutex_lock(&set->lock);
    int error = list_again(set, failure);
    pthread_mutex_unlock(&set->lock);
    return error;
}

static int read_block(struct index_set *set, const struct index_file *file, uint64_t number,
                      uint8_t *bytes)
{
    struct sealer *sealer;
    char path[INDEX_PATH_SIZE];

    index_path(file->salt, path);

    int error = file_keys_take(set->keys, STORE_INDEX, file->salt, path, &sealer, NULL);

    if (error != 0)
        return error;
    error = index_block_read(store_storage(set->store), sealer, file, number, bytes, NULL);
    file_keys_give(set->keys, sealer);
    return error;
}

/* The lock is held, and the block stays as long as it is. */
static int take_block(struct index_set *set, const struct index_file *file, uint64_t number,
                      const struct kept_block **ret_block)
{
    uint64_t index = get_u64(file->salt);
    struct kept_block *block = &set->blocks[(index + number) % BLOCKS_KEPT];

    if (block->count == 0 || block->index != index || block->number != number) {
        bool last;

        if (block->bytes == NULL)
            block->bytes = malloc(INDEX_BLOCK_BYTES);
        if (block->bytes == NULL)
            return -ENOMEM;
        block->count = 0;

        int error = read_block(set, file, number, block->bytes);

        if (error != 0)
            return error;
        block->count = index_block_check(block->bytes, &last);
        block->index = index;
        block->number = number;
    }
    *ret_block = block;
    return 0;
}

/* Ids as numbers, for guessing: their first 8 bytes, in the order of memcmp. */
static uint64_t id_number(const uint8_t *id)
{
    uint64_t number;

    memcpy(&number, id, sizeof number);
    return be64toh(number);
}

/* The blocks that an id may be in, and the ids that those begin and end with. */
struct bounds {
    uint64_t low; /* … < high */
    uint64_t high;
    uint64_t low_id;
    uint64_t high_id;
};

/* In proportion for the most part; every third guess halves, for what is not spread evenly. */
static uint64_t guess(const struct bounds *bounds, uint64_t id, unsigned tries)
{
    uint64_t width = bounds->high - bounds->low;
    uint64_t at = width / 2;

    if (tries % 3 != 2 && id >= bounds->low_id && bounds->high_id > bounds->low_id)
        at = (uint64_t)((long double)(id - bounds->low_id) /
                        (long double)(bounds->high_id - bounds->low_id) * (long double)width);
    return bounds->low + (at < width ? at : width - 1);
}

/* 1 when the entry was found, 0 when it is not there, or -errno. The lock is held. */
static int search_file(struct index_set *set, const struct index_file *file, const uint8_t *id,
                       struct index_entry *ret_entry)
{
    struct bounds bounds = {0, file->blocks, 0, UINT64_MAX};

    for (unsigned tries = 0; bounds.low < bounds.high; tries++) {
        uint64_t number = guess(&bounds, id_number(id), tries);
        const struct kept_block *block;
        int error = take_block(set, file, number, &block);

        if (error != 0)
            return error;

        int place = index_block_search(block->bytes, block->count, id);

        if (place == -ENOENT)
            return 0;
        if (place == INDEX_BEFORE) {
            bounds.high = number;
            bounds.high_id = id_number(index_block_entry(block->bytes, 0).reference.id);
        } else if (place == block->count) {
            struct index_entry last = index_block_entry(block->bytes, (size_t)block->count - 1);

            bounds.low = number + 1;
            bounds.low_id = id_number(last.reference.id);
        } else {
            *ret_entry = index_block_entry(block->bytes, (size_t)place);
            return 1;
        }
    }
    return 0;
}

/* The lock is held. *GONE: an index was removed since they were listed. */
static int search_all(struct index_set *set, const uint8_t *id, int most,
                      struct index_entry *ret_entries, bool *gone)
{
    int found = 0;

    *gone = false;
    for (size_t i = 0; i < set->count && found < most; i++) {
        int result = search_file(set, &set->files[i].file, id, &ret_entries[found]);

        if (result == -ENOMEM)
            return result;
        if (result == -ENOENT)
            *gone = true;
        if (result > 0)
            found++;
    }
    return found;
}

int index_set_find(struct index_set *set, const uint8_t id[OBJECT_ID_BYTES], int most,
                   struct index_entry *ret_entries, struct failure *failure)
{
    bool gone;

    pthread_mutex_lock(&set->lock);

    int found = set->listed ? 0 : list_again(set, failure);

    if (found == 0)
        found = search_all(set, id, most, ret_entries, &gone);
    if (found == 0 && gone) {
        found = list_again(set, failure);
        if (found == 0)
            found = search_all(set, id, most, ret_entries, &gone);
    }
    pthread_mutex_unlock(&set->lock);
    return found;
}

void index_set_free(struct index_set *set)
{
    if (set == NULL)
        return;
    for (size_t i = 0; i < BLOCKS_KEPT; i++)
        free(set->blocks[i].bytes);
    free(set->files);
    pthread_mutex_destroy(&set->lock);
    free(set);
}
