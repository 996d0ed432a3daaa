/* SPDX-License-Identifier: MIT */
#include "fs/table/scan.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/table/row_group.h"

#define RANGES_PER_THREAD 4
#define GROUPS_LIMIT ((size_t)1 << 26) /* 25 TB of cells */

/* The groups of one range, in order. */
struct group_list {
    struct image_group *groups;
    size_t count;
    size_t capacity;
};

/* What the threads of one scan share. */
struct scan {
    struct dataset *dataset;
    size_t table;
    struct schema *schema;
    struct spool *spool;
    const struct scan_options *options;
    struct range_plan plan;
    struct group_list
        *lists; /* plan.count of them; list I belongs to the thread that took range I */

    pthread_mutex_t lock;
    size_t next_range;      /* guarded by lock */
    int error;              /* the first; guarded by lock */
    struct failure failure; /* its words; guarded by lock */
};

/* What one thread works with. */
struct scanner {
    struct scan *scan;
    struct row_group_builder *builder;
    struct buffer encoded;
    struct group_list *list;
    struct failure failure;
};

static int list_add(struct group_list *list, const struct image_group *group)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        struct image_group *groups =
            capacity > GROUPS_LIMIT ? NULL : realloc(list->groups, capacity * sizeof *list->groups);

        if (groups == NULL)
            return -ENOMEM;
        list->groups = groups;
        list->capacity = capacity;
    }
    list->groups[list->count++] = *group;
    return 0;
}

static int keep_group(void *context, const struct buffer *encoded,
                      const struct row_group_measure *measure, struct failure *failure)
{
    struct scanner *scanner = context;
    struct image_group group = {.measure = *measure};
    XXH128_canonical_t digest;

    XXH128_canonicalFromHash(&digest, XXH3_128bits(encoded->data, encoded->size));
    memcpy(group.digest, digest.digest, sizeof group.digest);

    int error = spool_put(scanner->scan->spool, encoded->data, encoded->size, &group.blob, failure);

    if (error != 0)
        return error;
    error = list_add(scanner->list, &group);
    if (error != 0)
        spool_drop(scanner->scan->spool, &group.blob);
    return error;
}

static int finish_group(struct scanner *scanner)
{
    struct row_group_measure measure;

    if (row_group_builder_rows(scanner->builder) == 0)
        return 0;

    int error = row_group_builder_finish(scanner->builder, &scanner->encoded, &measure);

    return error != 0 ? error : keep_group(scanner, &scanner->encoded, &measure, &scanner->failure);
}

static int add_row(struct scanner *scanner, struct cursor *cursor, const struct row *row,
                   uint64_t bytes)
{
    struct row_group_builder *builder = scanner->builder;
    int error;

    if (bytes > ROW_GROUP_LARGEST_BYTES) {
        error = finish_group(scanner);
        if (error == 0)
            error = row_group_cut_row(scanner->scan->schema, cursor, row->cells, keep_group,
                                      scanner, &scanner->failure);
        return error;
    }
    if (row_group_builder_bytes(builder) + bytes > ROW_GROUP_LARGEST_BYTES ||
        row_group_builder_rows(builder) >= ROW_GROUP_ROWS_LIMIT) {
        error = finish_group(scanner);
        if (error != 0)
            return error;
    }
    return row_group_builder_add(builder, row->cells);
}

static bool should_stop(struct scan *scan)
{
    if (scan->options->cancelled != NULL &&
        __atomic_load_n(scan->options->cancelled, __ATOMIC_RELAXED))
        return true;
    return __atomic_load_n(&scan->error, __ATOMIC_RELAXED) != 0;
}

/*
 * A range's groups are those that begin in it: rows before the first boundary
 * belong to the range before, and rows past the range up to the next boundary
 * to this one.
 */
static int scan_rows(struct scanner *scanner, struct cursor *cursor, bool first_range)
{
    struct scan *scan = scanner->scan;
    bool begun = first_range;
    unsigned until_check = 0;

    for (;;) {
        const struct row *row;
        int got = cursor->class->next(cursor, &row, &scanner->failure);

        if (got <= 0)
            return got < 0 ? got : finish_group(scanner);

        uint64_t bytes = row_bytes(scan->schema, row->cells);
        bool boundary = row_begins_group(scan->schema, scan->options->cut_key, row->cells, bytes);

        if (row->past_range && (boundary || !begun))
            return finish_group(scanner);
        if (boundary) {
            int error = finish_group(scanner);

            if (error != 0)
                return error;
            begun = true;
            if (should_stop(scan))
                return -ECANCELED;
        }
        if (!begun)
            continue;

        int error = add_row(scanner, cursor, row, bytes);

        if (error != 0)
            return error;
        if (++until_check % 4096 == 0 && should_stop(scan))
            return -ECANCELED;
    }
}

static int scan_range(struct scanner *scanner, size_t range)
{
    struct scan *scan = scanner->scan;
    const struct dataset_class *class = scan->dataset->class;
    struct cursor *cursor;

    scanner->list = &scan->lists[range];

    int error = class->open_cursor(scan->dataset, scan->table, &scan->plan, range, &cursor,
                                   &scanner->failure);

    if (error != 0)
        return error;
    error = scan_rows(scanner, cursor, range == 0);
    cursor->class->close(cursor);
    return error;
}

static bool take_range(struct scan *scan, size_t *ret_range)
{
    bool taken = false;

    pthread_mutex_lock(&scan->lock);
    if (scan->error == 0 && scan->next_range < scan->plan.count) {
        *ret_range = scan->next_range++;
        taken = true;
    }
    pthread_mutex_unlock(&scan->lock);
    return taken;
}

static void fail_scan(struct scan *scan, int error, const struct failure *failure)
{
    pthread_mutex_lock(&scan->lock);
    if (scan->error == 0) {
        scan->failure = *failure;
        __atomic_store_n(&scan->error, error, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&scan->lock);
}

static void *run_scanner(void *argument)
{
    struct scan *scan = argument;
    struct scanner scanner = {
        .scan = scan,
        .builder = row_group_builder_create(scan->schema),
        .encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT),
    };
    int error = scanner.builder == NULL ? -ENOMEM : 0;
    size_t range;

    while (error == 0 && take_range(scan, &range))
        error = scan_range(&scanner, range);
    if (error != 0)
        fail_scan(scan, error, &scanner.failure);
    row_group_builder_free(scanner.builder);
    buffer_release(&scanner.encoded);
    return NULL;
}

/* The calling thread scans too; others help when there are ranges for them. */
static void run_scanners(struct scan *scan)
{
    unsigned helpers = scan->options->threads - 1;
    pthread_t threads[16];
    unsigned started = 0;

    if (helpers > sizeof threads / sizeof threads[0])
        helpers = sizeof threads / sizeof threads[0];
    if (helpers > scan->dataset->parallel - 1)
        helpers = scan->dataset->parallel - 1;
    if (helpers > scan->plan.count - 1)
        helpers = (unsigned)(scan->plan.count - 1);
    while (started < helpers && pthread_create(&threads[started], NULL, run_scanner, scan) == 0)
        started++;
    run_scanner(scan);
    for (unsigned i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
}

/* All lists as one, in order; the lists are emptied. */
static int join_lists(struct scan *scan, struct group_list *joined)
{
    size_t total = 0;

    for (size_t i = 0; i < scan->plan.count; i++)
        total += scan->lists[i].count;
    joined->groups = allocate_array(total, sizeof *joined->groups);
    if (joined->groups == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < scan->plan.count; i++) {
        if (scan->lists[i].count != 0)
            memcpy(joined->groups + joined->count, scan->lists[i].groups,
                   scan->lists[i].count * sizeof *joined->groups);
        joined->count += scan->lists[i].count;
        scan->lists[i].count = 0;
    }
    return 0;
}

static void free_lists(struct scan *scan)
{
    for (size_t i = 0; i < scan->plan.count; i++) {
        for (size_t j = 0; j < scan->lists[i].count; j++)
            spool_drop(scan->spool, &scan->lists[i].groups[j].blob);
        free(scan->lists[i].groups);
    }
    free(scan->lists);
    free(scan->plan.starts);
}

int image_scan(struct dataset *dataset, size_t table, struct spool *spool,
               const struct scan_options *options, struct image **ret_image,
               struct failure *failure)
{
    struct scan scan = {
        .dataset = dataset,
        .table = table,
        .schema = dataset->class->schema(dataset, table),
        .spool = spool,
        .options = options,
    };
    unsigned threads = options->threads < dataset->parallel ? options->threads : dataset->parallel;
    int error = dataset->class->plan(
        dataset, table, threads > 1 ? (size_t)threads * RANGES_PER_THREAD : 1, &scan.plan, failure);

    if (error != 0)
        return error;
    scan.lists = allocate_array(scan.plan.count, sizeof *scan.lists);
    if (scan.lists == NULL) {
        free(scan.plan.starts);
        return -ENOMEM;
    }
    pthread_mutex_init(&scan.lock, NULL);
    run_scanners(&scan);
    pthread_mutex_destroy(&scan.lock);

    struct group_list joined = {0};

    error = scan.error;
    if (error != 0) {
        if (failure != NULL && scan.failure.code != 0)
            *failure = scan.failure;
    } else {
        error = join_lists(&scan, &joined);
    }
    if (error == 0)
        error = image_create(scan.schema, spool, joined.groups, joined.count, ret_image);
    free(joined.groups);
    free_lists(&scan);
    return error;
}
