/* SPDX-License-Identifier: MIT */
/*
 * The spool: sealed blobs on disk for as long as the process lives. The files
 * have no name (O_TMPFILE, or unlinked at once) and the key is random and only
 * in memory, so that nothing remains after a SIGKILL but noise on free blocks.
 *
 * Blobs go one after another into segments. A segment's blobs are counted; the
 * space of a dropped blob is given back to the disk at once where the file
 * system can punch holes, and the segment's file goes with its last blob.
 *
 * Safe from several threads at once.
 */
#ifndef CRMFS_STORE_SPOOL_H
#define CRMFS_STORE_SPOOL_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"

struct spool;
struct spool_segment;

/* Where a blob is. Plain data: copy it at will, drop it once. */
struct spool_blob {
    struct spool_segment *segment;
    uint64_t number;     /* of this blob in the spool's life: its nonce */
    uint32_t offset;     /* in the segment, bytes */
    uint32_t size;       /* sealed bytes in the segment, 0: an empty reference */
    uint32_t plain_size; /* bytes that spool_get gives; more than size - SEAL_OVERHEAD_BYTES:
                            compressed */
};

struct spool_options {
    const char *directory; /* NULL: $TMPDIR, or /tmp */
    uint64_t limit_bytes;  /* 0: half of what is free there now */
};

/* -ENOENT, -EACCES, -EROFS … for the directory, -ENOMEM. */
int spool_create(const struct spool_options *options, struct spool **ret_spool,
                 struct failure *failure);

/*
 * Adds SIZE bytes. Compressed (zstd's fastest) only once the spool is half full:
 * until then disk is cheaper than time. -ENOSPC when the bound or the disk is
 * full, -EIO …; nothing is kept then.
 */
int spool_put(struct spool *spool, const void *bytes, size_t size, struct spool_blob *ret_blob,
              struct failure *failure);

/*
 * Reads a blob into OUTPUT, which is cleared first. -EIO when what is read is
 * not what was put, whoever changed it.
 */
int spool_get(struct spool *spool, const struct spool_blob *blob, struct buffer *output,
              struct failure *failure);

/* The blob will be read soon: the kernel may fetch it from the disk meanwhile. */
void spool_expect(const struct spool_blob *blob);

/* Gives the blob's space back. */
void spool_drop(struct spool *spool, const struct spool_blob *blob);

struct spool_usage {
    uint64_t used_bytes;
    uint64_t limit_bytes;
};
void spool_usage(struct spool *spool, struct spool_usage *ret_usage);
const char *spool_directory(const struct spool *spool);

/* After every blob is dropped. */
void spool_free(struct spool *spool);

#endif
