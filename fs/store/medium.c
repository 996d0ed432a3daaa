/* SPDX-License-Identifier: MIT */
/*
 * It stands before the store's own storage, and hands everything on. That a storage is there while
 * a place of it fails need not be asked: whatever is given up then is said in the log, durably, and
 * a disk that is gone takes no record.
 */
#include "fs/store/medium.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/memory.h"
#include "fs/store/store_internal.h"

#define PLACES_NOTED 256 /* with more, it is the disk that is bad, not places of it */
#define TRIES 3          /* once more at once, then after a pause each */
#define PAUSE_SECONDS 1
#define OF_THE_FILE UINT64_MAX /* as an offset: how long it is could not be asked */

struct place {
    char name[STORAGE_NAME_LIMIT + 1];
    uint64_t offset;
    size_t size;
    int code; /* errno */
};

struct medium {
    struct storage base;
    struct storage *inner;
    struct store *store;
    pthread_mutex_t lock; /* guards these */
    struct place *places;
    size_t count;
    bool too_many;
};

static struct medium *medium_of(struct storage *storage)
{
    return (struct medium *)storage;
}

/* ---- Noting ---- */

bool medium_is_bad_place(int error)
{
    return error == -EIO || error == -EUCLEAN;
}

/* What says that a file is not there, or not what it should be, is said of its content. */
static bool is_of_medium(int error)
{
    switch (-error) {
    case 0:
    case ENOENT:
    case ENODATA:
    case EBADMSG:
    case EINVAL:
    case EISDIR:
    case ELOOP:
    case ENOTDIR:
    case ENOMEM: return false;
    default: return true;
    }
}

/* Without memory to note it, there are too many. */
static void note(struct medium *medium, const char *name, uint64_t offset, size_t size, int error)
{
    struct place *places;
    bool known = false;

    pthread_mutex_lock(&medium->lock);
    for (size_t i = 0; i < medium->count && !known; i++)
        known = medium->places[i].offset == offset && medium->places[i].size == size &&
                strcmp(medium->places[i].name, name) == 0;
    if (!known && medium->count < PLACES_NOTED &&
        (places = reallocarray(medium->places, medium->count + 1, sizeof *places)) != NULL) {
        struct place *place = &places[medium->count++];

        *place = (struct place){.offset = offset, .size = size, .code = -error};
        strncat(place->name, name, STORAGE_NAME_LIMIT);
        medium->places = places;
    } else if (!known) {
        medium->too_many = true;
    }
    pthread_mutex_unlock(&medium->lock);
}

static int watched_read(struct storage *storage, const char *name, uint64_t offset, void *bytes,
                        size_t size, struct failure *failure)
{
    struct medium *medium = medium_of(storage);
    int error = medium->inner->class->read(medium->inner, name, offset, bytes, size, failure);

    if (is_of_medium(error))
        note(medium, name, offset, size, error);
    return error;
}

static int watched_size(struct storage *storage, const char *name, uint64_t *ret_size,
                        struct failure *failure)
{
    struct medium *medium = medium_of(storage);
    int error = medium->inner->class->size(medium->inner, name, ret_size, failure);

    if (is_of_medium(error))
        note(medium, name, OF_THE_FILE, 0, error);
    return error;
}

/* ---- Handing on ---- */

static int hand_put(struct storage *storage, const char *name, const void *bytes, size_t size,
                    struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->put_exclusive(inner, name, bytes, size, failure);
}

/* The writer is the inner storage's, and knows it. */
static int hand_create(struct storage *storage, const char *name,
                       struct storage_writer **ret_writer, struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->create(inner, name, ret_writer, failure);
}

static int hand_append(struct storage_writer *writer, const void *bytes, size_t size,
                       struct failure *failure)
{
    return writer->storage->class->append(writer, bytes, size, failure);
}

static int hand_commit(struct storage_writer *writer, struct failure *failure)
{
    return writer->storage->class->commit(writer, failure);
}

static void hand_abort(struct storage_writer *writer)
{
    writer->storage->class->abort(writer);
}

static int hand_sync(struct storage *storage, struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->sync(inner, failure);
}

static int hand_flush(struct storage *storage, const char *name, struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->flush != NULL ? inner->class->flush(inner, name, failure) : 0;
}

static void hand_expect(struct storage *storage, const char *name, uint64_t offset, size_t size)
{
    struct storage *inner = medium_of(storage)->inner;

    if (inner->class->expect != NULL)
        inner->class->expect(inner, name, offset, size);
}

static int hand_list(struct storage *storage, const char *folder, storage_visit *visit,
                     void *context, struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->list(inner, folder, visit, context, failure);
}

static int hand_names(struct storage *storage, const char *folder, storage_visit *visit,
                      void *context, struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->names != NULL ? inner->class->names(inner, folder, visit, context, failure)
                                       : inner->class->list(inner, folder, visit, context, failure);
}

static int hand_remove(struct storage *storage, const char *name, struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->remove(inner, name, failure);
}

static int hand_sweep(struct storage *storage, time_t modified_before, struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->sweep(inner, modified_before, failure);
}

static int hand_local_folder(struct storage *storage, const char *folder, bool make)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->local_folder != NULL ? inner->class->local_folder(inner, folder, make)
                                              : -ENOTSUP;
}

static const char *hand_place(struct storage *storage)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->place != NULL ? inner->class->place(inner) : NULL;
}

static int hand_try_room(struct storage *storage, uint64_t bytes, struct failure *failure)
{
    struct storage *inner = medium_of(storage)->inner;

    return inner->class->try_room != NULL ? inner->class->try_room(inner, bytes, failure) : 0;
}

static void hand_idle(struct storage *storage)
{
    struct storage *inner = medium_of(storage)->inner;

    if (inner->class->idle != NULL)
        inner->class->idle(inner);
}

static void hand_close(struct storage *storage)
{
    (void)storage; /* the store closes its own */
}

static const struct storage_class watched_class = {
    .put_exclusive = hand_put,
    .create = hand_create,
    .append = hand_append,
    .commit = hand_commit,
    .abort = hand_abort,
    .sync = hand_sync,
    .flush = hand_flush,
    .read = watched_read,
    .expect = hand_expect,
    .size = watched_size,
    .list = hand_list,
    .names = hand_names,
    .remove = hand_remove,
    .sweep = hand_sweep,
    .local_folder = hand_local_folder,
    .place = hand_place,
    .try_room = hand_try_room,
    .idle = hand_idle,
    .close = hand_close,
};

int medium_watch(struct store *store, struct medium **ret_medium, struct failure *failure)
{
    struct medium *medium = calloc(1, sizeof *medium);

    if (medium == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    medium->base.class = &watched_class;
    medium->inner = store->storage;
    medium->store = store;
    pthread_mutex_init(&medium->lock, NULL);
    store->storage = &medium->base;
    *ret_medium = medium;
    return 0;
}

void medium_free(struct medium *medium)
{
    if (medium == NULL)
        return;
    medium->store->storage = medium->inner;
    pthread_mutex_destroy(&medium->lock);
    free(medium->places);
    free(medium);
}

int medium_failed(struct medium *medium, const char *name)
{
    int code = 0;

    pthread_mutex_lock(&medium->lock);
    for (size_t i = 0; i < medium->count && code == 0; i++)
        code = strcmp(medium->places[i].name, name) == 0 ? medium->places[i].code : 0;
    pthread_mutex_unlock(&medium->lock);
    return code;
}

/* ---- Judging ---- */

static int try_again(struct medium *medium, const struct place *place)
{
    struct storage *inner = medium->inner;
    cleanup_free uint8_t *bytes = NULL;
    uint64_t size;

    if (place->offset == OF_THE_FILE)
        return inner->class->size(inner, place->name, &size, NULL);
    bytes = malloc(place->size != 0 ? place->size : 1);
    return bytes != NULL
               ? inner->class->read(inner, place->name, place->offset, bytes, place->size, NULL)
               : -ENOMEM;
}

/* It fails as it did. */
static int check_place(struct medium *medium, const struct place *place, struct failure *failure)
{
    const char *why = strerror(place->code);
    int error;

    if (!medium_is_bad_place(-place->code))
        return failure_set(failure, place->code,
                           "%s cannot be read (%s): that is the storage's failure, not damage, and "
                           "nothing is given up for it; try again when it can be read",
                           place->name, why);
    error = try_again(medium, place);
    if (error == -ENOMEM)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    return medium_is_bad_place(error)
               ? 0
               : failure_set(failure, place->code,
                             "%s could not be read (%s), and is not so a moment later: nothing is "
                             "given up for that; look at the disk, its cable or its network, and "
                             "try again",
                             place->name, why);
}

static int check_places(struct medium *medium, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < medium->count && error == 0; i++)
        error = check_place(medium, &medium->places[i], failure);
    return error;
}

/* Once for each file. */
static void report_places(const struct medium *medium, medium_report *report, void *context)
{
    char text[FAILURE_TEXT_SIZE];

    for (size_t i = 0; i < medium->count; i++) {
        const struct place *place = &medium->places[i];
        bool told = false;

        for (size_t j = 0; j < i && !told; j++)
            told = strcmp(medium->places[j].name, place->name) == 0;
        if (told)
            continue;
        snprintf(text, sizeof text, "it was read %d times, and each time the disk said: %s",
                 TRIES + 1, strerror(place->code));
        report(context, place->name, text);
    }
}

int medium_judge(struct medium *medium, medium_report *report, void *context,
                 struct failure *failure)
{
    const struct timespec pause = {.tv_sec = PAUSE_SECONDS};
    int error = 0;

    if (medium->too_many)
        return failure_set(failure, EIO,
                           "more than %d places of the store cannot be read, and nothing is given "
                           "up for that: save what can be read to another disk first, for instance "
                           "with ddrescue, and repair that",
                           PLACES_NOTED);
    for (int i = 0; i < TRIES && error == 0 && medium->count > 0; i++) {
        if (i > 0)
            nanosleep(&pause, NULL);
        error = check_places(medium, failure);
    }
    if (error == 0 && report != NULL)
        report_places(medium, report, context);
    return error;
}
