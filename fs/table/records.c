/* SPDX-License-Identifier: MIT */
#include "fs/table/records.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/table/record_index.h"
#include "fs/table/record_rows.h"
#include "fs/table/record_search.h"

#define PAGES_MOST 4
#define INDEXES_MOST 4

struct kept_index {
    uint64_t image;
    unsigned users; /* an index in use is not dropped */
    uint64_t last_used;
    struct record_index *index; /* NULL: the place is free */
};

struct records {
    struct spool *spool;
    pthread_mutex_t making; /* held while an index is made: one at a time; before lock */

    pthread_mutex_t lock;                  /* guards all below */
    struct record_page *pages[PAGES_MOST]; /* the one used last comes first */
    struct kept_index indexes[INDEXES_MOST];
    uint64_t clock;
};

struct records *records_create(struct spool *spool)
{
    struct records *records = calloc(1, sizeof *records);

    if (records == NULL)
        return NULL;
    records->spool = spool;
    pthread_mutex_init(&records->making, NULL);
    pthread_mutex_init(&records->lock, NULL);
    return records;
}

void records_free(struct records *records)
{
    if (records == NULL)
        return;
    for (int i = 0; i < PAGES_MOST; i++)
        record_page_release(records->pages[i]);
    for (int i = 0; i < INDEXES_MOST; i++)
        record_index_free(records->indexes[i].index);
    pthread_mutex_destroy(&records->lock);
    pthread_mutex_destroy(&records->making);
    free(records);
}

/* ---- Pages ---- */

/* Puts PAGE first, where place INDEX was. The lock is held. */
static void put_first(struct records *records, size_t index, struct record_page *page)
{
    memmove(&records->pages[1], &records->pages[0], index * sizeof(struct record_page *));
    records->pages[0] = page;
}

/* The page with a reference; NULL: it is not kept. */
static struct record_page *kept_page(struct records *records, const struct image *image,
                                     size_t group)
{
    struct record_page *found = NULL;

    pthread_mutex_lock(&records->lock);
    for (size_t i = 0; i < PAGES_MOST && found == NULL; i++) {
        struct record_page *page = records->pages[i];

        if (page == NULL || record_page_image(page) != image_number(image) ||
            record_page_group(page) != group)
            continue;
        put_first(records, i, page);
        found = record_page_reference(page);
    }
    pthread_mutex_unlock(&records->lock);
    return found;
}

int records_page(struct records *records, struct image *image, const struct record_key *key,
                 size_t group, struct record_page **ret_page, struct failure *failure)
{
    struct record_page *page = kept_page(records, image, group);

    if (page == NULL) {
        int error = record_page_create(image, key, group, &page, failure);

        if (error != 0)
            return error;
        pthread_mutex_lock(&records->lock);
        struct record_page *last = records->pages[PAGES_MOST - 1];

        put_first(records, PAGES_MOST - 1, record_page_reference(page));
        pthread_mutex_unlock(&records->lock);
        record_page_release(last);
    }
    *ret_page = page;
    return 0;
}

static void release_page(struct record_page *const *page)
{
    record_page_release(*page);
}

/* -ENOENT: it is not in that group. */
static int find_in_page(struct records *records, struct image *image, const struct record_key *key,
                        size_t group, const char *name, struct record *ret_record,
                        struct failure *failure)
{
    cleanup(release_page) struct record_page *page = NULL;
    int error = records_page(records, image, key, group, &page, failure);

    if (error != 0)
        return error;

    const struct record *found = record_page_find(page, name);

    if (found == NULL)
        return -ENOENT;
    *ret_record = *found;
    return 0;
}

/* In the group that was looked at last, as for whoever walks along the table. */
static int find_nearby(struct records *records, struct image *image, const struct record_key *key,
                       const char *name, struct record *ret_record, struct failure *failure)
{
    size_t group = SIZE_MAX;

    pthread_mutex_lock(&records->lock);
    for (size_t i = 0; i < PAGES_MOST && group == SIZE_MAX; i++) {
        const struct record_page *page = records->pages[i];

        if (page != NULL && record_page_image(page) == image_number(image))
            group = record_page_group(page);
    }
    pthread_mutex_unlock(&records->lock);
    return group != SIZE_MAX ? find_in_page(records, image, key, group, name, ret_record, failure)
                             : -ENOENT;
}

/* ---- Indexes ---- */

/* The index, in use; NULL: there is none. */
static struct kept_index *enter_index(struct records *records, const struct image *image)
{
    struct kept_index *found = NULL;

    pthread_mutex_lock(&records->lock);
    for (size_t i = 0; i < INDEXES_MOST; i++) {
        struct kept_index *kept = &records->indexes[i];

        if (kept->index == NULL || kept->image != image_number(image))
            continue;
        kept->users++;
        kept->last_used = ++records->clock;
        found = kept;
        break;
    }
    pthread_mutex_unlock(&records->lock);
    return found;
}

static void leave_index(struct records *records, struct kept_index *kept)
{
    pthread_mutex_lock(&records->lock);
    kept->users--;
    pthread_mutex_unlock(&records->lock);
}

/* The place that a new index may take, emptied; NULL: all are in use. The lock is held. */
static struct kept_index *make_place(struct records *records, struct record_index **ret_dropped)
{
    struct kept_index *place = NULL;

    for (size_t i = 0; i < INDEXES_MOST; i++) {
        struct kept_index *kept = &records->indexes[i];

        if (kept->users == 0 && (place == NULL || kept->last_used < place->last_used))
            place = kept;
    }
    *ret_dropped = place != NULL ? place->index : NULL;
    return place;
}

/* As enter_index; one is made if need be. */
static int use_index(struct records *records, struct image *image, const struct record_key *key,
                     const bool *cancelled, struct kept_index **ret_kept, struct failure *failure)
{
    struct kept_index *kept = enter_index(records, image);
    int error = 0;

    if (kept == NULL) {
        struct record_index *index;
        struct record_index *dropped = NULL;

        pthread_mutex_lock(&records->making);
        kept = enter_index(records, image); /* another thread has made it meanwhile */
        if (kept == NULL)
            error = record_index_create(image, key, records->spool, cancelled, &index, failure);
        if (kept == NULL && error == 0) {
            pthread_mutex_lock(&records->lock);
            kept = make_place(records, &dropped);
            if (kept != NULL)
                *kept = (struct kept_index){image_number(image), 1, ++records->clock, index};
            else
                dropped = index;
            pthread_mutex_unlock(&records->lock);
            if (kept == NULL)
                error =
                    failure_set(failure, EAGAIN, "too many tables are being searched: try again");
        }
        pthread_mutex_unlock(&records->making);
        record_index_free(dropped);
    }
    if (error == 0)
        *ret_kept = kept;
    return error;
}

/* The groups that may have a name with that hash. */
struct groups {
    size_t count;
    size_t numbers[RECORD_INDEX_MOST];
};

static int find_groups(struct records *records, struct image *image, const struct record_key *key,
                       uint64_t name_hash, const bool *cancelled, struct groups *ret_groups,
                       struct failure *failure)
{
    struct kept_index *kept;
    int error = use_index(records, image, key, cancelled, &kept, failure);

    if (error != 0)
        return error;

    ssize_t count = record_index_find(kept->index, name_hash, ret_groups->numbers, failure);

    leave_index(records, kept);
    if (count < 0)
        return (int)count;
    ret_groups->count = (size_t)count;
    return 0;
}

static int find_indexed(struct records *records, struct image *image, const struct record_key *key,
                        const char *name, const bool *cancelled, struct record *ret_record,
                        struct failure *failure)
{
    struct groups groups = {.count = 0};
    int error = find_groups(records, image, key, record_name_hash(name, strlen(name)), cancelled,
                            &groups, failure);

    if (error != 0)
        return error;
    error = -ENOENT;
    for (size_t i = 0; i < groups.count && error == -ENOENT; i++)
        error = find_in_page(records, image, key, groups.numbers[i], name, ret_record, failure);
    return error;
}

/* ---- Both ---- */

/* Where its key says that it is; -ENOENT and *ret_sure: it is nowhere. */
static int find_by_key(struct records *records, struct image *image, const struct record_key *key,
                       const char *name, struct record *ret_record, bool *ret_sure,
                       struct failure *failure)
{
    static const enum key_order orders[] = {KEY_BYTES, KEY_LETTERS};
    cleanup_free struct cell *cells = allocate_array(key->count, sizeof *cells);
    cleanup_buffer struct buffer memory = BUFFER(RECORD_KEY_LIMIT);
    int error =
        cells != NULL ? record_name_parse(image_schema(image), key, name, &memory, cells) : -ENOMEM;

    *ret_sure = false;
    if (error == -EINVAL)
        return -ENOENT;
    if (error != 0)
        return error;
    error = -ENOENT;
    for (size_t i = 0; i < 2 && error == -ENOENT && !*ret_sure; i++) {
        size_t group;

        error = record_search(image, key, cells, orders[i], &group, ret_sure, failure);
        if (error == 0)
            error = find_in_page(records, image, key, group, name, ret_record, failure);
    }
    return error;
}

/*
 * Whether rows of the table may share names, *RECORD being one that may not be the first of its
 * name: not if there is one key column and texts are all that it begins with, for numbers stand
 * before them.
 */
static int may_share(struct records *records, struct image *image, const struct record_key *key,
                     const struct record *record, bool *ret_shared, struct failure *failure)
{
    cleanup(release_page) struct record_page *page = NULL;
    size_t row = 0;

    *ret_shared = record->may_be_second;
    if (!record->may_be_second || key->count != 1)
        return 0;

    int error = records_page(records, image, key, 0, &page, failure);

    if (error != 0)
        return error;
    while (row + 1 < record_page_rows(page) && record_page_name(page, row) == NULL)
        row++;
    *ret_shared = !record_page_record(page, row)->may_be_second;
    return 0;
}

int records_find(struct records *records, struct image *image, const char *name,
                 const bool *cancelled, struct record *ret_record, struct failure *failure)
{
    struct record_key key;
    bool sure = false;
    bool shared = false;

    if (!record_key_of(image_schema(image), &key))
        return -ENOENT;

    int error = find_nearby(records, image, &key, name, ret_record, failure);

    if (error == -ENOENT)
        error = find_by_key(records, image, &key, name, ret_record, &sure, failure);
    if (error == 0)
        error = may_share(records, image, &key, ret_record, &shared, failure);
    if (!shared && (error != -ENOENT || sure))
        return error;
    return find_indexed(records, image, &key, name, cancelled, ret_record, failure);
}

int records_is_first(struct records *records, struct image *image, const struct record_key *key,
                     const struct record_page *page, size_t row, bool *ret_first,
                     struct failure *failure)
{
    const struct record *own = record_page_record(page, row);
    const char *name = record_page_name(page, row);
    struct groups groups = {.count = 0};
    struct record found;
    bool shared;
    int error = may_share(records, image, key, own, &shared, failure);

    *ret_first = error == 0 && (!shared || record_page_find(page, name) == own);
    if (error == 0 && shared && *ret_first && record_page_group(page) != 0)
        error = find_groups(records, image, key, own->name_hash, NULL, &groups, failure);
    if (error != 0)
        return error;
    error = -ENOENT;
    for (size_t i = 0; i < groups.count && error == -ENOENT; i++) {
        if (groups.numbers[i] < record_page_group(page))
            error = find_in_page(records, image, key, groups.numbers[i], name, &found, failure);
    }
    if (error == 0)
        *ret_first = false;
    return error == -ENOENT ? 0 : error;
}
