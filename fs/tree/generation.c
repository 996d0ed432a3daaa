/* SPDX-License-Identifier: MIT */
#include "fs/tree/generation.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/table/indexed.h"
#include "fs/tree/generation_internal.h"
#include "fs/tree/raw_folder.h"

static int make_file(struct generation *generation, size_t index)
{
    struct generation_file *file = &generation->files[index];
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/%s", generation->path, generation->set.names[index]) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    file->generation = generation;

    int error = node_init(&file->node, &generation_file_class, path);

    file->node.references = 0;
    return error;
}

/*
 * The folder's own time is that of its names: were it that of the data, tar would
 * see the folder change while it reads the files in it.
 */
static void note_names(struct generation *generation)
{
    struct history_entry entry = {
        .name = generation->path,
        .serial = generation->options.serial,
        .changed = generation->changed,
    };
    crypto_generichash_state state;

    crypto_generichash_init(&state, NULL, 0, sizeof entry.digest);
    for (size_t i = 0; i < generation->set.count; i++)
        crypto_generichash_update(&state, (const uint8_t *)generation->set.names[i],
                                  strlen(generation->set.names[i]) + 1);
    crypto_generichash_final(&state, entry.digest, sizeof entry.digest);
    generation->names_changed = history_time(generation->options.history, &entry);
}

/* An archive's members. */
static int make_raw(struct generation *generation)
{
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/" GENERATION_RAW, generation->path) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    return raw_folder_create(generation->dataset, path, &generation->raw);
}

/* Tables and files, from the dataset's catalogue. */
static int build_catalogue(struct generation *generation)
{
    struct dataset *dataset = generation->dataset;
    size_t count = dataset->class->table_count(dataset);
    cleanup_free const char **names = allocate_array(count, sizeof *names);
    cleanup_free bool *hidden = allocate_array(count, sizeof *hidden);
    size_t bytes = 0;

    generation->tables = allocate_array(count, sizeof *generation->tables);
    if (names == NULL || hidden == NULL || generation->tables == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        generation->tables[i].schema = schema_reference(dataset->class->schema(dataset, i));
        bytes += schema_memory_bytes(generation->tables[i].schema);
        names[i] = generation->tables[i].schema->name;
        hidden[i] = generation->tables[i].schema->is_statement;
        generation->table_count = i + 1;
    }

    generation->schema_bytes = bytes;
    render_cache_reserve(generation->options.context->cache, (int64_t)bytes);

    int error = file_set_create(names, hidden, count, &generation->set);

    if (error != 0)
        return error;
    generation->files = allocate_array(generation->set.count, sizeof *generation->files);
    if (generation->files == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < generation->set.count && error == 0; i++)
        error = make_file(generation, i);
    if (error == 0 && indexed_dataset_is(dataset))
        error = make_raw(generation);
    if (error == 0)
        note_names(generation);
    return error;
}

static void destroy(struct generation *generation)
{
    render_cache_reserve(generation->options.context->cache, -(int64_t)generation->schema_bytes);
    for (size_t i = 0; i < generation->set.count && generation->files != NULL; i++) {
        free(generation->files[i].node.path);
        extra_text_free(generation->files[i].text);
    }
    for (size_t i = 0; i < generation->table_count; i++) {
        schema_release(generation->tables[i].schema);
        image_release(generation->tables[i].image);
        free(generation->tables[i].failure);
        free(generation->tables[i].cut);
    }
    if (generation->dataset != NULL)
        generation->dataset->class->release(generation->dataset);
    node_release(generation->raw);
    free(generation->files);
    file_set_release(&generation->set);
    free(generation->tables);
    free(generation->passing);
    free(generation->source_name);
    free(generation->path);
    pthread_cond_destroy(&generation->scanned);
    pthread_mutex_destroy(&generation->lock);
    free(generation);
}

/* The lock is held, or nobody else knows the generation yet. */
static void close_dataset(struct generation *generation)
{
    if (generation->open) {
        generation->dataset->class->finish(generation->dataset);
        memory_trim(generation->schema_bytes); /* a database's own catalogue is about as large */
    }
    generation->open = false;
}

int generation_create(const struct generation_options *options, struct generation **ret_generation,
                      struct failure *failure)
{
    struct generation *generation = calloc(1, sizeof *generation);

    if (generation == NULL)
        return -ENOMEM;
    generation->references = 1;
    generation->options = *options;
    generation->last_used_ns = clock_now_ns();
    pthread_mutex_init(&generation->lock, NULL);
    pthread_cond_init(&generation->scanned, NULL);
    generation->source_name = strdup(options->source_name);
    generation->path = strdup(options->path);

    int error = generation->source_name == NULL || generation->path == NULL
                    ? -ENOMEM
                    : options->source->class->begin(options->source, &generation->dataset,
                                                    &generation->version, failure);

    if (error == 0) {
        /* Beginning may have taken its time: what is new is not idle. */
        generation->begun_ns = generation->last_used_ns = clock_now_ns();
        generation->open = true;
        generation->changed = generation->dataset->changed;
        generation->identity = generation->dataset->identity;
        error = build_catalogue(generation);
    }
    if (error != 0) {
        destroy(generation);
        return error;
    }
    if (options->before != NULL)
        generation_inherit(generation, options->before);
    if (generation->dataset->hurry && options->at_once)
        error = generation_read_all(generation, failure);
    if (error != 0) {
        destroy(generation);
        return error;
    }
    /* Its lock would hold writers up until somebody reads a table. */
    if (generation->dataset->hurry)
        close_dataset(generation);
    *ret_generation = generation;
    return 0;
}

struct timespec generation_names_changed(const struct generation *generation)
{
    return generation->names_changed;
}

void generation_reference(struct generation *generation)
{
    __atomic_add_fetch(&generation->references, 1, __ATOMIC_RELAXED);
}

void generation_release(struct generation *generation)
{
    if (__atomic_sub_fetch(&generation->references, 1, __ATOMIC_ACQ_REL) == 0)
        destroy(generation);
}

struct node *generation_raw(const struct generation *generation)
{
    return generation->raw;
}

const struct source_version *generation_version(const struct generation *generation)
{
    return &generation->version;
}

struct timespec generation_changed(const struct generation *generation)
{
    return generation->changed;
}

void generation_retire_if_due(struct generation *generation)
{
    /* Open files have their images: a file left open is to hold nobody's transaction. */
    if (generation->superseded && generation->pins == 0 && !generation->scanning)
        close_dataset(generation);
    if (!generation->superseded || generation->users != 0 || generation->scanning ||
        generation->retired)
        return;
    generation->retired = true;
    for (size_t i = 0; i < generation->table_count; i++) {
        image_release(generation->tables[i].image);
        generation->tables[i].image = NULL;
    }
    close_dataset(generation);
    generation->dataset->class->release(generation->dataset);
    generation->dataset = NULL;
}

void generation_use(struct generation *generation)
{
    generation_reference(generation);
    pthread_mutex_lock(&generation->lock);
    generation->users++;
    generation->last_used_ns = clock_now_ns();
    pthread_mutex_unlock(&generation->lock);
}

void generation_leave(struct generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    generation->users--;
    generation->last_used_ns = clock_now_ns();
    generation_retire_if_due(generation);
    pthread_mutex_unlock(&generation->lock);
    generation_release(generation);
}

void generation_pin(struct generation *generation)
{
    generation_reference(generation);
    pthread_mutex_lock(&generation->lock);
    generation->users++;
    generation->pins++;
    pthread_mutex_unlock(&generation->lock);
}

void generation_unpin(struct generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    generation->pins--;
    pthread_mutex_unlock(&generation->lock);
    generation_leave(generation);
}

void generation_supersede(struct generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    generation->superseded = true;
    generation_retire_if_due(generation);
    pthread_mutex_unlock(&generation->lock);
}

bool generation_has_ended(struct generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    bool ended = generation->ended;

    pthread_mutex_unlock(&generation->lock);
    return ended;
}

int generation_tell_end(struct generation *generation, struct failure *failure)
{
    struct failure ending;

    pthread_mutex_lock(&generation->lock);
    ending = generation->ending;
    pthread_mutex_unlock(&generation->lock);
    return failure_set(failure, EIO,
                       "%.600s; what was read of %s before is of an older moment, which this can "
                       "not be shown of: list the folder and read it anew, or take a snapshot",
                       ending.code != 0 ? ending.text : "the database has changed",
                       generation->path);
}

bool generation_is_retired(struct generation *generation)
{
    pthread_mutex_lock(&generation->lock);
    bool retired = generation->retired;

    pthread_mutex_unlock(&generation->lock);
    return retired;
}

/* The lock is held. */
static bool is_at_rest(const struct generation *generation, uint64_t idle_ns, uint64_t walk_idle_ns)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t read_ns = __atomic_load_n(&generation->last_read_ns, __ATOMIC_RELAXED);

    if (generation->pins == 0)
        return now_ns - generation->last_used_ns > idle_ns;
    return now_ns - generation->last_used_ns > walk_idle_ns && now_ns - read_ns > walk_idle_ns;
}

void generation_rest(struct generation *generation, uint64_t idle_ns, uint64_t walk_idle_ns)
{
    pthread_mutex_lock(&generation->lock);
    if (generation->open && !generation->scanning && is_at_rest(generation, idle_ns, walk_idle_ns))
        close_dataset(generation);
    pthread_mutex_unlock(&generation->lock);
}

bool generation_is_read(struct generation *generation, size_t table)
{
    pthread_mutex_lock(&generation->lock);
    bool known = generation->tables[table].known;

    pthread_mutex_unlock(&generation->lock);
    return known;
}
