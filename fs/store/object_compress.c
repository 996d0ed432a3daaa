/* SPDX-License-Identifier: MIT */
#include "fs/store/object_compress.h"

#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "fs/store/object_body.h"

/*
 * Level 1 looks for matches of 7 bytes at this size; row groups become 1.4 % smaller with 6, at
 * the same speed.
 */
#define FAST_LEVEL 1
#define FAST_MATCH_LEAST 6

/*
 * Against a parent nearly all is one match or another of it; what matters is that all of the
 * parent is found. The window spans both; long-distance matching finds the long stretches that
 * have moved, whatever the tables of the level have forgotten. 64 groups of a table of activities
 * in which 1 % of the rows had changed: 616 KB at level 1 with a large table, 379 KB at level 3,
 * 49 KB at level 3 with long-distance matching (at half the speed of the first).
 */
#define DELTA_LEVEL 3
#define DELTA_WINDOW_LOG_LEAST 10

struct object_compressor {
    ZSTD_CCtx *context;
    int level;
};

struct object_compressor *object_compressor_create(int level)
{
    struct object_compressor *compressor = calloc(1, sizeof *compressor);

    if (compressor == NULL)
        return NULL;
    compressor->level = level;
    compressor->context = ZSTD_createCCtx();
    if (compressor->context == NULL) {
        free(compressor);
        return NULL;
    }
    return compressor;
}

static int set(ZSTD_CCtx *context, ZSTD_cParameter parameter, int value)
{
    return ZSTD_isError(ZSTD_CCtx_setParameter(context, parameter, value)) ? -EINVAL : 0;
}

static int set_whole(struct object_compressor *compressor)
{
    int error = set(compressor->context, ZSTD_c_compressionLevel, compressor->level);

    if (error == 0 && compressor->level == FAST_LEVEL)
        error = set(compressor->context, ZSTD_c_minMatch, FAST_MATCH_LEAST);
    return error;
}

static int window_log(size_t bytes)
{
    int log = DELTA_WINDOW_LOG_LEAST;

    while (log < OBJECT_WINDOW_LOG_MOST && ((size_t)1 << log) < bytes)
        log++;
    return log;
}

static int set_delta(struct object_compressor *compressor, size_t size, const struct buffer *parent)
{
    ZSTD_CCtx *context = compressor->context;
    int window = window_log(size + parent->size);
    int error;

    if ((error = set(context, ZSTD_c_compressionLevel, DELTA_LEVEL)) != 0 ||
        (error = set(context, ZSTD_c_windowLog, window)) != 0 ||
        (error = set(context, ZSTD_c_enableLongDistanceMatching, 1)) != 0)
        return error;
    return ZSTD_isError(ZSTD_CCtx_refPrefix(context, parent->data, parent->size)) ? -ENOMEM : 0;
}

int object_compress(struct object_compressor *compressor, const void *data, size_t size,
                    const struct buffer *parent, size_t most, struct buffer *output)
{
    ZSTD_CCtx *context = compressor->context;
    int error = buffer_reserve(output, most);

    if (error != 0)
        return error;
    ZSTD_CCtx_reset(context, ZSTD_reset_session_and_parameters);
    error = parent != NULL ? set_delta(compressor, size, parent) : set_whole(compressor);
    if (error != 0)
        return error;

    size_t got = ZSTD_compress2(context, output->data + output->size, most, data, size);

    switch (ZSTD_getErrorCode(got)) {
    case ZSTD_error_no_error: output->size += got; return 0;
    case ZSTD_error_dstSize_tooSmall: return -E2BIG;
    case ZSTD_error_memory_allocation: return -ENOMEM;
    default: return -EINVAL;
    }
}

void object_compressor_free(struct object_compressor *compressor)
{
    if (compressor == NULL)
        return;
    ZSTD_freeCCtx(compressor->context);
    free(compressor);
}
