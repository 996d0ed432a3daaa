/* SPDX-License-Identifier: MIT */
/*
 * Files of a directory that were read in part lately, kept open: another part of them will be
 * wanted, and finding a file anew takes longer than reading a little of it. A file whose name has
 * gone is not found here any more; one that nobody has read for a while is closed when the storage
 * is next used, so that a removed one does not take up space for long. Of a small one that is read
 * here and there the rest is asked for ahead: that is one way to the disk instead of many.
 */
#ifndef CRMFS_STORAGE_DIR_FILES_H
#define CRMFS_STORAGE_DIR_FILES_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "backends/storage/storage.h"

#define DIR_FILES_KEPT 128

struct dir_file {
    char name[STORAGE_NAME_LIMIT + 1]; /* "": it is not to be found */
    int descriptor;                    /* -1: the place is free */
    unsigned readers;
    unsigned reads;
    time_t used; /* in seconds, monotonic */
};

struct dir_files {
    pthread_mutex_t lock; /* guards all below */
    time_t swept;
    struct dir_file files[DIR_FILES_KEPT];
};

void dir_files_init(struct dir_files *files);
void dir_files_close(struct dir_files *files);

/* The open file of that name and what it is now, to be given back; -1: none is open. */
int dir_files_take(struct dir_files *files, const char *name, struct stat *ret_status);

/* Keeps DESCRIPTOR, which its caller goes on using until it gives it back. */
void dir_files_keep(struct dir_files *files, const char *name, int descriptor);

/* The file of that name is not found here any more: another one may come to stand there. */
void dir_files_drop(struct dir_files *files, const char *name);

/* Closes those that were removed: now and then, and before something is written, which may need
 * the room. */
void dir_files_close_removed(struct dir_files *files);

/* Gives back what was taken or kept. */
void dir_files_give(struct dir_files *files, int descriptor);

#endif
