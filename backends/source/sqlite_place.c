/* SPDX-License-Identifier: MIT */
#include "backends/source/sqlite_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/source/change_time.h"
#include "backends/source/plain_file.h"
#include "fs/base/memory.h"

#define NS_PER_S INT64_C(1000000000)

/* Whether a write now might get the same times as the last one did. */
static bool is_fresh(const struct file_mark *mark, const struct timespec *now)
{
    return mark->present && change_time_is_fresh(&mark->changed, now);
}

/* 0 or -errno; a file that is not there is only not present. */
static int look(const char *path, const char *ending, struct file_mark *ret_mark)
{
    char name[PATH_MAX + 16];
    struct stat about;

    *ret_mark = (struct file_mark){0};
    snprintf(name, sizeof name, "%s%s", path, ending);
    if (stat(name, &about) != 0)
        return errno == ENOENT ? 0 : -errno;
    *ret_mark = (struct file_mark){
        .present = true,
        .device = about.st_dev,
        .inode = about.st_ino,
        .size_bytes = about.st_size,
        .modified = about.st_mtim,
        .changed = about.st_ctim,
    };
    return 0;
}

int place_look(const char *path, struct place *ret_place, struct failure *failure)
{
    cleanup_place struct place place = {.path = realpath(path, NULL)};
    struct file_mark shared_memory;
    int error = plain_file_check(path, failure);

    if (error != 0)
        return error;
    if (place.path == NULL)
        return failure_set(failure, errno, SHOWN_PATH ": %s", path, strerror(errno));

    /* The log before the database: a checkpoint in between is noticed that way. */
    error = look(place.path, "-wal", &place.log);
    if (error == 0)
        error = look(place.path, "", &place.database);
    if (error == 0)
        error = look(place.path, "-shm", &shared_memory);
    if (error == 0 && !place.database.present)
        error = -ENOENT;
    if (error != 0)
        return failure_set(failure, -error, SHOWN_PATH ": %s", path, strerror(-error));
    place.shared_memory = shared_memory.present;

    struct timespec now;

    clock_gettime(CLOCK_REALTIME_COARSE, &now); /* the clock of files' times */
    place.fresh = is_fresh(&place.database, &now) || is_fresh(&place.log, &now);
    clock_gettime(CLOCK_MONOTONIC, &place.taken);
    *ret_place = place;
    place.path = NULL;
    return 0;
}

void place_release(struct place *place)
{
    free(place->path);
    place->path = NULL;
}

static bool time_equal(const struct timespec *left, const struct timespec *right)
{
    return left->tv_sec == right->tv_sec && left->tv_nsec == right->tv_nsec;
}

bool file_mark_same_file(const struct file_mark *left, const struct file_mark *right)
{
    return left->present == right->present && left->device == right->device &&
           left->inode == right->inode;
}

bool file_mark_equal(const struct file_mark *left, const struct file_mark *right)
{
    return file_mark_same_file(left, right) && left->size_bytes == right->size_bytes &&
           time_equal(&left->modified, &right->modified) &&
           time_equal(&left->changed, &right->changed);
}

bool place_equal(const struct place *left, const struct place *right)
{
    return file_mark_equal(&left->database, &right->database) &&
           file_mark_equal(&left->log, &right->log);
}

/* Mixes VALUE into HASH (the finish of MurmurHash3, which leaves no bit where it was). */
static uint64_t mix(uint64_t hash, uint64_t value)
{
    hash ^= value + UINT64_C(0x9e3779b97f4a7c15);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

static uint64_t mark_hash(const struct file_mark *mark)
{
    uint64_t hash = mix(mark->present, (uint64_t)mark->device);

    hash = mix(hash, (uint64_t)mark->inode);
    hash = mix(hash, (uint64_t)mark->size_bytes);
    hash = mix(hash, (uint64_t)mark->modified.tv_sec);
    hash = mix(hash, (uint64_t)mark->modified.tv_nsec);
    hash = mix(hash, (uint64_t)mark->changed.tv_sec);
    return mix(hash, (uint64_t)mark->changed.tv_nsec);
}

/*
 * While the files are fresh, two states may look the same, and so they may when a commit is hidden:
 * such a version is equal to no other, not even to one of the same state taken later.
 */
struct source_version place_version(const struct place *place)
{
    uint64_t now =
        (uint64_t)place->taken.tv_sec * (uint64_t)NS_PER_S + (uint64_t)place->taken.tv_nsec;

    return (struct source_version){
        .words = {mark_hash(&place->database), mark_hash(&place->log),
                  (uint64_t)place->database.inode, place->fresh || place->hidden ? now : 0},
    };
}

bool place_has_hot_journal(const struct place *place)
{
    char name[PATH_MAX + 16];
    char first = 0;

    /* Nobody holds locks on a journal, so it may be opened and closed here. */
    snprintf(name, sizeof name, "%s-journal", place->path);

    cleanup_fd int descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    /* One that was kept after its transaction has ended begins with zeros, or is empty. */
    return descriptor >= 0 && read(descriptor, &first, 1) == 1 && first != 0;
}
