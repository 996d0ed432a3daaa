/* SPDX-License-Identifier: MIT */
/*
 * A stream as an ordinary source: read through once, into images in a spool, and
 * from then on a dataset as any other, until what it is read from changes. The
 * images are shown as they are; a scan of such a dataset copies nothing.
 *
 * It is read by a thread of the source's own, whoever asks first; others wait with him,
 * for all of it or for one table that is finished before.
 */
#ifndef CRMFS_TABLE_INDEXED_H
#define CRMFS_TABLE_INDEXED_H

#include <stddef.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "backends/source/stream.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/base/turns.h"
#include "fs/store/image_cache.h"
#include "fs/store/spool.h"
#include "fs/table/image.h"
#include "fs/table/raw_bytes.h"

struct indexed_options {
    struct spool *spool;   /* outlives the source, its datasets and their images */
    const bool *cancelled; /* atomic, NULL: none */
    struct turns *turns;   /* shared by sources: so many are read at once; NULL: any number */
    /* Where earlier mounts have kept what they found; outlives the source; NULL: there is none. */
    struct image_cache *cache;
    /* Told what is wrong with parts of the stream, as it is read; may be NULL. */
    void (*report)(void *context, const struct failure *why);
    void *report_context;
};

/* STREAM is taken over, also on failure. 0 or -ENOMEM. */
int indexed_source_create(struct source *stream, const struct indexed_options *options,
                          struct source **ret_source);

/* Whether it is such a source. */
bool indexed_source_is(const struct source *source);

/* Whether all that there is now is read. */
bool indexed_source_is_read(struct source *base);

/*
 * Has the stream read, where what is known of it does not hold, and waits until the table NAME
 * (NULL: none) can be shown: its image, with a reference, and when what it is read from was last
 * modified. -EAGAIN: all is read, a dataset tells the rest; -ECANCELED: CANCELLED (atomic; NULL:
 * never) turned true; else what made the table fail.
 */
int indexed_source_early(struct source *base, const char *name, const bool *cancelled,
                         struct image **ret_image, struct timespec *ret_modified,
                         struct failure *failure);

/* Whether the dataset is of such a source. */
bool indexed_dataset_is(const struct dataset *dataset);

/* The table's image, which then need not be scanned, with a reference. As intake_image. */
int indexed_dataset_image(struct dataset *dataset, size_t table, struct image **ret_image,
                          struct failure *failure);

/*
 * What makes the table fail, borrowed as long as the dataset; NULL: nothing does. Then there is no
 * image of it but of the rows that came before.
 */
const struct failure *indexed_dataset_failure(const struct dataset *dataset, size_t table);
int indexed_dataset_begun_image(struct dataset *dataset, size_t table, struct image **ret_image,
                                struct failure *failure);

/*
 * Whether parts of what it was read from are lacking, and their tables with them, if they had any:
 * as far as is known yet, for a table's own matters come up when its image is asked for.
 */
bool indexed_dataset_lacks(const struct dataset *dataset);

/*
 * Whether all that is needed to keep the dataset for the next mount is there: then no image takes
 * long, and its catalogue (index_catalogue.h) is what is to be kept beside them. False also when
 * it is what an earlier mount kept, or is not to be kept.
 */
bool indexed_dataset_is_complete(const struct dataset *dataset);

/* Its catalogue. -EFBIG: it is too large; -ENOMEM. */
int indexed_dataset_encode(const struct dataset *dataset, struct buffer *output);

/* --- members ------------------------------------------------------------------------------ */

size_t indexed_dataset_member_count(const struct dataset *dataset);

/* Borrowed: as long as the dataset. */
const struct stream_member *indexed_dataset_member(const struct dataset *dataset, size_t index);

/* The member's bytes, with a reference, fetched from the source if need be. 0, -EIO, -ESTALE … */
int indexed_dataset_member_bytes(struct dataset *dataset, size_t index,
                                 struct raw_bytes **ret_bytes, struct failure *failure);

/* Another dataset of the same moment. 0 or -ENOMEM. */
int indexed_dataset_share(struct dataset *dataset, struct dataset **ret_dataset);

#endif
