/* SPDX-License-Identifier: MIT */
#include "fs/table/store_sink.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/hash.h"
#include "fs/base/memory.h"

/* A group of the table's last image, by the key of its first row. */
struct predecessor {
    UT_hash_handle hh;
    uint64_t first_key;
    uint64_t start; /* bytes of CSV before it */
    size_t index;
    bool refused; /* uthash found no memory for it */
};

/* What one thread writes with: a writer, and how far it has come in the last image. */
struct part {
    struct part *next; /* while idle */
    struct object_writer *writer;
    uint64_t position; /* in the last image, bytes of CSV: where the next group is expected */
};

struct store_sink {
    struct group_sink base; /* first: a sink is its base */
    struct object_batch *batch;
    const struct image_group *previous;
    size_t previous_count;
    struct predecessor *predecessors; /* previous_count of them */
    struct predecessor *by_key;
    uint64_t *raw; /* atomic, as the next; NULL: nobody asks */
    uint64_t *stored;

    pthread_mutex_t lock; /* guards all below */
    struct part *idle;
};

static void part_free(struct part *part)
{
    object_writer_free(part->writer);
    free(part);
}

static int take_part(struct store_sink *sink, struct part **ret_part, struct failure *failure)
{
    pthread_mutex_lock(&sink->lock);
    struct part *part = sink->idle;

    if (part != NULL)
        sink->idle = part->next;
    pthread_mutex_unlock(&sink->lock);
    if (part == NULL) {
        part = calloc(1, sizeof *part);
        if (part == NULL)
            return -ENOMEM;

        int error = object_writer_create(sink->batch, &part->writer, failure);

        if (error != 0) {
            free(part);
            return error;
        }
    }
    part->position = 0;
    *ret_part = part;
    return 0;
}

static void give_part(struct store_sink *sink, struct part *part)
{
    pthread_mutex_lock(&sink->lock);
    part->next = sink->idle;
    sink->idle = part;
    pthread_mutex_unlock(&sink->lock);
}

// NOLINTNEXTLINE(readability-non-const-parameter): the atomic addition is not seen
static void note(uint64_t *count, uint64_t bytes)
{
    if (count != NULL)
        __atomic_add_fetch(count, bytes, __ATOMIC_RELAXED);
}

static int begin(struct group_sink *base, void **ret_part, struct failure *failure)
{
    struct part *part;
    int error = take_part((struct store_sink *)base, &part, failure);

    if (error == 0)
        *ret_part = part;
    return error;
}

/* The group of the last image that POSITION lies in. */
static size_t group_at(const struct store_sink *sink, uint64_t position)
{
    size_t low = 0;
    size_t high = sink->previous_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (sink->predecessors[middle].start <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/*
 * The group of the same first key. Without one (its first row is new or gone) the one that stands
 * where this group's middle would be if nothing had changed since the last that was found.
 */
static const struct image_group *find_predecessor(const struct store_sink *sink, struct part *part,
                                                  const struct image_group *group)
{
    struct predecessor *found = NULL;

    if (sink->previous_count == 0)
        return NULL;
    if (group->first_key != 0)
        HASH_FIND(hh, sink->by_key, &group->first_key, sizeof group->first_key, found);
    if (found != NULL)
        part->position = found->start;

    size_t index = found != NULL ? found->index
                                 : group_at(sink, part->position + group->measure.csv_bytes / 2);

    part->position += group->measure.csv_bytes;
    return &sink->previous[index];
}

static int keep(struct group_sink *base, void *thread, const struct buffer *encoded,
                struct image_group *group, struct failure *failure)
{
    struct store_sink *sink = (struct store_sink *)base;
    struct part *part = thread;
    const struct image_group *before = find_predecessor(sink, part, group);
    struct object_parent parent;
    struct object_put put;

    if (before != NULL)
        parent = (struct object_parent){before->place.object, .phase = group->first_key};

    int error = object_put(part->writer, OBJECT_ROW_GROUP, encoded->data, encoded->size,
                           before != NULL ? &parent : NULL, &put, failure);

    if (error != 0)
        return error;
    group->place.object = put.reference;
    memcpy(group->digest, put.reference.id, sizeof group->digest);
    note(sink->raw, group->measure.csv_bytes);
    note(sink->stored, put.stored_bytes);
    return 0;
}

/* What a failed scan has written is garbage in a pack; the pack goes on. */
static int end(struct group_sink *base, void *thread, int error, struct failure *failure)
{
    (void)error;
    (void)failure;
    give_part((struct store_sink *)base, thread);
    return 0;
}

static void drop(struct group_sink *base, const struct image_group *group)
{
    (void)base;
    (void)group;
}

static const struct group_sink_class store_sink_class = {begin, keep, end, drop};

struct store_sink *store_sink_create(struct object_batch *batch)
{
    struct store_sink *sink = calloc(1, sizeof *sink);

    if (sink == NULL)
        return NULL;
    sink->base.class = &store_sink_class;
    sink->batch = batch;
    pthread_mutex_init(&sink->lock, NULL);
    return sink;
}

struct group_sink *store_sink_base(struct store_sink *sink)
{
    return &sink->base;
}

static void forget_table(struct store_sink *sink)
{
    HASH_CLEAR(hh, sink->by_key);
    free(sink->predecessors);
    sink->predecessors = NULL;
    sink->previous = NULL;
    sink->previous_count = 0;
}

int store_sink_begin_table(struct store_sink *sink, const struct image_group *previous,
                           size_t previous_count)
{
    forget_table(sink);
    if (previous_count == 0)
        return 0;
    sink->predecessors = allocate_array(previous_count, sizeof *sink->predecessors);
    if (sink->predecessors == NULL)
        return -ENOMEM;
    sink->previous = previous;
    sink->previous_count = previous_count;

    uint64_t start = 0;

    for (size_t i = 0; i < previous_count; i++) {
        struct predecessor *entry = &sink->predecessors[i];
        struct predecessor *found = NULL;

        entry->start = start;
        start += previous[i].measure.csv_bytes;

        entry->first_key = previous[i].first_key;
        entry->index = i;
        if (entry->first_key != 0)
            HASH_FIND(hh, sink->by_key, &entry->first_key, sizeof entry->first_key, found);
        if (entry->first_key != 0 && found == NULL)
            HASH_ADD(hh, sink->by_key, first_key, sizeof entry->first_key, entry);
        if (entry->refused) {
            forget_table(sink);
            return -ENOMEM;
        }
    }
    return 0;
}

int store_sink_put(struct store_sink *sink, enum object_type type, const void *data, size_t size,
                   struct object_reference *ret_reference, struct failure *failure)
{
    struct object_put put;
    struct part *part;
    int error = take_part(sink, &part, failure);

    if (error != 0)
        return error;
    error = object_put(part->writer, type, data, size, NULL, &put, failure);
    give_part(sink, part);
    if (error == 0) {
        note(sink->stored, put.stored_bytes);
        *ret_reference = put.reference;
    }
    return error;
}

void store_sink_count(struct store_sink *sink, uint64_t *raw, uint64_t *stored)
{
    sink->raw = raw;
    sink->stored = stored;
}

int store_sink_finish(struct store_sink *sink)
{
    int error = 0;

    while (sink->idle != NULL && error == 0) {
        struct part *part = sink->idle;

        error = object_writer_finish(part->writer);
        sink->idle = part->next;
        part_free(part);
    }
    return error;
}

void store_sink_free(struct store_sink *sink)
{
    if (sink == NULL)
        return;
    forget_table(sink);
    while (sink->idle != NULL) {
        struct part *part = sink->idle;

        sink->idle = part->next;
        part_free(part);
    }
    pthread_mutex_destroy(&sink->lock);
    free(sink);
}
