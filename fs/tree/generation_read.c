/* SPDX-License-Identifier: MIT */
/* How a generation's tables are read through: fs/tree/generation.h has the states. */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/table/scan.h"
#include "fs/tree/clock.h"
#include "fs/tree/generation_internal.h"

#define RETRY_AFTER_NS NS_PER_SECOND

bool generation_failed_lately(const struct generation_table *table)
{
    return table->failure != NULL && clock_now_ns() - table->failed_ns < RETRY_AFTER_NS;
}

static void note_failure(struct generation_table *table, const struct failure *failure)
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

/* The table's image can be told of: from now on its sizes are known. The lock is held. */
static void note_known(struct generation *generation, size_t index)
{
    struct generation_table *table = &generation->tables[index];
    const struct image *image = table->image;
    struct history_entry entry = {
        .name = generation->files[index * FORMAT_COUNT].node.path,
        .serial = generation->options.serial,
        .changed = generation->changed,
    };

    digest_table(image, entry.digest);
    table->modified = history_time(generation->options.history, &entry);
    table->rows = image_rows(image);
    for (int i = 0; i < FORMAT_COUNT; i++)
        table->bytes[i] = image_size(image, (enum table_format)i);
    table->known = true;
    free(table->failure);
    table->failure = NULL;
}

/*
 * One table, without the lock; its result is noted under it. In a hurry it becomes
 * known only when the source has confirmed that all that was read is one moment.
 */
static int scan_table(struct generation *generation, size_t index, struct failure *failure)
{
    const struct generation_context *context = generation->options.context;
    struct scan_options options = {
        .threads = context->scan_threads,
        .cut_key = context->cut_key,
        .cancelled = context->cancelled,
    };
    struct failure own = {0};
    struct image *image;
    int error = image_scan(generation->dataset, index, context->spool, &options, &image, &own);

    if (error != 0) {
        if (own.code == 0)
            failure_set(&own, -error, "cannot read table %s: %s",
                        generation->tables[index].schema->name, strerror(-error));
        if (failure != NULL)
            *failure = own;
    }
    pthread_mutex_lock(&generation->lock);
    if (error == 0) {
        generation->tables[index].image = image;
        if (!generation->dataset->hurry)
            note_known(generation, index);
    } else {
        note_failure(&generation->tables[index], &own);
    }
    pthread_mutex_unlock(&generation->lock);
    return error;
}

/* Asks the source for the generation's moment again. Without the lock; only the scanning thread. */
static int reopen(struct generation *generation, struct failure *failure)
{
    struct source *source = generation->options.source;
    struct source_version version;
    struct dataset *dataset;
    int error = source->class->begin(source, &dataset, &version, failure);

    if (error != 0)
        return error;
    if (memcmp(&version, &generation->version, sizeof version) != 0) {
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

/* What has been read and not been told becomes known, or is forgotten. */
static void settle_images(struct generation *generation, bool confirmed)
{
    pthread_mutex_lock(&generation->lock);
    for (size_t i = 0; i < generation->table_count; i++) {
        struct generation_table *table = &generation->tables[i];

        if (table->image == NULL || table->known)
            continue;
        if (confirmed) {
            note_known(generation, i);
        } else {
            image_release(table->image);
            table->image = NULL;
        }
    }
    pthread_mutex_unlock(&generation->lock);
}

static void finish(struct generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    generation->open = false;
    pthread_mutex_unlock(&generation->lock);
    generation->dataset->class->finish(generation->dataset);
}

/*
 * All tables at once, the one asked for first, views last, and then the lock is given back.
 * A table that fails keeps its error; the others do not suffer. None of this is
 * told to anyone before the source has confirmed that it was one moment.
 */
static int scan_all(struct generation *generation, size_t first, struct failure *failure)
{
    int result = scan_table(generation, first, failure);

    for (int views = 0; views <= 1; views++) {
        for (size_t i = 0; i < generation->table_count && result != -ECANCELED; i++) {
            const struct generation_table *table = &generation->tables[i];

            if (!table->known && i != first && (table->schema->kind == RELATION_VIEW) == views)
                scan_table(generation, i, NULL);
        }
    }

    int error = generation->dataset->class->verify(generation->dataset, failure);

    finish(generation);
    settle_images(generation, error == 0);
    return error != 0 ? error : result;
}

int generation_read_all(struct generation *generation, struct failure *failure)
{
    int error = generation->table_count == 0 ? 0 : scan_all(generation, 0, failure);

    return error == -ESTALE || error == -ECANCELED ? error : 0;
}

static bool all_known(const struct generation *generation)
{
    for (size_t i = 0; i < generation->table_count; i++) {
        if (!generation->tables[i].known)
            return false;
    }
    return true;
}

/* Without the lock; only the scanning thread. */
static int read_table(struct generation *generation, size_t table, struct failure *failure)
{
    int error = generation->open ? 0 : reopen(generation, failure);

    if (error != 0)
        return error;
    if (generation->dataset->hurry)
        return scan_all(generation, table, failure);
    error = scan_table(generation, table, failure);
    if (error == 0 && all_known(generation))
        finish(generation);
    return error;
}

int generation_read_table(struct generation *generation, size_t index, struct failure *failure)
{
    struct generation_table *table = &generation->tables[index];

    generation->last_used_ns = clock_now_ns();
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
        if (!generation->scanning)
            break;
        pthread_cond_wait(&generation->scanned, &generation->lock);
    }
    generation->scanning = true;
    pthread_mutex_unlock(&generation->lock);

    int error = read_table(generation, index, failure);

    pthread_mutex_lock(&generation->lock);
    generation->scanning = false;
    generation->last_used_ns = clock_now_ns();
    if (error == -ESTALE)
        generation->ended = true;
    else if (error != 0 && !generation_failed_lately(table) && failure != NULL &&
             failure->code != 0)
        note_failure(table, failure);
    generation_retire_if_due(generation);
    pthread_cond_broadcast(&generation->scanned);
    return error;
}
