/* SPDX-License-Identifier: MIT */
#include "fs/store/object_compress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd_errors.h>

#include "fs/store/delta.h"
#include "fs/store/object_body.h"

/*
 * Level 1 looks for matches of 7 bytes at this size; row groups become 1.4 % smaller with 6, at
 * the same speed.
 */
#define FAST_LEVEL 1
#define FAST_MATCH_LEAST 6

/*
 * Level 3 with tables that stay in a core's second cache, and without matches of 5 and 6 bytes,
 * which are many and save little: a first snapshot takes 10 % less of the processor and 5 % more
 * room; text of programs is compressed 17 % faster and decoded 10 % faster.
 */
#define USUAL_LEVEL 3
#define USUAL_MATCH_LEAST 7
#define USUAL_LONG_LOG 15
#define USUAL_SHORT_LOG 14

/*
 * What a program waits for that writes a file: one table, which is looked at once a place. Text of
 * programs takes 12 % less of the processor and 3 % more room, programs 30 % less and the same
 * room, tables as CSV 7 % less and 6 % more.
 */
#define HURRIED_LEVEL 1
#define HURRIED_MATCH_LEAST 7
#define HURRIED_LOG 14

/*
 * Against a parent nearly all is one match or another of it, which fs/store/delta.h finds. Where
 * there is too much else, the window spans both, and long-distance matching finds the long
 * stretches that have moved, whatever the tables of the level have forgotten.
 */
#define DELTA_LEVEL 3
#define DELTA_WINDOW_LOG_LEAST 10
#define PROOF_BYTES_KEPT ((size_t)2 << 20)

struct object_compressor {
    ZSTD_CCtx *context;
    int level;
    bool hurries;
    struct delta *delta; /* NULL until something has a parent; then these as well */
    ZSTD_DCtx *reader;
    struct buffer proof;
};

struct object_compressor *object_compressor_create(int level)
{
    struct object_compressor *compressor = calloc(1, sizeof *compressor);

    if (compressor == NULL)
        return NULL;
    compressor->level = level;
    compressor->proof = BUFFER(OBJECT_DATA_LIMIT);
    compressor->context = ZSTD_createCCtx();
    if (compressor->context == NULL) {
        free(compressor);
        return NULL;
    }
    return compressor;
}

void object_compressor_hurry(struct object_compressor *compressor, bool hurries)
{
    compressor->hurries = hurries;
}

static int set(ZSTD_CCtx *context, ZSTD_cParameter parameter, int value)
{
    return ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) ? -EINVAL : 0;
}

static int set_hurried(ZSTD_CCtx *context)
{
    int error;

    if ((error = set(context, ZSTD_c_compressionLevel, HURRIED_LEVEL)) != 0 ||
        (error = set(context, ZSTD_c_minMatch, HURRIED_MATCH_LEAST)) != 0)
        return error;
    return set(context, ZSTD_c_hashLog, HURRIED_LOG);
}

static int set_usual(ZSTD_CCtx *context)
{
    int error;

    if ((error = set(context, ZSTD_c_compressionLevel, USUAL_LEVEL)) != 0 ||
        (error = set(context, ZSTD_c_minMatch, USUAL_MATCH_LEAST)) != 0 ||
        (error = set(context, ZSTD_c_hashLog, USUAL_LONG_LOG)) != 0)
        return error;
    return set(context, ZSTD_c_chainLog, USUAL_SHORT_LOG);
}

static int set_whole(struct object_compressor *compressor)
{
    ZSTD_CCtx *context = compressor->context;

    if (compressor->level == USUAL_LEVEL)
        return compressor->hurries ? set_hurried(context) : set_usual(context);

    int error = set(context, ZSTD_c_compressionLevel, compressor->level);

    return error == 0 && compressor->level == FAST_LEVEL
               ? set(context, ZSTD_c_minMatch, FAST_MATCH_LEAST)
               : error;
}

static int window_log(size_t bytes)
{
    int log = DELTA_WINDOW_LOG_LEAST;

    while (log < OBJECT_WINDOW_LOG_MOST && ((size_t)1 << log) < bytes)
        log++;
    return log;
}

/* What a call of zstd's has said, and what it has written behind what OUTPUT has. */
static int take_result(size_t got, struct buffer *output)
{
    switch (ZSTD_getErrorCode(got)) {
    case ZSTD_error_no_error: output->size += got; return 0;
    case ZSTD_error_dstSize_tooSmall: return -E2BIG;
    case ZSTD_error_memory_allocation: return -ENOMEM;
    default: return -EINVAL;
    }
}

/* ---- Against a parent ---- */

static int prepare_delta(struct object_compressor *compressor)
{
    if (compressor->delta == NULL)
        compressor->delta = delta_create();
    if (compressor->reader == NULL)
        compressor->reader = ZSTD_createDCtx();
    return compressor->delta != NULL && compressor->reader != NULL ? 0 : -ENOMEM;
}

/*
 * Whether a frame of SIZE bytes at the end of OUTPUT gives the data again. Few programs hand
 * sequences to zstd, and what a backup writes wrong today is found out when the database has gone.
 */
static int prove(struct object_compressor *compressor, const void *data, size_t size,
                 const struct buffer *parent, const struct buffer *output, size_t frame_size)
{
    struct buffer *proof = &compressor->proof;
    int error;

    buffer_clear(proof);
    error = buffer_reserve(proof, size);
    if (error != 0)
        return error;
    if (ZSTD_isError(ZSTD_DCtx_refPrefix(compressor->reader, parent->data, parent->size)))
        return -ENOMEM;

    size_t got = ZSTD_decompressDCtx(compressor->reader, proof->data, size,
                                     output->data + output->size - frame_size, frame_size);

    ZSTD_DCtx_reset(compressor->reader, ZSTD_reset_session_and_parameters);
    if (got != size || memcmp(proof->data, data, size) != 0)
        error = -EBADMSG;
    if (proof->capacity > PROOF_BYTES_KEPT)
        buffer_release(proof);
    return error;
}

/* By what the two have in common. -EBADMSG: it cannot be said so. */
static int compress_found(struct object_compressor *compressor, const void *data, size_t size,
                          const struct buffer *parent, size_t most, struct buffer *output)
{
    ZSTD_CCtx *context = compressor->context;
    size_t before = output->size;
    const ZSTD_Sequence *sequences;
    size_t count;
    int error = prepare_delta(compressor);

    if (error == 0)
        error = delta_find(compressor->delta, data, size, parent, &sequences, &count);
    if (error != 0)
        return error == -E2BIG ? -EBADMSG : error;
    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    if ((error = set(context, ZSTD_c_compressionLevel, FAST_LEVEL)) != 0 ||
        (error = set(context, ZSTD_c_windowLog, window_log(size + parent->size))) != 0 ||
        (error = set(context, ZSTD_c_blockDelimiters, ZSTD_sf_noBlockDelimiters)) != 0)
        return error;
    error = take_result(ZSTD_compressSequences(context, output->data + output->size, most,
                                               sequences, count, data, size),
                        output);
    if (error != 0)
        return error == -EINVAL ? -EBADMSG : error;
    error = prove(compressor, data, size, parent, output, output->size - before);
    if (error != 0)
        output->size = before;
    return error;
}

/* By zstd's own search. */
static int compress_searched(struct object_compressor *compressor, const void *data, size_t size,
                             const struct buffer *parent, size_t most, struct buffer *output)
{
    ZSTD_CCtx *context = compressor->context;
    int error;

    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    if ((error = set(context, ZSTD_c_compressionLevel, DELTA_LEVEL)) != 0 ||
        (error = set(context, ZSTD_c_windowLog, window_log(size + parent->size))) != 0 ||
        (error = set(context, ZSTD_c_enableLongDistanceMatching, 1)) != 0)
        return error;
    if (ZSTD_isError(ZSTD_CCtx_refPrefix(context, parent->data, parent->size)))
        return -ENOMEM;
    return take_result(ZSTD_compress2(context, output->data + output->size, most, data, size),
                       output);
}

/* ---- ---- */

int object_compress(struct object_compressor *compressor, const void *data, size_t size,
                    const struct buffer *parent, size_t most, struct buffer *output)
{
    ZSTD_CCtx *context = compressor->context;
    int error = buffer_reserve(output, most);

    if (error != 0)
        return error;
    if (parent != NULL) {
        error = compress_found(compressor, data, size, parent, most, output);
        return error == -EBADMSG ? compress_searched(compressor, data, size, parent, most, output)
                                 : error;
    }
    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    error = set_whole(compressor);
    if (error != 0)
        return error;
    return take_result(ZSTD_compress2(context, output->data + output->size, most, data, size),
                       output);
}

void object_compressor_free(struct object_compressor *compressor)
{
    if (compressor == NULL)
        return;
    ZSTD_freeCCtx(compressor->context);
    ZSTD_freeDCtx(compressor->reader);
    delta_free(compressor->delta);
    buffer_release(&compressor->proof);
    free(compressor);
}
