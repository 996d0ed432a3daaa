/* SPDX-License-Identifier: MIT */
/* How one table of a generation is read through, and what is noted of it. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/called_off.h"
#include "fs/base/clock.h"
#include "fs/table/indexed.h"
#include "fs/table/scan.h"
#include "fs/tree/generation_internal.h"

#define RETRY_AFTER_NS NS_PER_SECOND

bool generation_failed_lately(const struct generation_table *table)
{
    return table->failure != NULL && clock_now_ns() - table->failed_ns < RETRY_AFTER_NS;
}

void generation_note_failure(struct generation_table *table, const struct failure *failure)
{
    if (table->failure == NULL)
        table->failure = malloc(sizeof *table->failure);
    if (table->failure != NULL)
        *table->failure = *failure;
    table->failed_ns = clock_now_ns();
}

/* What the table's files show: the rows, and the names and types that stand around them. */
static void digest_table(const struct image *image, uint8_t digest[HISTORY_DIGEST_BYTES])
{
    struct image_identity identity = image_identity(image);
    const struct schema *schema = image_schema(image);
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, HISTORY_DIGEST_BYTES);
    crypto_generichash_update(&state, identity.digest, sizeof identity.digest);
    crypto_generichash_update(&state, (const uint8_t *)&identity.rows, sizeof identity.rows);
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct column *column = &schema->columns[i];

        crypto_generichash_update(&state, (const uint8_t *)column->name, strlen(column->name) + 1);
        crypto_generichash_update(&state, (const uint8_t *)&column->type, sizeof column->type);
    }
    crypto_generichash_final(&state, digest, HISTORY_DIGEST_BYTES);
}

uint64_t generation_cut_offset(const struct image *image, enum table_format format)
{
    size_t tail;

    format_tail(format, &tail);
    return image_size(image, format) - tail;
}

int generation_note_cut(struct generation *generation, size_t index)
{
    struct generation_table *table = &generation->tables[index];
    struct dataset *dataset = generation->dataset;
    const struct failure *why =
        indexed_dataset_is(dataset) ? indexed_dataset_failure(dataset, index) : NULL;

    if (why == NULL || table->cut != NULL)
        return 0;
    table->cut = malloc(sizeof *table->cut);
    if (table->cut == NULL)
        return -ENOMEM;
    *table->cut = *why;
    return 0;
}

void generation_note_known(struct generation *generation, size_t index)
{
    struct generation_table *table = &generation->tables[index];
    const struct image *image = table->image;
    struct history_entry entry = {
        .name = generation->files[index * FORMAT_COUNT].node.path,
        .serial = generation->options.serial,
        .changed = generation->changed,
    };

    /* It changes without the database. */
    if (generation->passing != NULL && generation->passing[index])
        clock_gettime(CLOCK_REALTIME, &entry.changed);
    digest_table(image, entry.digest);
    table->modified = history_time(generation->options.history, &entry);
    table->rows = image_rows(image);
    for (int i = 0; i < FORMAT_COUNT; i++)
        table->bytes[i] = table->cut == NULL
                              ? image_size(image, (enum table_format)i)
                              : generation_cut_offset(image, (enum table_format)i) + 1;
    table->known = true;
    free(table->failure);
    table->failure = NULL;
}

/* One table being read. */
struct table_bound {
    struct generation *generation;
    size_t table;
    bool for_anybody;     /* who waits for another table waits for this one, too */
    uint64_t deadline_ns; /* 0: none */
};

/*
 * Whether somebody still waits for it. A generation that is read before anyone knows it has
 * nobody who could stop waiting.
 */
static bool is_waited_for(const struct table_bound *bound)
{
    struct generation *generation = bound->generation;
    bool found = false;

    pthread_mutex_lock(&generation->lock);
    for (const struct waiter *waiter = generation->waiters; waiter != NULL && !found;
         waiter = waiter->next)
        found =
            (bound->for_anybody || waiter->table == bound->table) && !called_off(waiter->cancelled);
    found = found || generation->waiters == NULL;
    pthread_mutex_unlock(&generation->lock);
    return found;
}

static bool is_over(const struct table_bound *bound)
{
    return bound->deadline_ns != 0 && clock_now_ns() >= bound->deadline_ns;
}

static int look(void *context)
{
    const struct table_bound *bound = context;

    if (is_over(bound))
        return -ETIMEDOUT;
    return is_waited_for(bound) ? 0 : -ECANCELED;
}

/* For the status. TABLE NULL: nothing is read any more. */
static void note_reading(struct generation *generation, const char *table)
{
    pthread_mutex_lock(&generation->lock);
    generation->read_now = table;
    generation->read_since_ns = clock_now_ns();
    pthread_mutex_unlock(&generation->lock);
    __atomic_store_n(&generation->rows_now, 0, __ATOMIC_RELAXED);
}

/* What came of a table. That it took too long, or is wanted no more, is for the caller to note. */
static void note_result(struct generation *generation, size_t index, int error, struct image *image,
                        const struct failure *failure)
{
    pthread_mutex_lock(&generation->lock);
    if (error == 0) {
        generation->tables[index].image = image;
        generation->tables[index].read_ns = clock_now_ns();
        generation->tables[index].took_ns =
            generation->tables[index].read_ns - generation->read_since_ns;
        generation->tables[index].identity = generation->dataset->identity;
        if (!generation->dataset->hurry)
            generation_note_known(generation, index);
    } else if (error != -ECANCELED && error != -ETIMEDOUT) {
        generation_note_failure(&generation->tables[index], failure);
    }
    pthread_mutex_unlock(&generation->lock);
}

/* Once more if the spool had no room, and other tables can leave it. */
static int scan_into_spool(struct generation *generation, size_t index,
                           const struct scan_options *options, struct image **ret_image,
                           struct failure *failure)
{
    const struct generation_context *context = generation->options.context;
    int error = image_scan(generation->dataset, index, context->spool, options, ret_image, failure);

    if (error != -ENOSPC || context->relieve_spool == NULL)
        return error;
    context->relieve_spool(context->owner);
    return image_scan(generation->dataset, index, context->spool, options, ret_image, failure);
}

/* Without the lock. -ETIMEDOUT only after the bound's deadline. */
static int scan(struct table_bound bound, struct failure *failure)
{
    struct generation *generation = bound.generation;
    size_t index = bound.table;
    const struct generation_context *context = generation->options.context;
    struct scan_options options = {
        .threads = context->scan_threads,
        .cut_key = context->cut_key,
        .cancelled = context->cancelled,
        .bound = {look, &bound},
        .rows_done = &generation->rows_now,
    };
    struct failure own = {0};
    struct image *image = NULL;

    if (generation_find_kept(generation, index) == 0)
        return 0;
    note_reading(generation, generation->tables[index].schema->name);

    int error = generation_note_cut(generation, index);

    if (error == 0 && generation->tables[index].cut != NULL)
        error = indexed_dataset_begun_image(generation->dataset, index, &image, &own);
    else if (error == 0)
        error = scan_into_spool(generation, index, &options, &image, &own);
    if (error == -ETIMEDOUT && !is_over(&bound))
        error = failure_prefix(&own, EIO, "the source did not answer in time");
    if (error != 0 && own.code == 0)
        failure_set(&own, -error, "cannot read table %s: %s%s",
                    generation->tables[index].schema->name, strerror(-error),
                    error == -ENOMEM ? "; end other programs, or give the machine more" : "");
    if (error != 0 && failure != NULL)
        *failure = own;
    note_result(generation, index, error, image, &own);
    note_reading(generation, NULL);
    return error;
}

int generation_scan_again(struct generation *generation, size_t index, struct image **ret_image,
                          struct failure *failure)
{
    const struct generation_context *context = generation->options.context;
    const struct scan_options options = {
        .threads = context->scan_threads,
        .cut_key = context->cut_key,
        .cancelled = context->cancelled,
    };

    if (generation->tables[index].cut != NULL)
        return indexed_dataset_begun_image(generation->dataset, index, ret_image, failure);
    return image_scan(generation->dataset, index, context->spool, &options, ret_image, failure);
}

int generation_scan_table(struct generation *generation, size_t index, struct failure *failure)
{
    return scan((struct table_bound){generation, index, generation->dataset->hurry, 0}, failure);
}

/* The view is given up. */
static int refuse_view(struct generation *generation, size_t index, struct failure *failure)
{
    struct generation_table *table = &generation->tables[index];
    struct failure own;
    int error = view_bounds_refuse(generation->options.views, table->schema->name, &own);

    pthread_mutex_lock(&generation->lock);
    generation_note_failure(table, &own);
    pthread_mutex_unlock(&generation->lock);
    if (failure != NULL)
        *failure = own;
    return error;
}

int generation_scan_view(struct generation *generation, size_t index, struct failure *failure)
{
    struct view_bounds *views = generation->options.views;
    const char *name = generation->tables[index].schema->name;
    uint64_t timeout_ns = view_bounds_timeout(views);
    uint64_t now_ns = clock_now_ns();

    /* In a hurry as well: when whoever asked for it is dead, the others need not wait for it. */
    struct table_bound bound = {generation, index, false, 0};

    if (timeout_ns == 0)
        return scan(bound, failure);
    if (view_bounds_state(views, name, now_ns) == VIEW_GIVEN_UP)
        return refuse_view(generation, index, failure);

    bound.deadline_ns = now_ns + timeout_ns;

    int error = scan(bound, failure);

    if (error != -ETIMEDOUT)
        return error;
    view_bounds_note(views, name, VIEW_GIVEN_UP, clock_now_ns());
    return refuse_view(generation, index, failure);
}

int generation_try_view(struct generation *generation, size_t index, uint64_t deadline_ns)
{
    struct view_bounds *views = generation->options.views;
    const char *name = generation->tables[index].schema->name;

    if (view_bounds_state(views, name, clock_now_ns()) != VIEW_WELCOME)
        return 0;

    int error = scan((struct table_bound){generation, index, true, deadline_ns}, NULL);

    if (error == -ETIMEDOUT)
        view_bounds_note(views, name, VIEW_SLOW, clock_now_ns());
    return error;
}
