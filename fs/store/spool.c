/* SPDX-License-Identifier: MIT */
#include "fs/store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>
#include <zstd.h>

#include "fs/base/memory.h"
#include "fs/store/seal.h"
#include "fs/store/spool_file.h"
#include "fs/store/spool_scratch.h"

#define SEGMENT_BYTES ((uint64_t)128 << 20)
#define SEGMENT_BYTES_MOST ((uint64_t)2 << 30)
#define SEGMENTS_WANTED 256 /* of two descriptors each, that a full spool may take */
#define BLOB_BYTES_MOST ((size_t)64 << 20)
#define LANES 4
#define COMPRESSION_LEVEL 1

struct spool_segment {
    struct spool_file file;
    /* Guarded by the spool's lock: */
    uint64_t end;  /* where the next blob goes */
    uint64_t live; /* blobs not dropped, those being written included */
    bool current;  /* a lane writes to it */
};

struct spool {
    char *directory;
    bool counts_anew; /* the limit is half of what is free, not what somebody said */
    uint64_t segment_bytes;
    struct sealer *sealer;
    struct scratches scratches;

    pthread_mutex_t lock; /* guards all below */
    uint64_t limit_bytes;
    uint64_t used_bytes;
    uint64_t blob_number;
    struct spool_segment *current[LANES]; /* what each lane writes to; NULL at first */
};

static const char *default_directory(void)
{
    const char *directory = getenv("TMPDIR");

    return directory != NULL && directory[0] != '\0' ? directory : "/tmp";
}

static void segment_free(struct spool_segment *segment)
{
    spool_file_close(&segment->file);
    free(segment);
}

/*
 * Threads that write at the same time write to segments of their own, so that what
 * each of them writes in order can be read in order: the kernel then reads ahead.
 */
static unsigned lane_of_thread(void)
{
    static unsigned threads;
    static _Thread_local unsigned own; /* from 1; 0: not numbered yet */

    if (own == 0)
        own = __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED);
    return own % LANES;
}

/* Where a blob of SIZE bytes begins: a large one at a block, so that it can be read directly. */
static uint64_t begin_of(const struct spool_segment *segment, size_t size)
{
    uint64_t over = segment->end % SPOOL_FILE_BLOCK_BYTES;

    return size < SPOOL_FILE_LARGE_BYTES || over == 0
               ? segment->end
               : segment->end + SPOOL_FILE_BLOCK_BYTES - over;
}

/* Makes sure that the lane's segment has room for SIZE bytes. The spool's lock is held. */
static int make_room(struct spool *spool, unsigned lane, size_t size)
{
    struct spool_segment *current = spool->current[lane];

    if (current != NULL && begin_of(current, size) + size <= spool->segment_bytes)
        return 0;

    struct spool_segment *segment = calloc(1, sizeof *segment);

    if (segment == NULL)
        return -ENOMEM;

    int error = spool_file_open(spool->directory, &segment->file);

    if (error != 0) {
        free(segment);
        return error;
    }
    segment->current = true;
    spool->current[lane] = segment;
    if (current != NULL)
        current->current = false;
    if (current != NULL && current->live == 0)
        segment_free(current);
    return 0;
}

static int refuse_directory(struct failure *failure, const char *directory, int code)
{
    return failure_set(failure, code,
                       "cannot use %s for the spool: %s; give another one with -o spool=DIR",
                       directory, strerror(code));
}

int spool_create(const struct spool_options *options, struct spool **ret_spool,
                 struct failure *failure)
{
    const char *directory = options->directory != NULL ? options->directory : default_directory();
    struct statvfs space;

    if (statvfs(directory, &space) != 0)
        return refuse_directory(failure, directory, errno);

    struct spool *spool = calloc(1, sizeof *spool);

    if (spool == NULL)
        return -ENOMEM;
    pthread_mutex_init(&spool->lock, NULL);
    scratches_init(&spool->scratches,
                   BLOB_BYTES_MOST + SEAL_OVERHEAD_BYTES + (size_t)2 * SPOOL_FILE_BLOCK_BYTES,
                   BLOB_BYTES_MOST);
    spool->limit_bytes = options->limit_bytes != 0 ? options->limit_bytes
                                                   : (uint64_t)space.f_bavail * space.f_frsize / 2;
    spool->counts_anew = options->limit_bytes == 0;
    spool->segment_bytes = spool->limit_bytes / SEGMENTS_WANTED;
    if (spool->segment_bytes < SEGMENT_BYTES)
        spool->segment_bytes = SEGMENT_BYTES;
    if (spool->segment_bytes > SEGMENT_BYTES_MOST)
        spool->segment_bytes = SEGMENT_BYTES_MOST;
    spool->directory = strdup(directory);

    int error = spool->directory == NULL
                    ? -ENOMEM
                    : sealer_create_random(seal_best_cipher(), &spool->sealer, failure);

    /* A directory that cannot be written to is to be known now, not at the first table. */
    if (error == 0 && (error = make_room(spool, lane_of_thread(), 0)) != 0)
        refuse_directory(failure, directory, -error);
    if (error != 0) {
        spool_free(spool);
        return error;
    }
    *ret_spool = spool;
    return 0;
}

/* Room may have been made on the disk since. The spool's lock is held. */
static bool is_full(struct spool *spool, size_t size)
{
    uint64_t wanted = spool->used_bytes + size;
    struct statvfs space;

    if (wanted > spool->limit_bytes && spool->counts_anew &&
        statvfs(spool->directory, &space) == 0) {
        uint64_t half = ((uint64_t)space.f_bavail * space.f_frsize + spool->used_bytes) / 2;

        if (half > spool->limit_bytes)
            spool->limit_bytes = half;
    }
    return wanted > spool->limit_bytes;
}

static int refuse_full(const struct spool *spool, struct failure *failure)
{
    unsigned long long limit_mib = spool->limit_bytes >> 20;

    return spool->counts_anew
               ? failure_set(failure, ENOSPC,
                             "the disk of the spool in %s has no room: the spool has taken %llu "
                             "MiB, half of what was free; make room there, or give another "
                             "directory with -o spool=DIR",
                             spool->directory, limit_mib)
               : failure_set(failure, ENOSPC,
                             "the spool in %s has reached its bound of %llu MiB: raise it with "
                             "-o spool-size=SIZE, or close files that are no longer needed",
                             spool->directory, limit_mib);
}

static int reserve(struct spool *spool, struct spool_blob *blob, struct failure *failure)
{
    size_t size = blob->size;
    unsigned lane = lane_of_thread();
    int error;

    pthread_mutex_lock(&spool->lock);
    if (is_full(spool, size))
        error = refuse_full(spool, failure);
    else if ((error = make_room(spool, lane, size)) != 0)
        failure_set(failure, -error, "cannot make a spool file in %s: %s", spool->directory,
                    strerror(-error));
    if (error == 0) {
        blob->segment = spool->current[lane];
        blob->offset = (uint32_t)begin_of(blob->segment, size);
        blob->number = spool->blob_number++;
        blob->segment->end = blob->offset + size;
        blob->segment->live++;
        spool->used_bytes += size;
    }
    pthread_mutex_unlock(&spool->lock);
    return error;
}

/* Compresses into scratch->packed if that makes it smaller; *BYTES and *SIZE then point there. */
static int pack(struct scratch *scratch, const void **bytes, size_t *size)
{
    if (scratch->compressor == NULL)
        scratch->compressor = ZSTD_createCCtx();
    if (scratch->compressor == NULL)
        return -ENOMEM;
    buffer_clear(&scratch->packed);

    int error = buffer_reserve(&scratch->packed, *size);

    if (error != 0)
        return error;

    size_t packed = ZSTD_compressCCtx(scratch->compressor, scratch->packed.data, *size - 1, *bytes,
                                      *size, COMPRESSION_LEVEL);

    if (!ZSTD_isError(packed)) {
        *bytes = scratch->packed.data;
        *size = packed;
    }
    return 0;
}

static int put_with(struct spool *spool, struct scratch *scratch, const void *bytes, size_t size,
                    struct spool_blob *blob, struct failure *failure)
{
    struct spool_usage usage;
    int error;

    blob->plain_size = (uint32_t)size;
    spool_usage(spool, &usage);
    if (usage.used_bytes > usage.limit_bytes / 2 && size > 1) {
        error = pack(scratch, &bytes, &size);
        if (error != 0)
            return error;
    }
    blob->size = (uint32_t)(size + SEAL_OVERHEAD_BYTES);
    buffer_clear(&scratch->sealed);
    error = buffer_reserve(&scratch->sealed, blob->size);
    if (error == 0)
        error = reserve(spool, blob, failure);
    if (error != 0)
        return error;

    error = seal(spool->sealer, blob->number, &blob->plain_size, sizeof blob->plain_size, bytes,
                 size, scratch->sealed.data);
    if (error == 0)
        error =
            spool_file_write(&blob->segment->file, scratch->sealed.data, blob->size, blob->offset);
    if (error != 0) {
        spool_drop(spool, blob);
        return failure_set(failure, -error, "cannot write to the spool in %s: %s", spool->directory,
                           strerror(-error));
    }
    return 0;
}

int spool_put(struct spool *spool, const void *bytes, size_t size, struct spool_blob *ret_blob,
              struct failure *failure)
{
    if (size > BLOB_BYTES_MOST)
        return failure_set(failure, EFBIG, "a piece of %zu bytes is too large for the spool", size);

    struct scratch *scratch = scratch_take(&spool->scratches);

    if (scratch == NULL)
        return -ENOMEM;

    struct spool_blob blob = {0};
    int error = put_with(spool, scratch, bytes, size, &blob, failure);

    scratch_give(&spool->scratches, scratch);
    if (error == 0)
        *ret_blob = blob;
    return error;
}

static int unpack(struct scratch *scratch, size_t packed_size, const struct spool_blob *blob,
                  struct buffer *output)
{
    if (scratch->decompressor == NULL)
        scratch->decompressor = ZSTD_createDCtx();
    if (scratch->decompressor == NULL)
        return -ENOMEM;

    size_t size = ZSTD_decompressDCtx(scratch->decompressor, output->data, blob->plain_size,
                                      scratch->packed.data, packed_size);

    return ZSTD_isError(size) || size != blob->plain_size ? -EBADMSG : 0;
}

static int get_with(struct spool *spool, struct scratch *scratch, const struct spool_blob *blob,
                    struct buffer *output)
{
    size_t sealed_plain = blob->size - SEAL_OVERHEAD_BYTES;
    bool packed = sealed_plain != blob->plain_size;
    const uint8_t *sealed;
    int error;

    buffer_clear(output);
    buffer_clear(&scratch->packed);
    if ((error = buffer_reserve(output, blob->plain_size)) != 0 ||
        (packed && (error = buffer_reserve(&scratch->packed, sealed_plain)) != 0) ||
        (error = spool_file_read(&blob->segment->file, blob->size, blob->offset, &scratch->sealed,
                                 &sealed)) != 0)
        return error;
    error = unseal(spool->sealer, blob->number, &blob->plain_size, sizeof blob->plain_size, sealed,
                   blob->size, packed ? scratch->packed.data : output->data);
    if (error == 0 && packed)
        error = unpack(scratch, sealed_plain, blob, output);
    if (error == 0)
        output->size = blob->plain_size;
    return error;
}

int spool_get(struct spool *spool, const struct spool_blob *blob, struct buffer *output,
              struct failure *failure)
{
    struct scratch *scratch = scratch_take(&spool->scratches);

    if (scratch == NULL)
        return -ENOMEM;

    int error = get_with(spool, scratch, blob, output);

    scratch_give(&spool->scratches, scratch);
    if (error == -ENOMEM)
        return error;
    return error == 0 ? 0
                      : failure_set(failure, EIO,
                                    "a spool file in %s is damaged (%s): unmount and mount again",
                                    spool->directory, strerror(-error));
}

void spool_expect(const struct spool_blob *blob)
{
    spool_file_expect(&blob->segment->file, blob->offset, blob->size);
}

void spool_drop(struct spool *spool, const struct spool_blob *blob)
{
    struct spool_segment *segment = blob->segment;
    bool dead = false;

    if (segment == NULL)
        return;
    spool_file_punch(&segment->file, blob->offset, blob->size);
    pthread_mutex_lock(&spool->lock);
    spool->used_bytes -= blob->size;
    segment->live--;
    if (segment->live == 0) {
        dead = !segment->current;
        segment->end = 0;
        /* The ends of blobs that shared a page with the next one's. */
        if (!dead)
            (void)!ftruncate(segment->file.descriptor, 0);
    }
    pthread_mutex_unlock(&spool->lock);
    if (dead)
        segment_free(segment);
}

void spool_usage(struct spool *spool, struct spool_usage *ret_usage)
{
    pthread_mutex_lock(&spool->lock);
    *ret_usage = (struct spool_usage){spool->used_bytes, spool->limit_bytes};
    pthread_mutex_unlock(&spool->lock);
}

const char *spool_directory(const struct spool *spool)
{
    return spool->directory;
}

void spool_free(struct spool *spool)
{
    if (spool == NULL)
        return;
    for (unsigned i = 0; i < LANES; i++) {
        if (spool->current[i] != NULL)
            segment_free(spool->current[i]);
    }
    scratches_release(&spool->scratches);
    sealer_free(spool->sealer);
    pthread_mutex_destroy(&spool->lock);
    free(spool->directory);
    free(spool);
}
