/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "fs/base/buffer.h"
#include "fs/base/clock.h"
#include "fs/table/indexed_internal.h"
#include "fs/table/kept_image.h"

#define RETRY_AFTER_NS NS_PER_SECOND

struct indexed_source {
    struct source source;
    struct source_class class; /* the stream's kind in it */
    struct source *stream;
    struct indexed_options options;
    uint64_t rows_done; /* atomic; of the pass under way, or the last */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t passed;
    struct edition *edition; /* NULL: not read yet */
    struct edition *next;    /* that a thread is making; NULL: none is */
    uint64_t passes;         /* that have ended */
    bool has_thread;         /* it is to be joined, when next is NULL */
    bool leave_off;          /* atomic: … and is not to settle more tables */
    pthread_t thread;
    /* Of the last pass, if it failed: */
    struct failure failure; /* code 0: it did not */
    struct source_version failed_version;
    uint64_t failed_ns;
};

static int source_begin(struct source *base, struct dataset **ret_dataset,
                        struct source_version *ret_version, struct failure *failure);

static int source_version(struct source *base, struct source_version *ret_version,
                          struct failure *failure)
{
    struct source *stream = ((struct indexed_source *)base)->stream;

    return stream->class->version(stream, ret_version, failure);
}

/* --- reading the stream ------------------------------------------------------------------- */

/* Without the lock, by the source's thread. */
static int read_stream(struct indexed_source *source, struct edition *edition,
                       struct failure *failure)
{
    struct source_version version;
    int error = source->stream->class->stream(source->stream, intake_taker(edition->intake),
                                              &version, &edition->modified, failure);

    if (error == 0 && !same_version(&version, &edition->version))
        error = failure_set(failure, ESTALE, "it was replaced when it was about to be read");
    if (error == 0)
        error = intake_end(edition->intake, failure);
    edition->changed = edition->modified;
    if (error == 0) {
        intake_moment(edition->intake, &edition->changed);
        edition->kind = intake_kind(edition->intake);
    }
    return error;
}

static bool is_left_off(const struct indexed_source *source)
{
    const bool *cancelled = source->options.cancelled;

    return __atomic_load_n(&source->leave_off, __ATOMIC_RELAXED) ||
           (cancelled != NULL && __atomic_load_n(cancelled, __ATOMIC_RELAXED));
}

/* What is to be kept is sorted before somebody asks for it. */
static void settle_all(struct indexed_source *source, struct edition *edition)
{
    if (source->options.cache == NULL || !edition->identity.known ||
        !intake_is_lasting(edition->intake))
        return;
    for (size_t i = 0; i < intake_table_count(edition->intake); i++) {
        struct image *image;

        if (is_left_off(source))
            return;
        if (intake_begun_image(edition->intake, i, &image, NULL) != 0)
            return;
        image_release(image);
    }
    __atomic_store_n(&edition->complete, true, __ATOMIC_RELEASE);
}

static void *run_pass(void *argument)
{
    struct indexed_source *source = argument;
    struct edition *edition = source->next;
    struct turns *turns = source->options.turns;
    bool has_turn = turns == NULL || turns_take(turns, source->options.cancelled);
    struct failure failure = {.code = 0};
    int error = has_turn ? read_stream(source, edition, &failure) : -ECANCELED;

    if (error != 0 && failure.code == 0)
        failure_set(&failure, -error, "it cannot be read through: %s", strerror(-error));
    pthread_mutex_lock(&source->lock);
    source->next = NULL;
    source->passes++;
    source->failure = failure;
    if (error == 0) {
        source->edition = edition_reference(edition);
    } else {
        source->failed_version = edition->version;
        source->failed_ns = clock_now_ns();
    }
    pthread_cond_broadcast(&source->passed);
    pthread_mutex_unlock(&source->lock);
    intake_close(edition->intake);
    if (error == 0)
        settle_all(source, edition);
    edition_release(edition);
    if (turns != NULL && has_turn)
        turns_give_back(turns);
    return NULL;
}

static int create_edition(struct indexed_source *source, const struct source_version *version,
                          struct edition **ret_edition)
{
    struct intake_options options = {
        .spool = source->options.spool,
        .cancelled = source->options.cancelled,
        .rows_done = &source->rows_done,
        .report = source->options.report,
        .report_context = source->options.report_context,
    };
    struct edition *edition = edition_create(source, version);

    if (edition == NULL)
        return -ENOMEM;
    edition->intake = intake_create(&options);
    if (edition->intake == NULL) {
        edition_release(edition);
        return -ENOMEM;
    }
    *ret_edition = edition;
    return 0;
}

struct source *indexed_source_stream(const struct indexed_source *source)
{
    return source->stream;
}

struct spool *indexed_source_spool(const struct indexed_source *source)
{
    return source->options.spool;
}

/* The lock is held, as for all below. */
static void join_pass(struct indexed_source *source)
{
    __atomic_store_n(&source->leave_off, true, __ATOMIC_RELAXED);
    if (source->has_thread)
        pthread_join(source->thread, NULL);
    source->has_thread = false;
    __atomic_store_n(&source->leave_off, false, __ATOMIC_RELAXED);
}

static int start_pass(struct indexed_source *source, const struct source_version *version,
                      struct failure *failure)
{
    join_pass(source);
    edition_release(source->edition); /* what it holds of the spool is given back first */
    source->edition = NULL;
    __atomic_store_n(&source->rows_done, 0, __ATOMIC_RELAXED);

    int error = create_edition(source, version, &source->next);

    if (error != 0)
        return error;
    if (source->options.cache != NULL && source->stream->class->identify != NULL)
        source->stream->class->identify(source->stream, &source->next->identity);
    error = -pthread_create(&source->thread, NULL, run_pass, source);
    source->has_thread = error == 0;
    if (error != 0) {
        edition_release(source->next);
        source->next = NULL;
        return failure_set(failure, -error, "no thread to read it with: %s", strerror(-error));
    }
    return 0;
}

/* Whether the last pass failed on the same so lately that another is not worth making. */
static bool failed_lately(const struct indexed_source *source, const struct source_version *version)
{
    return source->failure.code != 0 && same_version(version, &source->failed_version) &&
           clock_now_ns() - source->failed_ns < RETRY_AFTER_NS;
}

/* What an earlier mount has kept of what is there now. -ENOENT: nothing that can be used. */
static int open_kept(struct indexed_source *source, const struct source_version *version)
{
    cleanup_buffer struct buffer encoded = BUFFER(INDEX_CATALOGUE_LIMIT);
    struct source_identity identity = {.known = false};
    struct image_key key;

    if (source->options.cache != NULL && source->stream->class->identify != NULL)
        source->stream->class->identify(source->stream, &identity);
    if (!identity.known)
        return -ENOENT;
    image_cache_catalogue_key(source->options.cache, &identity, &key);
    if (kept_catalogue_open(source->options.cache, &key, &encoded, NULL) != 0)
        return -ENOENT;

    struct edition *edition = edition_create(source, version);

    if (edition == NULL ||
        index_catalogue_decode(encoded.data, encoded.size, &edition->catalogue) != 0) {
        edition_release(edition);
        return -ENOENT;
    }
    edition->identity = identity;
    edition->changed = edition->catalogue.changed;
    edition->kind = edition->catalogue.kind;
    edition_release(source->edition);
    source->edition = edition;
    for (size_t i = 0; i < edition->catalogue.trouble_count && source->options.report != NULL; i++)
        source->options.report(source->options.report_context, &edition->catalogue.troubles[i]);
    return 0;
}

/*
 * Sees to it that what there is now is read, or is being read. A pass that is under way goes on,
 * whatever becomes of what it reads: it notices.
 */
static int see_to_pass(struct indexed_source *source, struct failure *failure)
{
    struct source_version version;

    if (source->next != NULL)
        return 0;

    int error = source_version(&source->source, &version, failure);

    if (error != 0 ||
        (source->edition != NULL && same_version(&version, &source->edition->version)))
        return error;
    if (failed_lately(source, &version)) {
        if (failure != NULL)
            *failure = source->failure;
        return -source->failure.code;
    }
    return open_kept(source, &version) == 0 ? 0 : start_pass(source, &version, failure);
}

static int await_pass(struct indexed_source *source, struct failure *failure)
{
    uint64_t passes = source->passes;

    while (source->next != NULL && source->passes == passes)
        pthread_cond_wait(&source->passed, &source->lock);
    /* Then it has nothing more to do; a thread that is not joined keeps its stack. */
    if (source->next == NULL && source->options.cache == NULL)
        join_pass(source);
    if (source->edition != NULL)
        return 0;
    if (failure != NULL)
        *failure = source->failure;
    return source->failure.code != 0 ? -source->failure.code : -ESTALE;
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
        error = start_pass(source, &version, failure);
    if (error == 0)
        error = await_pass(source, failure);
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
    if (see_to_pass(source, failure) == 0 && source->next != NULL)
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

    int error = see_to_pass(source, failure);

    if (error == 0)
        error = await_pass(source, failure);
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

    join_pass(source);
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
