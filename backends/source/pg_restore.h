/* SPDX-License-Identifier: MIT */
/*
 * pg_dump's custom, tar and directory formats as the plain dump that PostgreSQL's own
 * pg_restore makes of them: it is fed through a socket, and what it prints is a stream.
 * Nothing is written anywhere. It gets none of our files and next to no environment.
 *
 * It is the newest of /usr/lib/postgresql/VERSION/bin, else what PATH has; or what the
 * environment variable CRMFS_PG_RESTORE names.
 */
#ifndef CRMFS_SOURCE_PG_RESTORE_H
#define CRMFS_SOURCE_PG_RESTORE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "backends/source/byte_stream.h"
#include "fs/base/failure.h"

/* What a file that begins so is. */
enum pg_format { PG_NONE, PG_CUSTOM, PG_TAR /* or a folder's contents */, PG_OTHER };
enum pg_format pg_format_of(const void *begin, size_t size);

/*
 * Where the contents of a dump, which begin so, say how its data are compressed: bytes that are 0
 * when they are not. 0: they do not say. *ret_offset: of the first.
 */
size_t pg_compression_field(const void *begin, size_t size, size_t *ret_offset);

/* When such a dump was begun, as its own clock had it, taken for UTC; whether it says so. */
bool pg_moment_of(const void *begin, size_t size, time_t *ret_moment);

/* Whether a tar that begins so (at least 1024 bytes) is one of pg_dump's. */
bool pg_tar_recognise(const void *begin, size_t size);

#define PG_TAR_BEGIN 1024

struct pg_list;
struct pg_restore;

enum pg_wish {
    PG_SCRIPT, /* the plain dump */
    PG_LIST,   /* what is in it, in the order in which it wants it: see pg_list.h */
};

/*
 * Starts it on what FROM gives (which outlives it), or, FROM being NULL, on the folder PATH.
 * ONLY: the entries to read; NULL: all. CANCELLED: atomic, NULL: none. -EILSEQ: there is no
 * pg_restore.
 */
int pg_restore_begin(struct byte_stream *from, const char *path, enum pg_wish wish,
                     const struct pg_list *only, const bool *cancelled,
                     struct pg_restore **ret_restore, struct failure *failure);

/* What it prints; its end is an error, in its own words, if it says that it failed. Borrowed. */
struct byte_stream *pg_restore_stream(struct pg_restore *restore);

/* Ends it, if it has not. NULL is allowed. */
void pg_restore_end(struct pg_restore *restore);

#endif
