/* SPDX-License-Identifier: MIT */
/*
 * The inside of an indexed source: its editions (edition.c), its datasets (indexed.c), and
 * how it comes by what they show (indexed_source.c).
 */
#ifndef CRMFS_TABLE_INDEXED_INTERNAL_H
#define CRMFS_TABLE_INDEXED_INTERNAL_H

#include <pthread.h>
#include <string.h>

#include "fs/table/index_catalogue.h"
#include "fs/table/indexed.h"
#include "fs/table/intake.h"

struct indexed_source;

/* What one pass over the stream gave, or what was kept of one; shared by the datasets of it. */
struct edition {
    unsigned references;           /* atomic */
    struct indexed_source *source; /* that it was read from; outlives it */
    struct source *stream;         /* the same */
    struct spool *spool;
    struct intake *intake;            /* NULL: it was kept … */
    struct index_catalogue catalogue; /* … as this */
    struct source_version version;
    struct source_identity identity;
    struct timespec modified; /* of what is read; from its first table on */
    struct timespec changed;  /* as it says itself; when all is read */
    const char *kind;         /* of the database that its tables are of; static; NULL: none */
    bool complete;            /* atomic: every table is settled, so that all of them can be kept */

    pthread_mutex_t lock;       /* guards all below */
    struct raw_bytes **fetched; /* members' bytes; NULL: none yet */
    struct edition *full; /* of a kept one: the same, read; referenced; NULL: not needed yet */
};

/* One reference; without intake and catalogue. NULL: no memory. */
struct edition *edition_create(struct indexed_source *source, const struct source_version *version);
struct edition *edition_reference(struct edition *edition);
void edition_release(struct edition *edition); /* NULL is allowed */

/* Its tables, in the order of their names; its members; borrowed. */
size_t edition_table_count(const struct edition *edition);
struct schema *edition_schema(const struct edition *edition, size_t table);
const struct failure *edition_failure(const struct edition *edition, size_t table);
size_t edition_member_count(const struct edition *edition);
const struct stream_member *edition_member(const struct edition *edition, size_t member);

/*
 * The edition itself, or the same one read again, borrowed, and the table in it. -ESTALE: what was
 * read has changed since.
 */
int edition_full(struct edition *edition, size_t table, struct edition **ret_full,
                 size_t *ret_table, struct failure *failure);

/* The member's bytes, if somebody has had them, referenced; or NULL. */
struct raw_bytes *edition_member_bytes(struct edition *edition, size_t member);
void edition_keep_bytes(struct edition *edition, size_t member, struct raw_bytes *bytes);

/* All but the rows, as it is kept. -EFBIG, -ENOMEM. */
int edition_encode(const struct edition *edition, struct buffer *output);

/*
 * Reads again what KEPT was kept of, for there is more to be known of it than was kept: the
 * edition that this gives, with a reference.
 */
int indexed_source_read_again(struct indexed_source *source, const struct edition *kept,
                              struct edition **ret_full, struct failure *failure);

/* Its stream and its spool, borrowed. */
struct source *indexed_source_stream(const struct indexed_source *source);
struct spool *indexed_source_spool(const struct indexed_source *source);

/* A dataset of the edition, which is referenced. 0 or -ENOMEM. */
int edition_dataset(struct edition *edition, struct dataset **ret_dataset);

static inline bool same_version(const struct source_version *left,
                                const struct source_version *right)
{
    return memcmp(left, right, sizeof *left) == 0;
}

#endif
