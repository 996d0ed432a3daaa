/* SPDX-License-Identifier: MIT */
#include "fs/table/scan.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/called_off.h"
#include "fs/base/memory.h"
#include "fs/table/row_group.h"

#define RANGES_PER_THREAD 4
#define ROWS_BETWEEN_CHECKS 4096
/*
 * Sizes are distributed exponentially, and a byte that is read at random lies in a large group more
 * often than in a small one: in one of 1.6 times the mean if the largest was 2.7 times it, of 1.0
 * times it so.
 */
#define LARGEST_BYTES(mean) ((uint64_t)(mean) + (mean) / 3)
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
    struct group_sink *sink;
    const struct scan_options *options;
    uint32_t group_bytes;
    uint64_t largest_bytes;
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
    void *part;         /* of the sink */
    uint64_t first_key; /* of the group being built */
    uint64_t rows;      /* not yet told to options->rows_done */
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
    struct group_sink *sink = scanner->scan->sink;
    struct image_group group = {.measure = *measure, .first_key = scanner->first_key};
    int error = sink->class->keep(sink, scanner->part, encoded, &group, failure);

    scanner->first_key = 0;
    if (error != 0)
        return error;
    error = list_add(scanner->list, &group);
    if (error != 0)
        sink->class->drop(sink, &group);
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

/* Adds the row to the group; to the next one, or in fragments, where the group cannot hold it. */
static int add_row(struct scanner *scanner, struct cursor *cursor, const struct row *row,
                   uint64_t key_hash)
{
    struct row_group_builder *builder = scanner->builder;
    bool first = row_group_builder_rows(builder) == 0;
    int error = row_group_builder_add(builder, row->cells);

    if (error == -EFBIG && !first) {
        error = finish_group(scanner);
        if (error != 0)
            return error;
        first = true;
        error = row_group_builder_add(builder, row->cells);
    }
    if (first)
        scanner->first_key = key_hash;
    if (error == -EFBIG)
        error = row_group_cut_row(scanner->scan->schema, cursor, row->cells, keep_group, scanner,
                                  &scanner->failure);
    return error;
}

/* 0, or what the scan is to end with. Also what the source asks while it gives no row. */
static int look(void *context)
{
    struct scan *scan = context;
    const struct scan_options *options = scan->options;

    if (__atomic_load_n(&scan->error, __ATOMIC_RELAXED) != 0)
        return -ECANCELED;
    if (called_off(options->cancelled))
        return -ECANCELED;
    return options->bound.look != NULL ? options->bound.look(options->bound.context) : 0;
}

static void tell_rows(struct scanner *scanner)
{
    if (scanner->scan->options->rows_done != NULL)
        __atomic_add_fetch(scanner->scan->options->rows_done, scanner->rows, __ATOMIC_RELAXED);
    scanner->rows = 0;
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
    unsigned read = 0;

    for (;;) {
        const struct row *row;
        int got = cursor->class->next(cursor, &row, &scanner->failure);

        if (got <= 0)
            return got < 0 ? got : finish_group(scanner);

        /* Also among rows that are another range's, which may be many. */
        if (++read % ROWS_BETWEEN_CHECKS == 0) {
            tell_rows(scanner);

            int stop = look(scan);

            if (stop != 0)
                return stop;
        }

        uint64_t bytes = row_bytes(scan->schema, row->cells);
        uint64_t key_hash = row_key_hash(scan->schema, scan->options->cut_key, row->cells);
        bool boundary = row_begins_group(key_hash, bytes, scan->group_bytes);

        if (row->past_range && (boundary || !begun))
            return finish_group(scanner);
        if (boundary || row_group_builder_bytes(scanner->builder) + bytes > scan->largest_bytes) {
            int error = finish_group(scanner);

            begun = true;
            if (error == 0)
                error = look(scan);
            if (error != 0)
                return error;
        }
        if (!begun)
            continue;

        int error = add_row(scanner, cursor, row, key_hash);

        if (error != 0)
            return error;
        scanner->rows++;
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
    tell_rows(scanner);
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

static int run_ranges(struct scanner *scanner)
{
    struct group_sink *sink = scanner->scan->sink;
    int error = sink->class->begin(sink, &scanner->part, &scanner->failure);
    size_t range;

    if (error != 0)
        return error;
    while (error == 0 && take_range(scanner->scan, &range))
        error = scan_range(scanner, range);

    int end = sink->class->end(sink, scanner->part, error, &scanner->failure);

    return error != 0 ? error : end;
}

static void *run_scanner(void *argument)
{
    struct scan *scan = argument;
    struct scanner scanner = {
        .scan = scan,
        .builder = row_group_builder_create(scan->schema),
        .encoded = BUFFER(ROW_GROUP_ENCODED_LIMIT),
    };
    int error = scanner.builder == NULL ? -ENOMEM : run_ranges(&scanner);

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
            scan->sink->class->drop(scan->sink, &scan->lists[i].groups[j]);
        free(scan->lists[i].groups);
    }
    free(scan->lists);
    free(scan->plan.starts);
}

/* In ranges for all threads. */
static int run_scan(struct scan *scan, struct failure *failure)
{
    struct dataset *dataset = scan->dataset;
    unsigned threads =
        scan->options->threads < dataset->parallel ? scan->options->threads : dataset->parallel;
    int error = dataset->class->plan(dataset, scan->table,
                                     threads > 1 ? (size_t)threads * RANGES_PER_THREAD : 1,
                                     &scan->plan, failure);

    if (error != 0)
        return error;
    scan->lists = allocate_array(scan->plan.count, sizeof *scan->lists);
    if (scan->lists == NULL) {
        free(scan->plan.starts);
        return -ENOMEM;
    }
    run_scanners(scan);
    return 0;
}

int table_scan(struct dataset *dataset, size_t table, struct group_sink *sink,
               const struct scan_options *options, struct image_group **ret_groups,
               size_t *ret_group_count, struct failure *failure)
{
    struct scan scan = {
        .dataset = dataset,
        .table = table,
        .schema = dataset->class->schema(dataset, table),
        .sink = sink,
        .options = options,
        .group_bytes = options->group_bytes != 0 ? options->group_bytes : ROW_GROUP_TARGET_BYTES,
    };
    struct group_list joined = {0};

    scan.largest_bytes = options->group_bytes != 0 ? LARGEST_BYTES(options->group_bytes)
                                                   : (uint64_t)ROW_GROUP_LARGEST_BYTES;

    pthread_mutex_init(&scan.lock, NULL);
    dataset->bound = (struct source_bound){look, &scan};

    int error = run_scan(&scan, failure);

    dataset->bound = (struct source_bound){0};
    pthread_mutex_destroy(&scan.lock);
    if (error != 0)
        return error;

    error = scan.error;
    if (error == 0)
        error = join_lists(&scan, &joined);
    else if (failure != NULL && scan.failure.code != 0)
        *failure = scan.failure;
    free_lists(&scan);
    if (error == 0) {
        *ret_groups = joined.groups;
        *ret_group_count = joined.count;
    }
    return error;
}
