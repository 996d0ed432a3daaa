/* SPDX-License-Identifier: MIT */
/*
 * The directory storage: data that is flushed by the next sync().
 *
 * The kernel tells once that it could not write data, and takes them for written from then on: to
 * flush them again says nothing. So a file whose flush failed is written again, out of what the
 * kernel still has of it, if that is what was written; and takes the old one's name when it is
 * durable. Until then no sync() succeeds.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "fs/base/memory.h"

#define COPY_BYTES ((size_t)64 << 10)
#define cleanup_sum __attribute__((__cleanup__(free_sum)))

static void free_sum(XXH64_state_t **sum)
{
    XXH64_freeState(*sum);
}

int dir_flush_data(int file)
{
    int result;

    do {
        result = fdatasync(file);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

/* ---- Again --------------------------------------------------------------------------------- */

/* -EBADMSG: the file does not hold what was written. */
static int copy(const struct dir_unflushed *old, int from, int to)
{
    uint8_t bytes[COPY_BYTES];
    cleanup_sum XXH64_state_t *sum = XXH64_createState();
    uint64_t at = 0;

    if (sum == NULL)
        return -ENOMEM;
    XXH64_reset(sum, 0);
    for (;;) {
        ssize_t got = pread(from, bytes, sizeof bytes, (off_t)at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        XXH64_update(sum, bytes, (size_t)got);
        at += (uint64_t)got;

        int error = dir_write_all(to, bytes, (size_t)got);

        if (error != 0)
            return error;
    }
    return at == old->size && XXH64_digest(sum) == old->sum ? 0 : -EBADMSG;
}

/* Puts a durable copy into the place of the file, which is open as FILE. */
static int replace(struct dir_storage *dir, const struct dir_unflushed *old, int file)
{
    char folder[STORAGE_NAME_LIMIT + 1];
    char temporary[TEMPORARY_NAME_DIGITS + 1];
    const char *leaf = dir_split(old->name, folder);
    cleanup_fd int from = dir_open_folder(dir, TEMPORARY_FOLDER, true, O_PATH);
    cleanup_fd int to = dir_open_folder(dir, folder, false, O_PATH);

    if (from < 0 || to < 0)
        return from < 0 ? from : to;

    cleanup_fd int anew = dir_make_temporary(dir, from, temporary);

    if (anew < 0)
        return anew;

    int error = copy(old, file, anew);

    if (error == 0)
        error = dir_flush_data(anew);
    if (error == 0 && renameat(from, temporary, to, leaf) != 0)
        error = -errno;
    if (error == 0)
        dir_folder_mark(dir, folder);
    else
        unlinkat(from, temporary, 0);
    return error;
}

/* What others have removed meanwhile need not be durable. */
static int write_again(struct dir_storage *dir, const struct dir_unflushed *old)
{
    cleanup_fd int file = dir_open_at(dir, old->name, O_RDONLY);

    if (file < 0)
        return file == -ENOENT ? 0 : file;
    return replace(dir, old, file);
}

/* ---- The files ------------------------------------------------------------------------------- */

/* With the lock, which guards all of it. */
static void give_up(struct dir_storage *dir, int error)
{
    if (dir->lost == 0)
        dir->lost = -error;
}

static void flush(struct dir_storage *dir, const struct dir_unflushed *file)
{
    int error = dir_flush_data(file->file);

    close(file->file);
    if (error == 0)
        return;
    pthread_mutex_lock(&dir->unflushed_lock);
    if (dir->doubtful_count < UNFLUSHED_MOST)
        dir->doubtful[dir->doubtful_count++] = *file;
    else
        give_up(dir, error);
    pthread_mutex_unlock(&dir->unflushed_lock);
}

/* Called by sync() alone, so that nobody else takes any of them away. 0 or the last one's error. */
static int mend_doubtful(struct dir_storage *dir)
{
    int error = 0;

    for (size_t left = 0;;) {
        struct dir_unflushed file;

        pthread_mutex_lock(&dir->unflushed_lock);
        bool more = left < dir->doubtful_count;

        if (more)
            file = dir->doubtful[left];
        pthread_mutex_unlock(&dir->unflushed_lock);
        if (!more)
            return error;

        int written = write_again(dir, &file);

        if (written != 0 && written != -EBADMSG) {
            error = written;
            left++;
            continue;
        }
        pthread_mutex_lock(&dir->unflushed_lock);
        if (written != 0)
            give_up(dir, -EIO);
        dir->doubtful[left] = dir->doubtful[--dir->doubtful_count];
        pthread_mutex_unlock(&dir->unflushed_lock);
    }
}

void dir_flush_later(struct dir_storage *dir, const struct dir_unflushed *file)
{
    struct dir_unflushed oldest = {.file = -1};

    pthread_mutex_lock(&dir->unflushed_lock);
    if (dir->unflushed_count == UNFLUSHED_MOST) {
        oldest = dir->unflushed[0];
        dir->unflushed_count--;
        memmove(&dir->unflushed[0], &dir->unflushed[1],
                dir->unflushed_count * sizeof *dir->unflushed);
    }
    dir->unflushed[dir->unflushed_count++] = *file;
    if (oldest.file >= 0)
        dir->flushing_count++;
    pthread_mutex_unlock(&dir->unflushed_lock);
    if (oldest.file < 0)
        return;
    flush(dir, &oldest);
    pthread_mutex_lock(&dir->unflushed_lock);
    dir->flushing_count--;
    pthread_cond_broadcast(&dir->flushed);
    pthread_mutex_unlock(&dir->unflushed_lock);
}

/* The file that waits longest; false: there is none, nor is one being flushed by who found no room.
 */
static bool take_oldest(struct dir_storage *dir, struct dir_unflushed *ret_file)
{
    pthread_mutex_lock(&dir->unflushed_lock);
    bool found = dir->unflushed_count > 0;

    if (found) {
        *ret_file = dir->unflushed[0];
        dir->unflushed_count--;
        memmove(&dir->unflushed[0], &dir->unflushed[1],
                dir->unflushed_count * sizeof *dir->unflushed);
    }
    while (!found && dir->flushing_count > 0)
        pthread_cond_wait(&dir->flushed, &dir->unflushed_lock);
    pthread_mutex_unlock(&dir->unflushed_lock);
    return found;
}

int dir_flush_files(struct dir_storage *dir, bool *ret_lost)
{
    struct dir_unflushed file;

    while (take_oldest(dir, &file))
        flush(dir, &file);

    int error = mend_doubtful(dir);

    pthread_mutex_lock(&dir->unflushed_lock);
    *ret_lost = dir->lost != 0;
    if (*ret_lost)
        error = -dir->lost;
    pthread_mutex_unlock(&dir->unflushed_lock);
    return error;
}

/* The kernel knows of all that was written to a file, and to a folder, by whomever. */
int dir_flush(struct storage *storage, const char *name, struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    char folder[STORAGE_NAME_LIMIT + 1];
    int error = dir_check(dir, name, false, failure); /* whoever may only read may flush */

    if (error != 0)
        return error;
    dir_split(name, folder);

    cleanup_fd int file = dir_open_at(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY);

    error = file < 0 ? file : dir_flush_data(file);
    if (error == 0)
        error = dir_folder_add(dir, folder);
    if (error == 0)
        error = dir_folder_flush(dir, folder);
    return error == 0 ? 0 : dir_failure(dir, -error, "make durable", name, failure);
}

void dir_flush_end(struct dir_storage *dir)
{
    for (size_t i = 0; i < dir->unflushed_count; i++)
        close(dir->unflushed[i].file);
}
