/* SPDX-License-Identifier: MIT */
/*
 * The objects that a snapshot consists of, as bytes: tree, image, page, schema
 * (FORMAT.md, "Tables"). A tree names images, an image its schema and its pages, a
 * page row groups. The same content always gives the same bytes, so that what has
 * not changed is the same object. Decoders refuse whatever the encoder would not
 * have written; what they were given must not be trusted to be true, only to be
 * well-formed.
 */
#ifndef CRMFS_STORE_TABLES_H
#define CRMFS_STORE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/schema.h"
#include "fs/base/buffer.h"
#include "fs/store/object.h"

/* ---- Page ---- */

#define PAGE_GROUPS_LIMIT 1024

struct stored_group {
    struct object_reference reference;
    uint64_t first_key; /* hash of its first row's key; 0: a later fragment of a row */
    uint64_t csv_bytes; /* what it is when rendered */
    uint64_t ndjson_bytes;
    uint32_t rows;
};

/* Whether a page that now ends in GROUP, its COUNT-th, is complete. */
bool page_ends_after(const struct stored_group *group, size_t count);

/* COUNT groups, 1 to PAGE_GROUPS_LIMIT, into OUTPUT (cleared first). 0, -ENOMEM, -EFBIG. */
int page_encode(const struct stored_group *groups, size_t count, struct buffer *output);

/* The groups are the caller's to free. 0, -EBADMSG, -ENOMEM. */
int page_decode(const void *bytes, size_t size, struct stored_group **ret_groups,
                size_t *ret_count);

/* ---- Image ---- */

#define STORED_DIGEST_BYTES 32

struct stored_image {
    uint64_t rows;
    uint64_t csv_bytes; /* of its groups together: without CSV's header line */
    uint64_t ndjson_bytes;
    uint8_t digest[STORED_DIGEST_BYTES]; /* over the ids of its row groups: equal for equal rows */
    struct object_reference schema;
    size_t page_count;
    struct object_reference *pages;
};

int stored_image_encode(const struct stored_image *image, struct buffer *output);
int stored_image_decode(const void *bytes, size_t size, struct stored_image *ret_image);
void stored_image_release(struct stored_image *image); /* zeroed: nothing happens */

/* ---- Schema ---- */

/* The text members may be any bytes without NUL. 0, -ENOMEM, -EFBIG. */
int schema_encode(const struct schema *schema, struct buffer *output);
int schema_decode(const void *bytes, size_t size, struct schema **ret_schema);

/* ---- Tree ---- */

#define TREE_SOURCES_LIMIT 10000
#define TREE_KIND_LIMIT 32 /* bytes */

struct stored_table {
    char *name; /* as its schema has it */
    struct object_reference image;
    uint64_t rows;
    uint64_t csv_bytes; /* lengths of the table's files in these formats, header line included */
    uint64_t ndjson_bytes;
};

/*
 * Whether it is a view of which the snapshot has nothing but its statement: without columns there
 * is no header line either.
 */
static inline bool stored_table_is_statement(const struct stored_table *table)
{
    return table->rows == 0 && table->csv_bytes <= 1;
}

/* Names of tables, in the order of their bytes, which differ. */
struct stored_names {
    size_t count;
    char **names;
};

/* Adds a copy of NAME, once. 0 or -ENOMEM. */
int stored_names_add(struct stored_names *names, const char *name);

/*
 * What a source that is partial lacks. Older snapshots do not say it: there is nothing in any of
 * them. ONLY and WITHOUT are what somebody asked for, LACKING and UNSEEN nobody did.
 */
struct stored_source {
    char *name;    /* of its folder: no '/' and no control bytes */
    char *kind;    /* what kind of database it was: "sqlite" */
    bool partial;  /* tables of it were left out, or may have been */
    bool has_only; /* no tables were asked for but those in ONLY, perhaps none */
    struct stored_names only;
    struct stored_names without; /* not asked for, or of a dump without; empty if HAS_ONLY */
    struct stored_names lacking; /* could not be read; of a view its statement is kept */
    bool unseen;                 /* there may be tables that nobody was told of: its user may not
                                    see all, or parts of an archive could not be read */
    uint64_t time_ns;            /* of its transaction, since 1970 */
    size_t table_count;
    struct stored_table *tables; /* in the source's order; names differ */
};

struct stored_tree {
    size_t source_count;
    struct stored_source *sources; /* in the order of their names, which differ */
    bool lacks_files; /* the store had something in files/, which could not be read: it is left out
                       */
};

/* Whether tables of one of its sources were left out, or files/ was. */
static inline bool stored_tree_is_partial(const struct stored_tree *tree)
{
    bool partial = tree->lacks_files;

    for (size_t i = 0; i < tree->source_count; i++)
        partial |= tree->sources[i].partial;
    return partial;
}

/*
 * What of SOURCE could not be read, one name a call; PLACE is zero at first. NULL: no more. Of
 * older snapshots it is the views of which there is the statement only.
 */
const char *stored_source_next_lacking(const struct stored_source *source, size_t *place);

/*
 * Whether SOURCE lacks more, or may: less than all was asked for, its user was not told of all, or
 * nobody knows any more.
 */
bool stored_source_lacks_more(const struct stored_source *source);

void stored_source_release(struct stored_source *source); /* zeroed: nothing happens */

int stored_tree_encode(const struct stored_tree *tree, struct buffer *output);
int stored_tree_decode(const void *bytes, size_t size, struct stored_tree *ret_tree);
void stored_tree_release(struct stored_tree *tree); /* zeroed: nothing happens */

#endif
