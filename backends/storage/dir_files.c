/* SPDX-License-Identifier: MIT */
#include "backends/storage/dir_files.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define IDLE_SECONDS 5
#define READS_BEFORE_ALL 4 /* of a file, until all of it is asked for */
#define ALL_BYTES_MOST ((off_t)4 << 20)

void dir_files_init(struct dir_files *files)
{
    pthread_mutex_init(&files->lock, NULL);
    for (size_t i = 0; i < DIR_FILES_KEPT; i++)
        files->files[i] = (struct dir_file){.descriptor = -1};
}

static void forget(struct dir_file *file)
{
    close(file->descriptor);
    *file = (struct dir_file){.descriptor = -1};
}

void dir_files_close(struct dir_files *files)
{
    for (size_t i = 0; i < DIR_FILES_KEPT; i++) {
        if (files->files[i].descriptor >= 0)
            forget(&files->files[i]);
    }
    pthread_mutex_destroy(&files->lock);
}

static time_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
    return time.tv_sec;
}

/* Closes what nobody has read for a while. The lock is held. */
static void sweep(struct dir_files *files, time_t time)
{
    if (files->swept == time)
        return;
    files->swept = time;
    for (size_t i = 0; i < DIR_FILES_KEPT; i++) {
        struct dir_file *file = &files->files[i];

        if (file->descriptor >= 0 && file->readers == 0 && time - file->used > IDLE_SECONDS)
            forget(file);
    }
}

/* The lock is held. */
static struct dir_file *find(struct dir_files *files, const char *name)
{
    for (size_t i = 0; i < DIR_FILES_KEPT; i++) {
        if (strcmp(files->files[i].name, name) == 0)
            return &files->files[i];
    }
    return NULL;
}

static bool is_removed(const struct dir_file *file, struct stat *ret_status)
{
    return fstat(file->descriptor, ret_status) != 0 || ret_status->st_nlink == 0;
}

/* It is not found any more. The lock is held. */
static void hide(struct dir_file *file)
{
    file->name[0] = '\0';
    if (file->readers == 0)
        forget(file);
}

void dir_files_drop(struct dir_files *files, const char *name)
{
    pthread_mutex_lock(&files->lock);

    struct dir_file *file = find(files, name);

    if (file != NULL)
        hide(file);
    pthread_mutex_unlock(&files->lock);
}

void dir_files_close_removed(struct dir_files *files)
{
    struct stat status;

    pthread_mutex_lock(&files->lock);
    for (size_t i = 0; i < DIR_FILES_KEPT; i++) {
        if (files->files[i].descriptor >= 0 && is_removed(&files->files[i], &status))
            hide(&files->files[i]);
    }
    pthread_mutex_unlock(&files->lock);
}

/* Whether it is time to ask for the rest of FILE. The lock is held. */
static bool is_wanted_whole(struct dir_file *file, const struct stat *status)
{
    return ++file->reads == READS_BEFORE_ALL && status->st_size <= ALL_BYTES_MOST;
}

int dir_files_take(struct dir_files *files, const char *name, struct stat *ret_status)
{
    int descriptor = -1;
    bool whole = false;

    pthread_mutex_lock(&files->lock);
    sweep(files, now());

    struct dir_file *file = find(files, name);

    if (file != NULL && is_removed(file, ret_status)) {
        hide(file);
    } else if (file != NULL) {
        file->readers++;
        file->used = files->swept;
        descriptor = file->descriptor;
        whole = is_wanted_whole(file, ret_status);
    }
    pthread_mutex_unlock(&files->lock);
    if (whole)
        (void)!posix_fadvise(descriptor, 0, 0, POSIX_FADV_WILLNEED);
    return descriptor;
}

/* A free place, or that of the file unused for longest. NULL: all are in use. The lock is held. */
static struct dir_file *make_place(struct dir_files *files)
{
    struct dir_file *oldest = NULL;

    for (size_t i = 0; i < DIR_FILES_KEPT; i++) {
        struct dir_file *file = &files->files[i];

        if (file->descriptor < 0)
            return file;
        if (file->readers == 0 && (oldest == NULL || file->used < oldest->used))
            oldest = file;
    }
    if (oldest != NULL)
        forget(oldest);
    return oldest;
}

void dir_files_keep(struct dir_files *files, const char *name, int descriptor)
{
    pthread_mutex_lock(&files->lock);

    /* Another reader may have been as fast. */
    struct dir_file *file = find(files, name) == NULL ? make_place(files) : NULL;

    if (file != NULL) {
        *file = (struct dir_file){.descriptor = descriptor, .readers = 1, .used = now()};
        memcpy(file->name, name, strlen(name) + 1);
    }
    pthread_mutex_unlock(&files->lock);
}

void dir_files_give(struct dir_files *files, int descriptor)
{
    bool kept = false;

    pthread_mutex_lock(&files->lock);
    for (size_t i = 0; i < DIR_FILES_KEPT && !kept; i++) {
        struct dir_file *file = &files->files[i];

        if (file->descriptor != descriptor)
            continue;
        kept = true;
        if (--file->readers == 0 && file->name[0] == '\0')
            forget(file);
    }
    pthread_mutex_unlock(&files->lock);
    if (!kept)
        close(descriptor);
}
