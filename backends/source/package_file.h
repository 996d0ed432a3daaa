/* SPDX-License-Identifier: MIT */
/*
 * The files of a package's directory (package.h): its own, so no link out of it, and nothing but
 * regular files.
 */
#ifndef CRMFS_SOURCE_PACKAGE_FILE_H
#define CRMFS_SOURCE_PACKAGE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "fs/base/buffer.h"
#include "fs/base/failure.h"

/* The directory; both are borrowed. */
struct package_folder {
    const char *path;
    const bool *cancelled; /* atomic; NULL: nobody calls it off */
};

/* A file that is read in order. */
struct package_file {
    struct byte_stream stream; /* fails with -ECANCELED, or in words that name the file */
    const struct package_folder *folder;
    const char *name; /* borrowed */
    int file;
    uint8_t *piece;
};

/* Words CODE, an errno, of the file NAME; -CODE. */
int package_file_refuse(const struct package_folder *folder, const char *name, int code,
                        struct failure *failure);

/* A descriptor of the file NAME, the caller's to close. -EINVAL: it is no regular file. */
int package_file_descriptor(const struct package_folder *folder, const char *name, int *ret_file,
                            struct failure *failure);

/* *ret_file is to be closed in any case; one that was never opened has the descriptor -1. */
int package_file_open(const struct package_folder *folder, const char *name,
                      struct package_file *ret_file, struct failure *failure);
void package_file_close(struct package_file *file);

#define cleanup_package_file __attribute__((__cleanup__(package_file_close)))

/* All of a file, and a NUL behind it; the caller's to release. -EFBIG: more than LIMIT bytes. */
int package_file_whole(const struct package_folder *folder, const char *name, size_t limit,
                       struct buffer *ret_text, struct failure *failure);

#endif
