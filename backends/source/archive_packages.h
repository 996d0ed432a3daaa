/* SPDX-License-Identifier: MIT */
/*
 * Folders within an archive that hold what crmfs shows of a source (package.h): what their
 * datapackage.json says is known before their tables are read, and of the three files of a table
 * one is: as in such a directory, the one that was changed last, else the one that tells most.
 */
#ifndef CRMFS_SOURCE_ARCHIVE_PACKAGES_H
#define CRMFS_SOURCE_ARCHIVE_PACKAGES_H

#include <stdbool.h>
#include <time.h>

#include "backends/source/byte_stream.h"
#include "backends/source/stream.h"
#include "fs/base/failure.h"

struct archive_packages;

int archive_packages_create(struct archive_packages **ret_packages); /* 0 or -ENOMEM */
void archive_packages_free(struct archive_packages *packages);       /* NULL is allowed */

/* A member NAME, last changed then, is there. 0 or -ENOMEM. */
int archive_packages_note(struct archive_packages *packages, const char *name, time_t changed);

/* Whether there is one, or what has been noted looks as if there were one. */
bool archive_packages_any(const struct archive_packages *packages);
bool archive_packages_likely(const struct archive_packages *packages);

/* Whether NAME says what is in one: then it is taken before anything else is read. */
bool archive_packages_describes(const struct archive_packages *packages, const char *name);
int archive_packages_take(struct archive_packages *packages, const char *name,
                          struct byte_stream *stream, struct failure *failure);

/* Whether NAME is a file of one; then its rows, if it is the one for them, are handed over. */
bool archive_packages_hold(struct archive_packages *packages, const char *name);
int archive_packages_read(struct archive_packages *packages, const char *name,
                          struct byte_stream *stream, struct row_taker *taker,
                          struct failure *failure);

/* All is read: tables whose file is not there fail. */
int archive_packages_end(struct archive_packages *packages, struct row_taker *taker,
                         struct failure *failure);

#endif
