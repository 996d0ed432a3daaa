/* SPDX-License-Identifier: MIT */
/*
 * How a moment is got hold of. What lies beside the database says how it can be
 * read (sqlite.h); but between looking and opening, a program may come or go, so
 * the files are looked at again afterwards, and all is done anew if they are
 * others. Connections of a snapshot are set to one and the same by trying:
 *
 *   1. an idle connection, the monitor, notes data_version;
 *   2. all others start reading;
 *   3. the monitor finds data_version unchanged: nobody has committed since 1,
 *      so all have the same snapshot. Else all go back to 1.
 *
 * The version that is given out is of the files before the first read: whatever
 * is committed after that makes the next version another one. That needs care
 * with a snapshot: a commit shows up in it by the shared memory, which may come
 * long after the files were written. So the -wal is looked at, too: if it has a
 * commit that the snapshot lacks, the version is one that no other will equal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/source/plain_file.h"
#include "backends/source/sqlite_internal.h"
#include "fs/base/called_off.h"
#include "fs/base/clock.h"

#define ATTEMPTS 6        /* at least, to find the files as they were when we looked */
#define SHARED_ATTEMPTS 3 /* of each so many, with the shared memory; then without */
#define PAUSE_US 200
#define SNAPSHOT_ATTEMPTS 24
#define LONGEST_PAUSE_US 4000
#define TICK_US 11000 /* longer than a tick of the clock that files' times are of */
#define MOST_CONNECTIONS 16

static void pause_us(long us)
{
    struct timespec time = {.tv_nsec = us * 1000};

    nanosleep(&time, NULL);
}

/* SQLITE_BUSY: others commit all the time. */
static int start_on_one_snapshot(struct sqlite_dataset *dataset, struct connection *monitor)
{
    for (int i = 0; i < SNAPSHOT_ATTEMPTS; i++) {
        long pause = 50L << i;
        int64_t before;
        int64_t after = 0;
        int code = connection_data_version(monitor, &before);
        struct log_mark mark = connection_log_mark(monitor);

        for (size_t j = 0; j < dataset->connection_count && code == SQLITE_OK; j++)
            code = connection_start(&dataset->connections[j]);
        if (code == SQLITE_OK)
            code = connection_data_version(monitor, &after);
        if (code == SQLITE_OK && before == after) {
            struct log_mark now = connection_log_mark(monitor);

            mark.known =
                mark.known && now.known && memcmp(mark.bytes, now.bytes, sizeof mark.bytes) == 0;
            dataset->log_mark = mark;
            return SQLITE_OK;
        }
        for (size_t j = 0; j < dataset->connection_count; j++)
            connection_end(&dataset->connections[j]);
        if (code != SQLITE_OK)
            return code;
        pause_us(i < 8 && pause < LONGEST_PAUSE_US ? pause : LONGEST_PAUSE_US);
    }
    return SQLITE_BUSY;
}

static void close_all_but_first(struct sqlite_dataset *dataset)
{
    while (dataset->connection_count > 1)
        connection_close(&dataset->connections[--dataset->connection_count]);
}

static int start_snapshot(struct sqlite_dataset *dataset, struct failure *failure)
{
    struct connection monitor;
    int code = SQLITE_BUSY;

    /* For one connection alone it only tells which snapshot that has got. */
    if (connection_open(&monitor, dataset->place.path, dataset->moment, &dataset->source->options,
                        NULL) == 0) {
        code = start_on_one_snapshot(dataset, &monitor);
        connection_close(&monitor);
    }
    if (code == SQLITE_BUSY) {
        close_all_but_first(dataset);
        code = connection_start(&dataset->connections[0]);
    }
    /* The -wal or the -shm has gone, or nobody has made them ready for readers who cannot write. */
    if ((code & 0xff) == SQLITE_CANTOPEN || (code & 0xff) == SQLITE_READONLY)
        return -EAGAIN;
    return code == SQLITE_OK ? 0 : sqlite_failure(failure, &dataset->connections[0], code, NULL);
}

/* The first one's lock keeps writers out; so what the others read is the same. */
static int start_one_by_one(struct sqlite_dataset *dataset, struct failure *failure)
{
    for (size_t i = 0; i < dataset->connection_count; i++) {
        int code = connection_start(&dataset->connections[i]);

        if (code != SQLITE_OK)
            return sqlite_failure(failure, &dataset->connections[i], code, NULL);
    }
    return 0;
}

/* As many connections as are wanted, or as there can be. */
static int open_connections(struct sqlite_dataset *dataset, size_t wanted, struct failure *failure)
{
    while (dataset->connection_count < wanted) {
        struct connection *connection = &dataset->connections[dataset->connection_count];
        struct failure own = {.code = 0};
        int error = connection_open(connection, dataset->place.path, dataset->moment,
                                    &dataset->source->options, &own);

        if (error != 0 && dataset->connection_count == 0) {
            if (failure != NULL)
                *failure = own;
            return error;
        }
        if (error != 0)
            break;
        connection->bound = &dataset->dataset.bound;
        dataset->connection_count++;
    }
    return 0;
}

/* What lies beside the database, and its header, say how it is read. */
static int find_moment(struct sqlite_dataset *dataset, bool shared, struct failure *failure)
{
    const struct place *place = &dataset->place;
    bool wal = true;

    if (place->log.present && place->shared_memory && shared) {
        dataset->moment = MOMENT_SNAPSHOT;
        return 0;
    }
    if (place->log.present && place->log.size_bytes != 0) {
        dataset->moment = MOMENT_FILE_LOG;
    } else {
        dataset->moment = MOMENT_LOCKED;

        int error = open_connections(dataset, 1, failure);
        int code = error == 0 ? connection_header_says_wal(&dataset->connections[0], &wal) : 0;

        if (error != 0)
            return error;
        if (code != SQLITE_OK)
            return sqlite_failure(failure, &dataset->connections[0], code, NULL);
        /* An empty -wal would have SQLite look for shared memory. */
        if (!wal && !place->log.present)
            return 0;
        close_all_but_first(dataset);
        connection_close(&dataset->connections[0]);
        dataset->connection_count = 0;
        dataset->moment = MOMENT_FILE;
    }
    if (place_has_hot_journal(place))
        return failure_set(failure, EROFS,
                           SHOWN_PATH ": a program died while it wrote and left a -journal beside "
                                      "the database; open the database once with the program it "
                                      "belongs to, or with sqlite3",
                           place->path);
    return 0;
}

/* Whether what was opened is what was looked at. */
static bool still_there(const struct sqlite_dataset *dataset, const struct place *after)
{
    const struct place *before = &dataset->place;

    switch (dataset->moment) {
    case MOMENT_SNAPSHOT:
        return file_mark_same_file(&before->database, &after->database) &&
               file_mark_same_file(&before->log, &after->log);
    case MOMENT_LOCKED:
        return file_mark_same_file(&before->database, &after->database) && !after->log.present;
    case MOMENT_FILE:
    case MOMENT_FILE_LOG:
    case MOMENT_HELD: break;
    }
    return place_equal(before, after);
}

/* One attempt. -EAGAIN: the files have changed meanwhile. */
static int attempt(struct sqlite_dataset *dataset, bool shared, struct failure *failure)
{
    size_t wanted = dataset->source->options.parallel;
    cleanup_place struct place after = {.path = NULL};
    int error = find_moment(dataset, shared, failure);

    if (wanted < 1 || wanted > MOST_CONNECTIONS)
        wanted = wanted < 1 ? 1 : MOST_CONNECTIONS;
    if (error == 0)
        error = open_connections(dataset, wanted, failure);
    if (error == 0 && dataset->moment == MOMENT_FILE &&
        connection_keep_log(&dataset->connections[0]) == SQLITE_BUSY)
        return -EAGAIN;
    if (error == 0)
        error = dataset->moment == MOMENT_SNAPSHOT ? start_snapshot(dataset, failure)
                                                   : start_one_by_one(dataset, failure);

    int looked = place_look(dataset->source->path, &after, error == 0 ? failure : NULL);

    if (looked != 0)
        return error != 0 ? error : looked;
    if (!still_there(dataset, &after))
        return -EAGAIN;
    /* Under our lock nobody writes: what was looked at now is what is read. */
    if (error == 0 && dataset->moment == MOMENT_LOCKED) {
        struct place before = dataset->place;

        free(after.path);
        after.path = before.path; /* which the connections know */
        dataset->place = after;
        after.path = NULL;
    }
    if (error == 0 && dataset->moment == MOMENT_SNAPSHOT)
        dataset->place.hidden = !log_shows_all(&dataset->place, &dataset->log_mark);
    if (error == 0)
        sqlite_identify(dataset, &after);
    return error;
}

static int begin_once(struct sqlite_source *source, bool shared,
                      struct sqlite_dataset **ret_dataset, struct failure *failure)
{
    struct sqlite_dataset *dataset = sqlite_dataset_create(source, MOST_CONNECTIONS);

    if (dataset == NULL)
        return sqlite_no_memory(failure, source->path);

    int error = place_look(source->path, &dataset->place, failure);

    /* A moment later the times tell more. */
    if (error == 0 && dataset->place.fresh) {
        place_release(&dataset->place);
        pause_us(TICK_US);
        error = place_look(source->path, &dataset->place, failure);
    }
    if (error == 0)
        error = attempt(dataset, shared, failure);
    if (error != 0) {
        dataset->dataset.class->release(&dataset->dataset);
        return error;
    }
    *ret_dataset = dataset;
    return 0;
}

/* All but the first may come of files that came or went meanwhile. */
static bool worth_another_try(int error)
{
    return error == -EAGAIN || error == -ENOENT || error == -EACCES || error == -EROFS;
}

static struct timespec newest(const struct file_mark *left, const struct file_mark *right)
{
    return right->present && clock_is_later(&right->modified, &left->modified) ? right->modified
                                                                               : left->modified;
}

/* Files that do not hold still are waited for as a lock is: a slow machine needs more attempts. */
static bool may_wait(const struct source_options *options, uint64_t since_ns)
{
    return !called_off(options->cancelled) &&
           clock_now_ns() - since_ns < options->busy_timeout_ms * UINT64_C(1000000);
}

/* Tries until the files hold still. */
static int begin_patiently(struct sqlite_source *source, struct sqlite_dataset **ret_dataset,
                           struct failure *failure)
{
    uint64_t since_ns = clock_now_ns();
    int error = -EAGAIN;

    for (int i = 0; i < ATTEMPTS && worth_another_try(error); i++) {
        if (i > 0)
            pause_us(PAUSE_US);
        failure->code = 0;
        error = begin_once(source, i < SHARED_ATTEMPTS, ret_dataset, failure);
    }
    for (int i = 0; error == -EAGAIN && may_wait(&source->options, since_ns); i++) {
        pause_us(LONGEST_PAUSE_US);
        failure->code = 0;
        error = begin_once(source, i % ATTEMPTS < SHARED_ATTEMPTS, ret_dataset, failure);
    }
    if (error == -EAGAIN)
        return failure_set(failure, EBUSY,
                           SHOWN_PATH ": the database is opened, closed or replaced all the "
                                      "time; try again",
                           source->path);
    return error;
}

static int read_catalogue(struct sqlite_dataset *dataset, struct failure *failure)
{
    struct sqlite_source *source = dataset->source;
    int error = connection_ready(&dataset->connections[0], failure);

    if (error != 0)
        return error;
    pthread_mutex_lock(&source->lock);
    struct catalogue *latest = source->latest != NULL ? catalogue_reference(source->latest) : NULL;

    pthread_mutex_unlock(&source->lock);
    error = catalogue_read(&dataset->connections[0], latest, &dataset->catalogue, failure);
    if (error == 0) {
        struct catalogue *older;

        pthread_mutex_lock(&source->lock);
        older = source->latest;
        source->latest = catalogue_reference(dataset->catalogue);
        pthread_mutex_unlock(&source->lock);
        catalogue_release(older);
    }
    catalogue_release(latest);
    return error;
}

int sqlite_begin(struct sqlite_source *source, struct dataset **ret_dataset,
                 struct source_version *ret_version, struct failure *failure)
{
    struct sqlite_dataset *dataset = NULL;
    struct failure own = {.code = 0};
    int error = begin_patiently(source, &dataset, failure != NULL ? failure : &own);

    if (error != 0 || dataset == NULL)
        return error;
    error = read_catalogue(dataset, failure);
    if (error != 0) {
        dataset->dataset.class->release(&dataset->dataset);
        return error;
    }
    dataset->dataset.changed = newest(&dataset->place.database, &dataset->place.log);
    dataset->dataset.hurry = dataset->moment != MOMENT_SNAPSHOT;
    dataset->dataset.parallel = (unsigned)dataset->connection_count;
    *ret_version = place_version(&dataset->place);
    *ret_dataset = &dataset->dataset;
    return 0;
}
