/* SPDX-License-Identifier: MIT */
/*
 * An image: one table at one moment, as an ordered list of sealed row groups
 * with their exact lengths in every format. Immutable once made, counted, safe
 * from several threads. A file in some format consists of parts: part 0 is the
 * head, parts 1 … groups are the row groups, the last is the tail.
 */
#ifndef CRMFS_TABLE_IMAGE_H
#define CRMFS_TABLE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/schema.h"
#include "fs/base/failure.h"
#include "fs/store/kept.h"
#include "fs/store/object.h"
#include "fs/store/spool.h"
#include "fs/table/format.h"
#include "fs/table/row_group.h"

#define IMAGE_DIGEST_BYTES 16

/* Where a row group is kept: a spool's blob, an object of a store, a piece of a kept image. */
union group_place {
    struct spool_blob blob;
    struct object_reference object;
    struct kept_place kept;
};

/* One row group, as a scan makes it. */
struct image_group {
    union group_place place;
    uint64_t first_key; /* hash of its first row's key (fs/table/cutter.h); 0 for a row's later
                           fragments, and where groups are not cut by it */
    uint8_t digest[IMAGE_DIGEST_BYTES]; /* XXH3-128 of the encoded group */
    struct row_group_measure measure;
};

struct image;

/*
 * An image of GROUPS, whose blobs become its own (also when it fails: they are
 * dropped then). 0 or -ENOMEM.
 */
int image_create(struct schema *schema, struct spool *spool, const struct image_group *groups,
                 size_t group_count, struct image **ret_image);

/* An image of groups in a store, whose reader outlives it. 0 or -ENOMEM. */
int image_create_stored(struct schema *schema, struct object_reader *objects,
                        const struct image_group *groups, size_t group_count,
                        struct image **ret_image);

/* An image of the groups of KEPT, which becomes its own (also when it fails). 0 or -ENOMEM. */
int image_create_kept(struct schema *schema, struct kept *kept, const struct image_group *groups,
                      size_t group_count, struct image **ret_image);
struct image *image_reference(struct image *image);
void image_release(struct image *image); /* NULL is allowed */

uint64_t image_number(const struct image *image); /* unique in the process, never reused */
uint64_t image_rows(const struct image *image);
uint64_t image_stored_bytes(const struct image *image);
bool image_is_kept(const struct image *image);          /* in an image cache */
size_t image_memory_bytes(const struct image *image);   /* that it takes itself, about */
struct schema *image_schema(const struct image *image); /* borrowed */

/* What an image shows, in short: equal for equal rows in one process (not beyond it). */
struct image_identity {
    uint8_t digest[IMAGE_DIGEST_BYTES];
    uint64_t rows;
};
struct image_identity image_identity(const struct image *image);

/* Exact length of the file in FORMAT, bytes. */
uint64_t image_size(const struct image *image, enum table_format format);

/* Where OFFSET lies: the part, where that starts, and its length. OFFSET is below the file's
 * length. */
struct image_part {
    size_t number;
    uint64_t start;
    uint64_t size;
};
struct image_part image_find(const struct image *image, enum table_format format, uint64_t offset);

/* The part after PART; its size is 0 when PART was the last. */
struct image_part image_next(const struct image *image, enum table_format format,
                             const struct image_part *part);

/* The part will be rendered soon: whatever is slow about fetching it may begin. */
void image_expect(const struct image *image, const struct image_part *part);

/* What rendering needs besides memory for the result; reused between calls, zeroed at first. */
struct image_scratch {
    struct buffer encoded;
    struct kept_scratch kept;
    struct row_group_view view;
    struct format_plan *plan; /* of the schema that was rendered last; NULL at first */
};
void image_scratch_release(struct image_scratch *scratch);

/*
 * Renders a part into OUTPUT (cleared first). -EIO when the spool is damaged or
 * the result has not the length that was promised; never wrong bytes.
 */
int image_render(struct image *image, enum table_format format, const struct image_part *part,
                 struct image_scratch *scratch, struct buffer *output, struct failure *failure);

/*
 * Whether a group of a kept image could not be read: the image has been of use until now, and
 * whoever has it is to get another one of the same rows. Images elsewhere are never lost.
 */
bool image_is_lost(const struct image *image);

/* ---- Its groups, for those that keep them elsewhere ---- */

size_t image_group_count(const struct image *image);
struct row_group_measure image_group_measure(const struct image *image, size_t index);

/* The part that shows group INDEX in FORMAT. */
struct image_part image_group_part(const struct image *image, enum table_format format,
                                   size_t index);

/* The group that ROW (below image_rows) ends in, and how many rows the groups before it have. */
size_t image_group_of_row(const struct image *image, uint64_t row, uint64_t *ret_rows_before);

/* The encoded group, into scratch->encoded. -EIO, -ENOMEM. */
int image_group_read(struct image *image, size_t index, struct image_scratch *scratch,
                     struct failure *failure);

#endif
