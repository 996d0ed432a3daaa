/* SPDX-License-Identifier: MIT */
/* A pass over the stream of an indexed source, by a thread of its own; or what was kept of one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/buffer.h"
#include "fs/base/called_off.h"
#include "fs/base/clock.h"
#include "fs/table/indexed_internal.h"
#include "fs/table/kept_image.h"

#define RETRY_AFTER_NS NS_PER_SECOND

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

    return __atomic_load_n(&source->leave_off, __ATOMIC_RELAXED) || called_off(cancelled);
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

void indexed_pass_join(struct indexed_source *source)
{
    __atomic_store_n(&source->leave_off, true, __ATOMIC_RELAXED);
    if (source->has_thread)
        pthread_join(source->thread, NULL);
    source->has_thread = false;
    __atomic_store_n(&source->leave_off, false, __ATOMIC_RELAXED);
}

int indexed_pass_start(struct indexed_source *source, const struct source_version *version,
                       struct failure *failure)
{
    indexed_pass_join(source);
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

int indexed_pass_see_to(struct indexed_source *source, struct failure *failure)
{
    struct source_version version;

    if (source->next != NULL)
        return 0;

    int error = source->stream->class->version(source->stream, &version, failure);

    if (error != 0 ||
        (source->edition != NULL && same_version(&version, &source->edition->version)))
        return error;
    if (failed_lately(source, &version)) {
        if (failure != NULL)
            *failure = source->failure;
        return -source->failure.code;
    }
    return open_kept(source, &version) == 0 ? 0 : indexed_pass_start(source, &version, failure);
}

int indexed_pass_await(struct indexed_source *source, struct failure *failure)
{
    uint64_t passes = source->passes;

    while (source->next != NULL && source->passes == passes)
        pthread_cond_wait(&source->passed, &source->lock);
    /* Then it has nothing more to do; a thread that is not joined keeps its stack. */
    if (source->next == NULL && source->options.cache == NULL)
        indexed_pass_join(source);
    if (source->edition != NULL)
        return 0;
    if (failure != NULL)
        *failure = source->failure;
    return source->failure.code != 0 ? -source->failure.code : -ESTALE;
}
