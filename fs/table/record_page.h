/* SPDX-License-Identifier: MIT */
/*
 * The rows of one row group of an image, by the names that they have as files of their own
 * (record_name.h), and where in the table's NDJSON each of them stands. Immutable, counted.
 */
#ifndef CRMFS_TABLE_RECORD_PAGE_H
#define CRMFS_TABLE_RECORD_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/table/image.h"
#include "fs/table/record_name.h"

/* A row: its line in the table's NDJSON file is its own file's content. */
struct record {
    uint64_t offset;
    uint64_t bytes;
    uint64_t digest; /* of the line; of a row in fragments only of its beginning and its length */
    uint64_t name_hash;
    size_t name;        /* where its name begins among the page's; of use to the page alone */
    bool may_be_second; /* record_name_may_be_taken */
};

struct record_page;

/* The rows that begin in group INDEX (record_rows_begin). 0, -EIO, -ENOMEM. */
int record_page_create(struct image *image, const struct record_key *key, size_t index,
                       struct record_page **ret_page, struct failure *failure);
struct record_page *record_page_reference(struct record_page *page);
void record_page_release(struct record_page *page); /* NULL is allowed */

/* The number of the image, and of the group. */
uint64_t record_page_image(const struct record_page *page);
size_t record_page_group(const struct record_page *page);

size_t record_page_rows(const struct record_page *page);

/* Borrowed; NULL: the row has no name. */
const char *record_page_name(const struct record_page *page, size_t row);
const struct record *record_page_record(const struct record_page *page, size_t row);

/* The first row of that NAME, borrowed; NULL: it is not here. */
const struct record *record_page_find(const struct record_page *page, const char *name);

/* What pages and indexes know names by. */
uint64_t record_name_hash(const char *name, size_t size);

#endif
