/* SPDX-License-Identifier: MIT */
/*
 * How much memory unpacking an .xz or .lzma takes, which its beginning says: what was packed within
 * so many bytes may be referred to. Whoever packed it chose that, up to 1.5 GiB, and libarchive
 * takes any; zstd's it bounds itself, at as much as is taken here.
 */
#ifndef CRMFS_SOURCE_XZ_WINDOW_H
#define CRMFS_SOURCE_XZ_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"

#define XZ_WINDOW_MOST ((uint64_t)128 << 20)

/* So much of a beginning is enough. */
#define XZ_BEGIN_BYTES 64

/* Whether what begins so is an .lzma. */
bool lzma_recognise(const void *begin, size_t size);

/* What begins so is refused, with words, if it takes more than XZ_WINDOW_MOST: -EFBIG. */
int xz_window_check(const void *begin, size_t size, struct failure *failure);

#endif
