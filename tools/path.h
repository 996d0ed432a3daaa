/* SPDX-License-Identifier: MIT */
/* Paths that still hold when the daemon has left the directory they were written in. */
#ifndef CRMFS_TOOLS_PATH_H
#define CRMFS_TOOLS_PATH_H

#include <stdbool.h>
#include <stddef.h>

/* PATH made absolute, its links left alone. The caller's to free; NULL: errno says why. */
char *path_absolute(const char *path);

/*
 * The mountpoint PATH without links. It need not answer, as a dead mount does
 * not, nor exist. The caller's to free; NULL: errno says why.
 */
char *path_of_mountpoint(const char *path);

/* Whether PATH, links resolved, is the directory FOLDER or below it; FOLDER as path_of_mountpoint.
 */
bool path_is_within(const char *path, const char *folder);

/* Replaces *PATH, which may be NULL and is freed, by the absolute path. 0 or -ENOMEM. */
int path_make_absolute(char **path);

/*
 * What was made at PATH, taken from the directory FOLDER (AT_FDCWD), stays there after a power cut:
 * syncs the directory that PATH is in. 0 or -errno.
 */
int path_make_durable(int folder, const char *path);

/* Bytes of the scheme that URL begins with, with its ':'; 0: it is a path. */
size_t path_scheme_size(const char *url);

/*
 * URL, which may be a path, with a relative path in it taken from DIRECTORY (an absolute path;
 * NULL: the working directory). A server's stays as it is. The caller's to free; NULL: errno says
 * why.
 */
char *path_absolute_url(const char *url, const char *directory);

#endif
