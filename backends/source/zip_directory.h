/* SPDX-License-Identifier: MIT */
/*
 * What the directory at the end of a ZIP says of its large members (APPNOTE 4.3.12, 4.3.14,
 * 4.5.3): enough to unfold one straight from the file. libarchive decides what members there
 * are; where this directory does not say the very same, libarchive unfolds as well.
 */
#ifndef CRMFS_SOURCE_ZIP_DIRECTORY_H
#define CRMFS_SOURCE_ZIP_DIRECTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/inflate_stream.h"

/* Smaller ones are not worth it. */
#define ZIP_LARGE_BYTES ((uint64_t)64 << 10)

struct zip_directory;

struct zip_place {
    uint64_t offset; /* of the member's compressed data in the file … */
    uint64_t bytes;  /* … and how many they are */
    struct inflate_promise promise;
};

/* FILE is borrowed. NULL: it is no ZIP that can be read so, or no memory. */
struct zip_directory *zip_directory_read(int file);
void zip_directory_free(struct zip_directory *directory); /* NULL is allowed */

/*
 * The large member, deflated and not encrypted, whose data begin at OFFSET of FILE. False: none
 * does.
 */
bool zip_directory_find(const struct zip_directory *directory, int file, uint64_t offset,
                        struct zip_place *ret_place);

#endif
