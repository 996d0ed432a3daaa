/* SPDX-License-Identifier: MIT */
/*
 * Dumps in pg_dump's own formats, as members of an archive, folders in it, or parts of it: how they
 * are told, and read by pg_restore.
 */
#ifndef CRMFS_SOURCE_ARCHIVE_POSTGRES_H
#define CRMFS_SOURCE_ARCHIVE_POSTGRES_H

#include "backends/source/archive_internal.h"
#include "backends/source/pg_list.h"
#include "backends/source/pg_restore.h"

/*
 * What pg_restore lists of FROM, or, that being NULL, of the folder PATH, without what has none of
 * FILES; and the rows of what is in LIST (NULL: all): what LIST lacks makes tables fail.
 */
int archive_postgres_list(const struct archive_source *source, struct byte_stream *from,
                          const char *path, const struct pg_files *files, struct pg_list *list,
                          struct failure *failure);
int archive_postgres_script(const struct archive_source *source, struct byte_stream *from,
                            const char *path, const struct pg_list *list, struct row_taker *taker,
                            struct failure *failure);

/* STREAM, the member NAME, is of FORMAT. */
int archive_postgres_read(struct archive_walk *walk, struct byte_stream *stream, const char *name,
                          enum pg_format format, unsigned depth, struct failure *failure);

/* STREAM, compressed or not, is the member PATH of FOLDER. */
int archive_postgres_take(struct archive_walk *walk, struct pg_folder *folder,
                          struct byte_stream *stream, const char *path, bool packed,
                          struct failure *failure);

/* STREAM is a tar of pg_dump's. */
int archive_postgres_read_tar(struct archive_walk *walk, struct byte_stream *stream,
                              const char *name, struct failure *failure);

/* The part is such a tar, compressed or not. */
int archive_postgres_read_part(struct archive_walk *walk, struct failure *failure);

/* The folders of PLAN. */
int archive_postgres_read_folders(struct archive_source *source, struct archive_plan *plan,
                                  struct row_taker *taker, struct failure *failure);

/* Whether the folder PATH is pg_dump's; then the source is one: reads it. */
bool archive_postgres_is_folder(const char *path);
int archive_postgres_read_folder(struct archive_walk *walk, struct failure *failure);

/* --- archive_pg_folder -------------------------------------------------------------------- */

/* What the member PATH may be of such a folder: a bit, or 0. */
#define PG_FOLDER_CONTENTS (1u << 16)
#define PG_FOLDER_DATA (1u << 17)
#define PG_FOLDER_SCRIPT (1u << 18) /* only a tar of pg_dump's has one */
unsigned pg_folder_kind(const char *path);

struct pg_folder *pg_folder_create(void);      /* NULL: no memory */
void pg_folder_free(struct pg_folder *folder); /* NULL is allowed */

/* Keeps the member PATH, which STREAM gives unpacked. */
int pg_folder_take(struct archive_walk *walk, struct pg_folder *folder, struct byte_stream *stream,
                   const char *path, struct failure *failure);

/* All members have been taken: reads the tables. PATH: the folder's, "" at the top. */
int pg_folder_read(const struct archive_source *source, struct pg_folder *folder, const char *path,
                   struct row_taker *taker, struct failure *failure);

#endif
