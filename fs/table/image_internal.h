/* SPDX-License-Identifier: MIT */
/* The inside of an image, shared by its lengths (image.c) and its bytes (image_render.c). */
#ifndef CRMFS_TABLE_IMAGE_INTERNAL_H
#define CRMFS_TABLE_IMAGE_INTERNAL_H

#include "fs/table/image.h"

struct group {
    union group_place place;
    uint64_t csv_end; /* bytes of all groups up to and with this one */
    uint64_t ndjson_end;
    uint64_t rows_end;
};

struct image {
    unsigned references; /* atomic */
    uint64_t number;
    struct schema *schema;
    uint64_t head_bytes[FORMAT_COUNT];
    /* Where the groups are, one of them: */
    struct spool *spool; /* its blobs are the image's */
    struct object_reader *objects;
    struct kept *kept; /* the image's */
    bool lost;         /* atomic */
    uint64_t stored_bytes;
    uint8_t digest[IMAGE_DIGEST_BYTES];
    size_t group_count;
    struct group groups[];
};

#endif
