/* SPDX-License-Identifier: MIT */
/* When a generation's tables are read through: fs/tree/generation.h has the states. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/called_off.h"
#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/tree/generation_internal.h"

#define UNASKED_VIEWS_NS (2 * NS_PER_SECOND)
#define REFUSED_LEAST_NS NS_PER_SECOND
#define REFUSED_MOST_NS (2 * NS_PER_SECOND)
#define NO_TABLE SIZE_MAX

static bool is_view(const struct generation *generation, size_t index)
{
    return generation->tables[index].schema->kind == RELATION_VIEW;
}

/* Whether two datasets are certainly not of the same content. */
static bool differs(const struct source_identity *left, const struct source_identity *right)
{
    return left->known && right->known &&
           memcmp(left->content, right->content, sizeof left->content) != 0;
}

static bool is_same_table(const struct schema *left, const struct schema *right)
{
    bool same = strcmp(left->name, right->name) == 0 && left->column_count == right->column_count;

    for (size_t i = 0; i < left->column_count && same; i++)
        same = strcmp(left->columns[i].name, right->columns[i].name) == 0 &&
               left->columns[i].type == right->columns[i].type;
    return same;
}

/*
 * Whether the dataset's tables are those that the generation shows, by the same numbers: there is
 * no source of which an administrator cannot hide a change.
 */
bool generation_has_tables(const struct generation *generation, const struct dataset *dataset)
{
    bool same = dataset->class->table_count(dataset) == generation->table_count;

    for (size_t i = 0; i < generation->table_count && same; i++)
        same = is_same_table(generation->tables[i].schema, dataset->class->schema(dataset, i));
    return same;
}

/* Asks the source for the generation's moment again. */
static int reopen(struct generation *generation, struct failure *failure)
{
    struct source *source = generation->options.source;
    struct source_version version;
    struct dataset *dataset;
    int error = source->class->begin(source, &dataset, &version, failure);

    if (error != 0)
        return error;
    if (memcmp(&version, &generation->version, sizeof version) != 0 ||
        differs(&dataset->identity, &generation->identity) ||
        !generation_has_tables(generation, dataset)) {
        dataset->class->release(dataset);
        return failure_set(failure, ESTALE, "the database has changed since the folder was read");
    }
    pthread_mutex_lock(&generation->lock);

    struct dataset *old = generation->dataset;

    generation->dataset = dataset;
    generation->open = true;
    pthread_mutex_unlock(&generation->lock);
    old->class->release(old);
    return 0;
}

int generation_reopen(struct generation *generation, struct failure *failure)
{
    /* What lost its connections is begun anew: the source may be the same as before. */
    if (generation->open && __atomic_load_n(&generation->dataset->lost, __ATOMIC_RELAXED))
        generation_finish(generation);
    return generation->open ? 0 : reopen(generation, failure);
}

/* What has been read and not been told becomes known, or is forgotten. */
static void settle_images(struct generation *generation, bool confirmed)
{
    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < generation->table_count; i++) {
        struct generation_table *table = &generation->tables[i];

        if (table->image == NULL || table->known)
            continue;
        if (confirmed) {
            generation_note_known(generation, i);
        } else {
            image_release(table->image);
            table->image = NULL;
        }
    }
    pthread_mutex_unlock(&generation->lock);
}

void generation_finish(struct generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    generation->open = false;
    pthread_mutex_unlock(&generation->lock);
    generation->dataset->class->finish(generation->dataset);
    memory_trim(generation->schema_bytes); /* a database's own catalogue is about as large */
}

/* The tables that are no views. Only the end of the mount, or of all waiting, ends it early. */
static int scan_tables(struct generation *generation)
{
    int error = 0;

    for (size_t i = 0; i < generation->table_count && error != -ECANCELED; i++) {
        if (!generation->tables[i].known && !is_view(generation, i))
            error = generation_scan_table(generation, i, NULL);
    }
    return error == -ECANCELED ? error : 0;
}

/* What all views but the one asked for may take together, when the tables took SPENT_NS. */
static uint64_t time_for_views(const struct generation *generation, uint64_t spent_ns)
{
    uint64_t timeout_ns = view_bounds_timeout(generation->options.views);
    uint64_t fair_ns = spent_ns > UNASKED_VIEWS_NS ? spent_ns : UNASKED_VIEWS_NS;

    return timeout_ns != 0 && (generation->options.at_once || timeout_ns < fair_ns) ? timeout_ns
                                                                                    : fair_ns;
}

/* The views that nobody has asked for. What does not fit into their time waits to be asked for. */
static int scan_other_views(struct generation *generation, size_t asked, uint64_t for_ns)
{
    uint64_t deadline_ns = clock_now_ns() + for_ns;
    int error = 0;

    for (size_t i = 0; i < generation->table_count && error != -ECANCELED; i++) {
        if (generation->tables[i].known || i == asked || !is_view(generation, i))
            continue;
        if (clock_now_ns() >= deadline_ns)
            break;
        error = generation_try_view(generation, i, deadline_ns);
    }
    return error == -ECANCELED ? error : 0;
}

/*
 * All tables at once, then the view asked for, then other views, and then the lock is given
 * back: writers wait about as long as the tables take, twice that with views that are slow;
 * for a slow view that is asked for, as long as a view may take.
 * A table that fails keeps its error; the others do not suffer. None of this is
 * told to anyone before the source has confirmed that it was one moment.
 */
static int scan_all(struct generation *generation, size_t asked, struct failure *failure)
{
    uint64_t begun_ns = clock_now_ns();
    int result = scan_tables(generation);
    uint64_t for_ns = time_for_views(generation, clock_now_ns() - begun_ns);

    if (result == 0 && asked != NO_TABLE && is_view(generation, asked))
        generation_scan_view(generation, asked, NULL);
    if (result == 0)
        result = scan_other_views(generation, asked, for_ns);

    int error = generation->dataset->class->verify(generation->dataset, failure);

    generation_finish(generation);
    settle_images(generation, error == 0);
    return error != 0 ? error : result;
}

int generation_read_all(struct generation *generation, struct failure *failure)
{
    int error = scan_all(generation, NO_TABLE, failure);

    return error == -ESTALE || error == -ECANCELED ? error : 0;
}

/* What scan_all made of the table. Only the scanning thread. */
static int result_of(struct generation_table *table, struct failure *failure)
{
    if (table->known)
        return 0;
    if (table->failure == NULL)
        return -ECANCELED;
    if (failure != NULL)
        *failure = *table->failure;
    return -table->failure->code;
}

static bool all_known(const struct generation *generation)
{
    for (size_t i = 0; i < generation->table_count; i++) {
        if (!generation->tables[i].known)
            return false;
    }
    return true;
}

/*
 * As generation_reopen. A source that is locked takes its time to refuse: what it said to one
 * table it says to all, for about as long as it took, so that a folder of many is not a wait each.
 */
static int reopen_unless_refused(struct generation *generation, struct failure *failure)
{
    struct failure own = {0};
    uint64_t begun_ns = clock_now_ns();

    if (begun_ns < generation->refused_until_ns) {
        *failure = generation->refusal;
        return -generation->refusal.code;
    }

    int error = generation_reopen(generation, &own);

    if (error == 0)
        return 0;
    if (error != -ESTALE && error != -ECANCELED && own.code != 0) {
        uint64_t now_ns = clock_now_ns();
        uint64_t for_ns = now_ns - begun_ns;

        for_ns = for_ns < REFUSED_LEAST_NS ? REFUSED_LEAST_NS : for_ns;
        for_ns = for_ns > REFUSED_MOST_NS ? REFUSED_MOST_NS : for_ns;
        generation->refusal = own;
        generation->refused_until_ns = now_ns + for_ns;
    }
    *failure = own;
    return error;
}

static int scan_one(struct generation *generation, size_t table, struct failure *failure)
{
    return is_view(generation, table) ? generation_scan_view(generation, table, failure)
                                      : generation_scan_table(generation, table, failure);
}

/* Without the lock; only the scanning thread. */
static int read_table(struct generation *generation, size_t table, struct failure *failure)
{
    /* That needs no transaction. */
    if (generation_find_kept(generation, table) == 0)
        return 0;

    int error = reopen_unless_refused(generation, failure);

    if (error != 0)
        return error;
    if (generation->dataset->hurry) {
        error = scan_all(generation, table, failure);
        return error != 0 ? error : result_of(&generation->tables[table], failure);
    }
    error = scan_one(generation, table, failure);
    /* The connections were lost before any of it was read, and the moment may still be the same. */
    if (error == -ESTALE && __atomic_load_n(&generation->dataset->lost, __ATOMIC_RELAXED)) {
        error = reopen_unless_refused(generation, failure);
        if (error == 0)
            error = scan_one(generation, table, failure);
    }
    if (error == 0 && all_known(generation))
        generation_finish(generation);
    return error;
}

bool generation_is_cut_off(struct generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    bool cut_off = (generation->ended || (generation->superseded && !generation->open)) &&
                   !all_known(generation);

    pthread_mutex_unlock(&generation->lock);
    return cut_off;
}

/* The lock is held, and let go meanwhile. Only one thread at a time comes here. */
static int read_alone(struct generation *generation, size_t index, struct failure *failure)
{
    struct generation_table *table = &generation->tables[index];
    struct failure own = {0};

    generation->scanning = true;
    pthread_mutex_unlock(&generation->lock);

    int error = read_table(generation, index, &own);

    pthread_mutex_lock(&generation->lock);
    generation->scanning = false;
    generation->last_used_ns = clock_now_ns();
    if (error == -ESTALE) {
        generation->ended = true;
        generation->ending = own;
    } else if (error != 0 && error != -ECANCELED && !generation_failed_lately(table) &&
               own.code != 0) {
        generation_note_failure(table, &own);
    }
    if (error != 0 && failure != NULL)
        *failure = own;
    generation_retire_if_due(generation);
    pthread_cond_broadcast(&generation->scanned);
    return error;
}

static int wait_and_read(struct generation *generation, size_t index, const bool *cancelled,
                         struct failure *failure)
{
    struct generation_table *table = &generation->tables[index];

    for (;;) {
        if (table->known)
            return 0;
        if (generation->retired || generation->ended)
            return -ESTALE;
        if (generation_failed_lately(table)) {
            if (failure != NULL)
                *failure = *table->failure;
            return -table->failure->code;
        }
        /* Who waited for the reading of others and died meanwhile does not begin his own. */
        if (called_off(cancelled))
            return -ECANCELED;
        if (!generation->scanning)
            return read_alone(generation, index, failure);
        pthread_cond_wait(&generation->scanned, &generation->lock);
    }
}

int generation_read_table(struct generation *generation, size_t index, const bool *cancelled,
                          struct failure *failure)
{
    struct waiter waiter = {.table = index, .cancelled = cancelled, .next = generation->waiters};

    generation->last_used_ns = clock_now_ns();
    /* cppcheck-suppress autoVariables ; taken off again below */
    generation->waiters = &waiter;

    int error = wait_and_read(generation, index, cancelled, failure);
    struct waiter **place = &generation->waiters;

    while (*place != &waiter)
        place = &(*place)->next;
    *place = waiter.next;
    return error;
}
