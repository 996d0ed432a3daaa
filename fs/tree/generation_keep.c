/* SPDX-License-Identifier: MIT */
/* What of a generation outlives the mount, and what becomes of it when that is damaged. */
#include <errno.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/table/index_catalogue.h"
#include "fs/table/indexed.h"
#include "fs/tree/generation_internal.h"

/*
 * A table's content is that of its dataset; what a view or a virtual table shows may depend on
 * anything, but for an archive's, which are read once.
 */
static bool can_be_kept(const struct generation *generation, size_t index,
                        const struct source_identity *identity)
{
    return generation->options.context->keeper != NULL && identity->known &&
           (generation->tables[index].schema->kind == RELATION_TABLE ||
            generation->tables[index].schema->kind == RELATION_STORED_VIEW ||
            indexed_source_is(generation->options.source));
}

static const char *path_of(const struct generation *generation, size_t index)
{
    return generation->files[index * FORMAT_COUNT].node.path;
}

int generation_find_kept(struct generation *generation, size_t index)
{
    struct generation_table *table = &generation->tables[index];
    struct image *image;

    if (!can_be_kept(generation, index, &generation->identity))
        return -ENOENT;

    int error = keeper_find(generation->options.context->keeper, &generation->identity,
                            table->schema, path_of(generation, index), &image);

    if (error == 0)
        error = generation_note_cut(generation, index);
    if (error != 0)
        return error;
    pthread_mutex_lock(&generation->lock);
    table->image = image;
    table->kept = true;
    generation_note_known(generation, index);
    pthread_mutex_unlock(&generation->lock);
    return 0;
}

static bool is_due(const struct generation *generation, size_t index)
{
    const struct generation_table *table = &generation->tables[index];

    return table->known && table->image != NULL && !table->kept &&
           can_be_kept(generation, index, &table->identity);
}

/* Whether an archive can be kept as a whole: tables that nobody has asked for, too. */
static bool is_archive_due(const struct generation *generation)
{
    return generation->options.context->keeper != NULL && !generation->archive_kept &&
           generation->identity.known && indexed_dataset_is(generation->dataset) &&
           indexed_dataset_is_complete(generation->dataset);
}

/* The lock is held; nothing takes long. */
static void keep_archive(struct generation *generation)
{
    struct keeper *keeper = generation->options.context->keeper;
    cleanup_buffer struct buffer encoded = BUFFER(INDEX_CATALOGUE_LIMIT);

    generation->archive_kept = true;
    if (indexed_dataset_encode(generation->dataset, &encoded) != 0)
        return;
    for (size_t i = 0; i < generation->table_count; i++) {
        struct image *image;

        if (generation->tables[i].kept ||
            indexed_dataset_begun_image(generation->dataset, i, &image, NULL) != 0)
            continue;
        keeper_keep(keeper, &generation->identity, image);
        generation->tables[i].kept = true;
        image_release(image);
    }
    keeper_keep_catalogue(keeper, &generation->identity, &encoded);
}

/* The lock is held. */
static bool has_due(const struct generation *generation, uint64_t idle_ns)
{
    uint64_t last_ns = __atomic_load_n(&generation->last_read_ns, __ATOMIC_RELAXED);

    if (last_ns < generation->last_used_ns)
        last_ns = generation->last_used_ns;
    if (generation->superseded || generation->ended || generation->scanning ||
        clock_now_ns() - last_ns < idle_ns)
        return false;
    if (is_archive_due(generation))
        return true;
    for (size_t i = 0; i < generation->table_count; i++) {
        if (is_due(generation, i))
            return true;
    }
    return false;
}

static bool is_current(struct generation *generation)
{
    struct source *source = generation->options.source;
    struct source_version version;

    return source->class->version(source, &version, NULL) == 0 &&
           memcmp(&version, &generation->version, sizeof version) == 0;
}

void generation_keep(struct generation *generation, uint64_t idle_ns)
{
    pthread_mutex_lock(&generation->lock);
    bool due = has_due(generation, idle_ns);

    pthread_mutex_unlock(&generation->lock);
    if (!due || !is_current(generation))
        return;
    pthread_mutex_lock(&generation->lock);
    if (!generation->retired && is_archive_due(generation))
        keep_archive(generation);
    for (size_t i = 0; i < generation->table_count; i++) {
        struct generation_table *table = &generation->tables[i];

        if (!is_due(generation, i))
            continue;
        keeper_keep(generation->options.context->keeper, &table->identity, table->image);
        table->kept = true;
    }
    pthread_mutex_unlock(&generation->lock);
}

/* ---- What is kept need not stand in the spool ---- */

static bool shows_the_same(const struct image *left, const struct image *right);

/* A table's image, referenced, if it stands in the spool and was given to be kept; or NULL. */
static struct image *find_spooled(struct generation *generation, size_t index,
                                  struct source_identity *ret_identity)
{
    const struct generation_table *table = &generation->tables[index];
    struct image *image = NULL;

    pthread_mutex_lock(&generation->lock);
    if (table->kept && table->image != NULL && !image_is_kept(table->image)) {
        image = image_reference(table->image);
        *ret_identity = table->identity;
    }
    pthread_mutex_unlock(&generation->lock);
    return image;
}

/* What is open stays as it was opened: it keeps its part of the spool. */
static void exchange_image(struct generation *generation, size_t index, const struct image *spooled,
                           struct image *kept)
{
    struct generation_table *table = &generation->tables[index];

    pthread_mutex_lock(&generation->lock);
    if (table->image == spooled && shows_the_same(spooled, kept)) {
        image_release(table->image);
        table->image = image_reference(kept);
    }
    pthread_mutex_unlock(&generation->lock);
}

void generation_leave_spool(struct generation *generation)
{
    /* An archive's tables stand there as long as it does. */
    if (indexed_source_is(generation->options.source))
        return;
    for (size_t i = 0; i < generation->table_count; i++) {
        struct source_identity identity;
        struct image *spooled = find_spooled(generation, i, &identity);
        struct image *kept;

        if (spooled != NULL &&
            keeper_find(generation->options.context->keeper, &identity, image_schema(spooled),
                        path_of(generation, i), &kept) == 0) {
            exchange_image(generation, i, spooled, kept);
            image_release(kept);
        }
        image_release(spooled);
    }
}

/* ---- What was kept and is lost ---- */

static bool shows_the_same(const struct image *left, const struct image *right)
{
    struct image_identity one = image_identity(left);
    struct image_identity other = image_identity(right);

    for (int format = 0; format < FORMAT_COUNT; format++) {
        if (image_size(left, (enum table_format)format) !=
            image_size(right, (enum table_format)format))
            return false;
    }
    return one.rows == other.rows && memcmp(one.digest, other.digest, sizeof one.digest) == 0;
}

/* The table read again, as it was. Without the lock; only the scanning thread. */
static int read_again(struct generation *generation, size_t index, const struct image *lost,
                      struct image **ret_image, struct failure *failure)
{
    struct image *image = NULL;
    int error = generation_reopen(generation, failure);

    if (error == 0)
        error = generation_scan_again(generation, index, &image, failure);
    if (error == 0 && generation->dataset->hurry) {
        error = generation->dataset->class->verify(generation->dataset, failure);
        generation_finish(generation);
    }
    if (error == 0 && !shows_the_same(image, lost))
        error = -ESTALE;
    if (error == 0)
        *ret_image = image;
    else
        image_release(image);
    return error;
}

/* Waits until nobody else reads tables. The image, if another thread was faster. The lock is held.
 */
static struct image *await_turn(struct generation *generation, const struct generation_table *table,
                                const struct image *lost)
{
    while (generation->scanning)
        pthread_cond_wait(&generation->scanned, &generation->lock);
    return table->image != NULL && table->image != lost ? image_reference(table->image) : NULL;
}

int generation_replace_image(struct generation *generation, size_t index, const struct image *lost,
                             struct image **ret_image, struct failure *failure)
{
    struct generation_table *table = &generation->tables[index];
    struct image *image = NULL;
    struct failure own = {.code = 0};

    pthread_mutex_lock(&generation->lock);
    *ret_image = await_turn(generation, table, lost);
    if (*ret_image != NULL) {
        pthread_mutex_unlock(&generation->lock);
        return 0;
    }
    generation->scanning = true;
    pthread_mutex_unlock(&generation->lock);

    int error = read_again(generation, index, lost, &image, &own);

    pthread_mutex_lock(&generation->lock);
    generation->scanning = false;
    generation->last_used_ns = clock_now_ns();
    if (error == -ESTALE) {
        generation->ended = true; /* whoever looks again finds the next one */
        generation->ending = (struct failure){.code = 0};
        error = failure_set(&own, EIO,
                            "what was kept of table %s is damaged, and the database has changed "
                            "since: open the file again to see it as it is now",
                            table->schema->name);
    }
    if (error == 0 && table->image != NULL) {
        image_release(table->image);
        table->image = image_reference(image);
        table->identity = generation->dataset->identity;
        table->kept = false;
    }
    generation_retire_if_due(generation);
    pthread_cond_broadcast(&generation->scanned);
    pthread_mutex_unlock(&generation->lock);
    if (error == 0)
        *ret_image = image;
    else if (failure != NULL)
        *failure = own;
    return error;
}
