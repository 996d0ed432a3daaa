/* SPDX-License-Identifier: MIT */
/*
 * The inside of an indexed source (indexed_source.c): its editions (edition.c), how it comes by
 * them (indexed_pass.c), and its datasets (indexed.c).
 */
#ifndef CRMFS_TABLE_INDEXED_INTERNAL_H
#define CRMFS_TABLE_INDEXED_INTERNAL_H

#include <pthread.h>
#include <string.h>

#include "fs/table/index_catalogue.h"
#include "fs/table/indexed.h"
#include "fs/table/intake.h"

struct indexed_source {
    struct source source;
    struct source_class class; /* the stream's kind in it */
    struct source *stream;
    struct indexed_options options;
    uint64_t rows_done; /* atomic; of the pass under way, or the last */

    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t passed;
    struct edition *edition; /* NULL: not read yet */
    struct edition *next;    /* that a thread is making; NULL: none is */
    uint64_t passes;         /* that have ended */
    bool has_thread;         /* it is to be joined, when next is NULL */
    bool leave_off;          /* atomic: … and is not to settle more tables */
    pthread_t thread;
    /* Of the last pass, if it failed: */
    struct failure failure; /* code 0: it did not */
    struct source_version failed_version;
    uint64_t failed_ns;
};

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
bool edition_lacks(const struct edition *edition);
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
 * Sees to it that what there is now is read, or is being read. A pass that is under way goes on,
 * whatever becomes of what it reads: it notices. The source's lock is held, as for all of these.
 */
int indexed_pass_see_to(struct indexed_source *source, struct failure *failure);

/* Begins one, over a stream of that VERSION, instead of the edition that there is. */
int indexed_pass_start(struct indexed_source *source, const struct source_version *version,
                       struct failure *failure);

/* Waits for the one under way; then there is an edition, or it has failed. Lets the lock go. */
int indexed_pass_await(struct indexed_source *source, struct failure *failure);

/* Waits for its thread, which leaves off what nobody has asked for. */
void indexed_pass_join(struct indexed_source *source);

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
