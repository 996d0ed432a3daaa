/* SPDX-License-Identifier: MIT */
#include "fs/table/record_index.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/called_off.h"
#include "fs/base/memory.h"
#include "fs/table/record_page.h"
#include "fs/table/record_rows.h"

#define BUCKETS 256
#define PIECE_ENTRIES 512

struct entry {
    uint64_t hash;
    uint64_t group;
};

struct bucket {
    struct spool_blob *pieces;
    size_t count;
    size_t capacity;
};

struct record_index {
    struct spool *spool;
    struct bucket buckets[BUCKETS];
};

/* An index in the making. */
struct filling {
    struct record_index *index;
    struct entry (*entries)[PIECE_ENTRIES]; /* of each bucket, that are not in the spool yet */
    size_t counts[BUCKETS];
};

static size_t bucket_of(uint64_t hash)
{
    return hash >> 56;
}

static int flush(struct filling *filling, size_t number, struct failure *failure)
{
    struct bucket *bucket = &filling->index->buckets[number];

    if (filling->counts[number] == 0)
        return 0;
    if (bucket->count == bucket->capacity) {
        size_t capacity = bucket->capacity != 0 ? 2 * bucket->capacity : 8;
        struct spool_blob *pieces = reallocarray(bucket->pieces, capacity, sizeof *bucket->pieces);

        if (pieces == NULL)
            return -ENOMEM;
        bucket->pieces = pieces;
        bucket->capacity = capacity;
    }

    int error = spool_put(filling->index->spool, filling->entries[number],
                          filling->counts[number] * sizeof filling->entries[number][0],
                          &bucket->pieces[bucket->count], failure);

    bucket->count += error == 0;
    filling->counts[number] = 0;
    return error;
}

static int add(struct filling *filling, uint64_t hash, size_t group, struct failure *failure)
{
    size_t number = bucket_of(hash);

    filling->entries[number][filling->counts[number]++] = (struct entry){hash, group};
    return filling->counts[number] == PIECE_ENTRIES ? flush(filling, number, failure) : 0;
}

static int add_group(struct filling *filling, struct image *image, const struct record_key *key,
                     size_t group, struct record_rows *rows, struct buffer *name,
                     struct failure *failure)
{
    int error = record_rows_open(rows, image, group, key, NULL, failure);

    while (error == 0 && record_rows_next(rows)) {
        buffer_clear(name);
        error = record_name_append(image_schema(image), key, rows->cells, name);
        if (error == 0)
            error = add(filling, record_name_hash((char *)name->data, name->size), group, failure);
        else if (error == -ENODATA)
            error = 0;
    }
    return error;
}

static void release_rows(struct record_rows *rows)
{
    record_rows_release(rows);
}

static int fill(struct filling *filling, struct image *image, const struct record_key *key,
                const bool *cancelled, struct failure *failure)
{
    cleanup(release_rows) struct record_rows rows = {.rows = 0};
    cleanup_buffer struct buffer name = BUFFER(4 * RECORD_KEY_LIMIT);
    size_t count = image_group_count(image);
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i = record_rows_end(image, i)) {
        if (called_off(cancelled))
            return -ECANCELED;
        error = add_group(filling, image, key, i, &rows, &name, failure);
    }
    for (size_t i = 0; i < BUCKETS && error == 0; i++)
        error = flush(filling, i, failure);
    return error;
}

int record_index_create(struct image *image, const struct record_key *key, struct spool *spool,
                        const bool *cancelled, struct record_index **ret_index,
                        struct failure *failure)
{
    struct record_index *index = calloc(1, sizeof *index);
    struct filling filling = {.index = index,
                              .entries = allocate_array(BUCKETS, sizeof *filling.entries)};
    int error = index != NULL && filling.entries != NULL ? 0 : -ENOMEM;

    if (error == 0) {
        index->spool = spool;
        error = fill(&filling, image, key, cancelled, failure);
    }
    free(filling.entries);
    if (error != 0) {
        record_index_free(index);
        return error;
    }
    *ret_index = index;
    return 0;
}

void record_index_free(struct record_index *index)
{
    if (index == NULL)
        return;
    for (size_t i = 0; i < BUCKETS; i++) {
        for (size_t j = 0; j < index->buckets[i].count; j++)
            spool_drop(index->spool, &index->buckets[i].pieces[j]);
        free(index->buckets[i].pieces);
    }
    free(index);
}

ssize_t record_index_find(struct record_index *index, uint64_t name_hash,
                          size_t ret_groups[RECORD_INDEX_MOST], struct failure *failure)
{
    const struct bucket *bucket = &index->buckets[bucket_of(name_hash)];
    cleanup_buffer struct buffer piece = BUFFER(PIECE_ENTRIES * sizeof(struct entry));
    size_t found = 0;

    for (size_t i = 0; i < bucket->count; i++) {
        int error = spool_get(index->spool, &bucket->pieces[i], &piece, failure);

        if (error != 0)
            return error;
        for (size_t at = 0; at < piece.size && found < RECORD_INDEX_MOST;
             at += sizeof(struct entry)) {
            struct entry entry;

            memcpy(&entry, piece.data + at, sizeof entry);
            if (entry.hash == name_hash && (found == 0 || ret_groups[found - 1] != entry.group))
                ret_groups[found++] = entry.group;
        }
    }
    return (ssize_t)found;
}
