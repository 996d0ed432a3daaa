/* SPDX-License-Identifier: MIT */
/*
 * Archives as sources: what old backups are. A file is taken apart by its content,
 * whatever it is called: compressed (gzip, bzip2, xz, zstd, lz4), a ZIP, a tar, a 7z
 * or whatever else libarchive reads, one in another up to ARCHIVE_DEPTH_MOST, and in
 * it SQL dumps (dump.h), tables as text (delimited.h) and JSON (json_rows.h), and SQLite
 * databases (sqlite_member.h). It is a stream (stream.h).
 *
 * Nothing is written anywhere, no link is followed, and nothing outside the file is
 * read. What a member unfolds to is bounded: see ARCHIVE_RATIO_MOST.
 */
#ifndef CRMFS_SOURCE_ARCHIVE_H
#define CRMFS_SOURCE_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/source.h"
#include "fs/base/failure.h"

#define ARCHIVE_DEPTH_MOST 4

/* An archive may hold so many members. */
#define ARCHIVE_MEMBERS_MOST ((size_t)1 << 20)

/*
 * A file that has unfolded to more than ARCHIVE_FREE_BYTES may be no more than so many
 * times its own size: gzip's most is 1032.
 */
#define ARCHIVE_RATIO_MOST 1100
#define ARCHIVE_FREE_BYTES ((uint64_t)256 << 20)

/* How much of a beginning is enough to tell what most files are. */
#define ARCHIVE_BEGIN_BYTES 4096

/*
 * Whether NAME is one of the files that SERIES, as Salesforce numbers its weekly exports: series
 * "WE_00D30000000XXXXEAA_" is WE_00D30000000XXXXEAA_1.ZIP, WE_00D30000000XXXXEAA_2.ZIP …
 */
bool archive_is_of_series(const char *series, const char *name);

/* How much of the file's NAME stands before the number in such a series; 0: it is of none. */
size_t archive_series_size(const char *name);

/* Whether the folder PATH is a backup as a whole: mydumper's, pg_dump's, or mysqldump --tab's. */
bool archive_folder_recognise(const char *path);

/*
 * Whether the file PATH is one, whose first ARCHIVE_BEGIN_BYTES are BEGIN, zeros where it has
 * fewer: more of it is read only where these leave it open. 0 or -errno.
 */
int archive_recognise(const char *path, const void *begin, bool *ret_archive,
                      struct failure *failure);

/* Whether the file PATH is one of several that make an archive, or a dump as XML: -EILSEQ in words.
 */
int archive_refuse_part(const char *path, struct failure *failure);

/* PATH: a file or a folder. Looks at the beginning only. -ENOENT, -EACCES; -EILSEQ: libarchive
 * makes nothing of it … */
int archive_source_open(const char *path, const struct source_options *options,
                        struct source **ret_source, struct failure *failure);

#endif
