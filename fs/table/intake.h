/* SPDX-License-Identifier: MIT */
/*
 * What takes the rows of a stream (backends/source/stream.h): each table's rows
 * become row groups in a spool as they come. When all is read, a table whose rows
 * did not come in the order of its key is sorted: runs that fit into memory are
 * sorted there and laid down in the spool, then merged, all of it sealed.
 *
 * One thread takes; when the stream has ended, tables may be asked for by several. A
 * table that the stream has finished may be waited for while it goes on.
 */
#ifndef CRMFS_TABLE_INTAKE_H
#define CRMFS_TABLE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/stream.h"
#include "fs/store/spool.h"
#include "fs/table/image.h"
#include "fs/table/raw_bytes.h"

struct intake;

struct intake_options {
    struct spool *spool;   /* outlives the intake and its images */
    const bool *cancelled; /* atomic, NULL: none */
    uint64_t *rows_done;   /* atomic, NULL: nobody asks */
    /* Told what intake_troubles() lists, as it comes; may be NULL. */
    void (*report)(void *context, const struct failure *why);
    void *report_context;
};

struct intake *intake_create(const struct intake_options *options); /* NULL: no memory */
void intake_free(struct intake *intake);                            /* NULL is allowed */

/*
 * The kind of database that all tables are of, static; NULL: of none, or of several. After the end.
 */
const char *intake_kind(const struct intake *intake);

/* When the data are of; false: nothing says so. After the end. */
bool intake_moment(const struct intake *intake, struct timespec *ret_moment);

/* What a stream is given. */
struct row_taker *intake_taker(struct intake *intake);

/* The stream has ended: groups under way are finished. 0 or -errno. */
int intake_end(struct intake *intake, struct failure *failure);

/* All that needed the stream is done, or it was given up: nobody waits for it any longer. */
void intake_close(struct intake *intake);

/*
 * Waits until the table NAME (NULL: none) is finished, and gives its image, with a reference. From
 * any thread, at any time. -EAGAIN: the intake was closed first; -ECANCELED: CANCELLED (atomic;
 * NULL: never) turned true; else as intake_image.
 */
int intake_early_image(struct intake *intake, const char *name, const bool *cancelled,
                       struct image **ret_image, struct failure *failure);

/* After the end. Tables that were dropped are not counted; the order is that of their names. */
size_t intake_table_count(const struct intake *intake);
struct schema *intake_schema(const struct intake *intake, size_t index); /* borrowed */

/* What makes the table's files fail, borrowed; NULL: nothing does. */
const struct failure *intake_failure(const struct intake *intake, size_t index);

/*
 * The table, sorted if need be, with a reference. 0, what made the table fail, -ENOSPC,
 * -ECANCELED …
 */
int intake_image(struct intake *intake, size_t index, struct image **ret_image,
                 struct failure *failure);

/* The same of a table that failed: the rows that came before. */
int intake_begun_image(struct intake *intake, size_t index, struct image **ret_image,
                       struct failure *failure);

/* The groups of an image that intake_image gave, borrowed as long as the intake. */
void intake_groups(const struct intake *intake, size_t index, const struct image_group **ret_groups,
                   size_t *ret_count);

size_t intake_member_count(const struct intake *intake);
const struct stream_member *intake_member(const struct intake *intake, size_t index);

/* Its bytes, borrowed, if the stream gave them; else NULL. */
struct raw_bytes *intake_member_bytes(const struct intake *intake, size_t index);

/*
 * What the stream found wrong, borrowed: the first INTAKE_TROUBLES_KEPT of it, and one that says
 * how much more there was. An archive made to be wrong leaves room for what others have to say.
 */
#define INTAKE_TROUBLES_KEPT 32
const struct failure *intake_troubles(const struct intake *intake, size_t *ret_count);

/* Whether something is lacking for one of them: so far, for settling a table may add to them. */
bool intake_lacks(struct intake *intake);

/* Whether another reading of the same would give the same. */
bool intake_is_lasting(const struct intake *intake);

#endif
