/* SPDX-License-Identifier: MIT */
/*
 * Looks at a file that may be a database, before anything opens it as one.
 *
 * A process that closes any descriptor of a file loses its POSIX locks on that
 * file, and SQLite guards its databases by such locks: a look at a database
 * that is in use here already would lay it open. So nothing in crmfs opens what
 * may be a database but through SQLite, which knows; this file, too.
 */
#ifndef CRMFS_SOURCE_PLAIN_FILE_H
#define CRMFS_SOURCE_PLAIN_FILE_H

#include <stddef.h>

#include "fs/base/failure.h"

/* A path in a message is cut to this, so that the reason behind it is not. */
#define SHOWN_PATH "%.600s"

/*
 * 0 if PATH is a regular file of at least a byte that may be read. It is not opened: a pipe would
 * wait, a device might act. Else -ENOENT, -EACCES, -EISDIR, -EINVAL (pipe, device, socket),
 * -EILSEQ (empty) …
 */
int plain_file_check(const char *path, struct failure *failure);

/* Reads the first SIZE bytes of a file that was checked; zeros where there are fewer. 0 or -errno.
 */
int plain_file_begin(const char *path, void *begin, size_t size, struct failure *failure);

#endif
