/* SPDX-License-Identifier: MIT */
/*
 * What was found in an archive but for its rows: tables, members, what was wrong. Kept
 * for the next mount beside the images of its tables, which then need not be looked for
 * in the archive.
 *
 * Its encoded form, all integers little-endian (fs/store/FORMAT.md, "Kept images"):
 *
 *   0  8  "CRMFSCA2"
 *   8  8  when the data were last changed: seconds since 1970
 *  16  4  … and nanoseconds
 *  20  4  tables, 4  members, 4  troubles
 *  32  4  kind of database: 0 none, 1 sqlite, 2 mysql, 3 postgresql
 *   …  …  a table:   4  length of its schema, 4  errno (0: none), 4  length of its words
 *                    the schema (JSON), the words
 *   …  …  a member:  8  bytes, 8  modified, 4  … and nanoseconds, 4  length of its path, the path
 *   …  …  a trouble: 4  errno, 4  length of its words, the words
 */
#ifndef CRMFS_TABLE_INDEX_CATALOGUE_H
#define CRMFS_TABLE_INDEX_CATALOGUE_H

#include <stddef.h>
#include <time.h>

#include "backends/source/stream.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"

/* A larger one is not kept. */
#define INDEX_CATALOGUE_LIMIT ((size_t)8 << 20)

struct index_table {
    struct schema *schema;   /* referenced */
    struct failure *failure; /* what its files give; NULL: nothing is wrong; owned */
};

struct index_catalogue {
    struct timespec changed;
    const char *kind; /* of the database that the tables are of; static; NULL: none */
    size_t table_count;
    struct index_table *tables; /* in the order of their names */
    size_t member_count;
    struct stream_member *members; /* their paths are owned */
    size_t trouble_count;
    struct failure *troubles;
};

/* Into OUTPUT (cleared first). 0, -ENOMEM; -EFBIG: it is too large to be kept. */
int index_catalogue_encode(const struct index_catalogue *catalogue, struct buffer *output);

/* 0, -ENOMEM; -EBADMSG: the encoder would not have written that. */
int index_catalogue_decode(const void *bytes, size_t size, struct index_catalogue *ret_catalogue);
void index_catalogue_release(struct index_catalogue *catalogue); /* zeroed: nothing happens */

#endif
