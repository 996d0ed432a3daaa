/* SPDX-License-Identifier: MIT */
/* The batch of all that is stored until the next commit, from its beginning to its end. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/files/batch.h"

int batch_avoid_marked(struct files *files)
{
    int error = 0;

    object_batch_watch(files->batch, &files->own.lock, files->state.sequence);

    for (size_t i = 0; i < files->state.mark_count && error == 0; i++) {
        const char *pack = files->state.marks[i].pack;

        error = object_batch_avoid(files->batch, &pack, 1);
    }
    return error;
}

static int note_packs(struct files *files, const char *const *names, size_t count)
{
    struct pack_names *packs = &files->packs;
    char **grown = reallocarray(packs->names, packs->count + count + 1, sizeof *grown);

    if (grown == NULL)
        return -ENOMEM;
    packs->names = grown;
    for (size_t i = 0; i < count; i++) {
        char *name = strdup(names[i]);

        if (name == NULL)
            return -ENOMEM;
        packs->names[packs->count++] = name;
    }
    return 0;
}

static int note_relied(struct files *files, const struct object_batch *batch)
{
    struct hint_list *relied = &files->relied;
    const uint64_t *hints;
    size_t count;

    object_batch_relied(batch, &hints, &count);
    if (count == 0)
        return 0;

    uint64_t *grown = reallocarray(relied->hints, relied->count + count, sizeof *grown);

    if (grown == NULL)
        return -ENOMEM;
    memcpy(grown + relied->count, hints, count * sizeof *hints);
    relied->hints = grown;
    relied->count += count;
    return 0;
}

static void end_writers(struct files *files)
{
    while (files->writer_count > 0) {
        struct object_writer *writer = files->writers[--files->writer_count];

        (void)object_writer_finish(writer);
        object_writer_free(writer);
    }
}

/* What it says of packs is kept. */
void batch_drop(struct files *files)
{
    struct object_batch *batch = steal_pointer(&files->batch);
    const char *const *names;
    size_t count;

    if (batch == NULL)
        return;
    end_writers(files);
    object_batch_packs(batch, &names, &count);
    if (note_packs(files, names, count) == 0)
        (void)note_relied(files, batch);
    object_batch_free(batch);
}

/* An index only saves time: it can be made from the packs. */
static void finish_batch(struct object_batch *batch)
{
    const char *const *names;
    size_t count;
    uint64_t stored;

    if (batch != NULL)
        (void)object_batch_finish(batch, &names, &count, &stored, NULL);
    object_batch_free(batch);
}

/* Whether others have changed the store since it was looked at last. */
static bool is_changed(struct files *files)
{
    uint64_t before = files->state.sequence;

    return log_read(files->options.store, &files->state, NULL) == 0 &&
           files->state.sequence != before;
}

void batch_look_at_log(struct files *files)
{
    const char *const *names;
    size_t count;

    while (files->renewing)
        pthread_cond_wait(&files->moved, &files->lock);
    if (files->rounds > 0 || (files->batch != NULL && !files->settled) || !is_changed(files) ||
        files->batch == NULL)
        return;
    object_batch_packs(files->batch, &names, &count);
    if (note_packs(files, names, count) != 0 || note_relied(files, files->batch) != 0)
        return;
    end_writers(files);

    struct object_batch *batch = steal_pointer(&files->batch);

    files->renewing = true;
    pthread_mutex_unlock(&files->lock);
    finish_batch(batch);
    pthread_mutex_lock(&files->lock);
    files->renewing = false;
    pthread_cond_broadcast(&files->moved);
}

int batch_begin_writing(struct files *files, struct object_writer **ret_writer,
                        struct failure *failure)
{
    int error = 0;

    files->settled = false;
    if (files->batch == NULL) {
        error = object_batch_create(files->options.store, files->options.reader, &files->batch,
                                    failure);
        if (error == 0) {
            object_batch_pad_closely(files->batch);
            error = batch_avoid_marked(files);
        }
    }
    if (error != 0)
        return error;
    if (files->writer_count > 0) {
        *ret_writer = files->writers[--files->writer_count];
        return 0;
    }
    return object_writer_create(files->batch, ret_writer, failure);
}

void batch_end_writing(struct files *files, struct object_writer *writer, int error)
{
    if (error == 0 && files->writer_count < STORERS_MOST) {
        files->writers[files->writer_count++] = writer;
        return;
    }
    /* One that failed has told the batch. */
    (void)object_writer_finish(writer);
    object_writer_free(writer);
}

int batch_settle(struct files *files, uint64_t *ret_stored, struct failure *failure)
{
    struct object_batch *batch = files->batch;
    const char *const *names;
    size_t count;
    int error = object_batch_settle(batch, failure);

    if (error != 0)
        return error;
    object_batch_packs(batch, &names, &count);
    *ret_stored = object_batch_stored_bytes(batch);
    error = note_packs(files, names, count);
    if (error == 0)
        error = note_relied(files, batch);
    if (error == 0)
        object_batch_renew(batch);
    return error;
}

void batch_end(struct files *files)
{
    end_writers(files);
    finish_batch(steal_pointer(&files->batch));
}
