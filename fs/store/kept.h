/* SPDX-License-Identifier: MIT */
/*
 * Kept images: live tables and archives that were read through once, kept for the next mount
 * (FORMAT.md, "Kept images"). Each is one file of an image cache (image_cache.h), named after
 * what it shows, sealed as all of the store is, written once and never changed. They can be done
 * without: one that is gone or damaged is read from its source again.
 *
 * This header is a file of one; it knows groups as bytes with their lengths, not what is in them.
 * What is known of an archive beside its tables is kept as a file of one group.
 */
#ifndef CRMFS_STORE_KEPT_H
#define CRMFS_STORE_KEPT_H

#include <stddef.h>
#include <stdint.h>
#include <zstd.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/image_cache.h"

#define KEPT_DIGEST_BYTES 16
#define KEPT_GROUPS_LIMIT ((size_t)1 << 18) /* some 100 GB of cells */
#define KEPT_GROUP_LIMIT ((size_t)8 << 20)  /* bytes of one group */

/* Where a group is. */
struct kept_place {
    uint64_t offset;
    uint32_t sealed_size;
    uint32_t size; /* bytes that kept_read gives; more than are sealed: compressed */
};

struct kept_group {
    struct kept_place place;
    uint64_t csv_bytes; /* what it is when rendered */
    uint64_t ndjson_bytes;
    uint32_t rows;
    uint8_t digest[KEPT_DIGEST_BYTES]; /* the caller's, of the bytes */
};

/* ---- Reading. Safe from several threads at once, but for the scratch. ---- */

struct kept;

/*
 * Opens what CACHE has under KEY; from now on it is in use, and was used last. The groups are the
 * caller's to free. -ENOENT: nothing; -EBADMSG: it was damaged, and is removed; -ENOMEM, -EIO.
 */
int kept_open(struct image_cache *cache, const struct image_key *key, struct kept **ret_kept,
              struct kept_group **ret_groups, size_t *ret_count, struct failure *failure);

/* Memory for reading; reused between calls, zeroed at first. */
struct kept_scratch {
    struct buffer sealed;
    struct buffer packed;
    ZSTD_DCtx *decompressor;
};
void kept_scratch_release(struct kept_scratch *scratch);

/* Group NUMBER into OUTPUT (cleared first). -EBADMSG, -ENOENT, -EIO …: it is lost; -ENOMEM. */
int kept_read(struct kept *kept, size_t number, const struct kept_place *place,
              struct kept_scratch *scratch, struct buffer *output);

/* The group will be read soon: the kernel may fetch it from the disk meanwhile. */
void kept_expect(const struct kept *kept, const struct kept_place *place);

/* What could not be read is of no use to anybody: removes it. */
void kept_discard(struct kept *kept);
void kept_close(struct kept *kept); /* NULL is allowed; before its cache is freed */

/* ---- Writing, by one thread ---- */

struct kept_writer;

/* -EROFS, -EOPNOTSUPP (no files without a name there), -ENOSPC … */
int kept_writer_create(struct image_cache *cache, const struct image_key *key,
                       struct kept_writer **ret_writer, struct failure *failure);

/* Adds the next group, whose place is set here. -ENOSPC: it would never fit into the bound. */
int kept_writer_add(struct kept_writer *writer, const void *bytes, const struct kept_group *group,
                    struct failure *failure);

/*
 * Gives the file its name; until then it has none. Older content of the same table goes, and
 * what was not used for longest, until the bound holds. 0 also when it was there already.
 */
int kept_writer_finish(struct kept_writer *writer, struct failure *failure);
void kept_writer_free(struct kept_writer *writer); /* NULL is allowed */

#endif
