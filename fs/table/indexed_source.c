/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "fs/base/buffer.h"
#include "fs/table/indexed_internal.h"

static int source_begin(struct source *base, struct dataset **ret_dataset,
                        struct source_version *ret_version, struct failure *failure);

static int source_version(struct source *base, struct source_version *ret_version,
                          struct failure *failure)
{
    struct source *stream = ((struct indexed_source *)base)->stream;

    return stream->class->version(stream, ret_version, failure);
}

struct source *indexed_source_stream(const struct indexed_source *source)
{
    return source->stream;
}

struct spool *indexed_source_spool(const struct indexed_source *source)
{
    return source->options.spool;
}

int indexed_source_read_again(struct indexed_source *source, const struct edition *kept,
                              struct edition **ret_full, struct failure *failure)
{
    struct source_version version;

    pthread_mutex_lock(&source->lock);

    int error = source_version(&source->source, &version, failure);

    if (error == 0 && !same_version(&version, &kept->version))
        error = failure_set(failure, ESTALE, "it has changed since it was read");
    /* Somebody may have read it again already. */
    if (error == 0 && source->next == NULL &&
        (source->edition == NULL || source->edition->intake == NULL))
        error = indexed_pass_start(source, &version, failure);
    if (error == 0)
        error = indexed_pass_await(source, failure);
    if (error == 0 && (source->edition->intake == NULL ||
                       !same_version(&source->edition->version, &kept->version)))
        error = failure_set(failure, ESTALE, "it has changed since it was read");
    if (error == 0)
        *ret_full = edition_reference(source->edition);
    pthread_mutex_unlock(&source->lock);
    return error;
}

bool indexed_source_is(const struct source *source)
{
    return source->class->begin == source_begin;
}

bool indexed_source_is_read(struct source *base)
{
    struct indexed_source *source = (struct indexed_source *)base;

    struct source_version version;

    pthread_mutex_lock(&source->lock);
    bool read = source->edition != NULL && source->next == NULL &&
                source_version(base, &version, NULL) == 0 &&
                same_version(&version, &source->edition->version);

    pthread_mutex_unlock(&source->lock);
    return read;
}

/* Whether what is being read is still what it was when it was begun. */
static bool holds(struct indexed_source *source, const struct edition *edition)
{
    struct source_version version;

    return source_version(&source->source, &version, NULL) == 0 &&
           same_version(&version, &edition->version);
}

int indexed_source_early(struct source *base, const char *name, const bool *cancelled,
                         struct image **ret_image, struct timespec *ret_modified,
                         struct failure *failure)
{
    struct indexed_source *source = (struct indexed_source *)base;
    struct edition *edition = NULL;
    struct image *image = NULL;

    pthread_mutex_lock(&source->lock);
    if (indexed_pass_see_to(source, failure) == 0 && source->next != NULL)
        edition = edition_reference(source->next);
    pthread_mutex_unlock(&source->lock);
    if (edition == NULL)
        return -EAGAIN;

    int error = intake_early_image(edition->intake, name, cancelled, &image, failure);

    if (error == 0 && !holds(source, edition)) {
        image_release(image);
        error = intake_early_image(edition->intake, NULL, cancelled, &image, failure);
    }
    if (error == 0) {
        *ret_image = image;
        *ret_modified = edition->modified;
    }
    edition_release(edition);
    return error;
}

/* --- sources ------------------------------------------------------------------------------ */

static int source_begin(struct source *base, struct dataset **ret_dataset,
                        struct source_version *ret_version, struct failure *failure)
{
    struct indexed_source *source = (struct indexed_source *)base;

    pthread_mutex_lock(&source->lock);

    int error = indexed_pass_see_to(source, failure);

    if (error == 0)
        error = indexed_pass_await(source, failure);
    if (error == 0)
        error = edition_dataset(source->edition, ret_dataset);
    if (error == 0)
        *ret_version = source->edition->version;
    pthread_mutex_unlock(&source->lock);
    return error;
}

static int source_status(struct source *base, struct buffer *text)
{
    struct indexed_source *source = (struct indexed_source *)base;

    pthread_mutex_lock(&source->lock);
    bool reading = source->next != NULL;
    bool kept = source->edition != NULL && source->edition->intake == NULL;

    pthread_mutex_unlock(&source->lock);
    uint64_t rows = __atomic_load_n(&source->rows_done, __ATOMIC_RELAXED);
    int error =
        buffer_print(text, ",\"indexing\":%s,\"index_kept\":%s,\"rows_indexed\":%llu",
                     reading ? "true" : "false", kept ? "true" : "false", (unsigned long long)rows);

    if (error == 0 && source->stream->class->status != NULL)
        error = source->stream->class->status(source->stream, text);
    return error;
}

static void source_close(struct source *base)
{
    struct indexed_source *source = (struct indexed_source *)base;

    indexed_pass_join(source);
    edition_release(source->edition);
    source->stream->class->close(source->stream);
    pthread_cond_destroy(&source->passed);
    pthread_mutex_destroy(&source->lock);
    free(source);
}

int indexed_source_create(struct source *stream, const struct indexed_options *options,
                          struct source **ret_source)
{
    struct indexed_source *source = calloc(1, sizeof *source);

    if (source == NULL) {
        stream->class->close(stream);
        return -ENOMEM;
    }
    source->class = (struct source_class){
        .kind = stream->class->kind,
        .version = source_version,
        .begin = source_begin,
        .status = source_status,
        .close = source_close,
    };
    source->source.class = &source->class;
    source->stream = stream;
    source->options = *options;
    pthread_mutex_init(&source->lock, NULL);
    pthread_cond_init(&source->passed, NULL);
    *ret_source = &source->source;
    return 0;
}
