/* SPDX-License-Identifier: MIT */
/*
 * What an export writes to: standard output, or a file of a folder that appears under its
 * name only when it is whole and on disk.
 */
#ifndef CRMFS_TOOLS_EXPORT_FILE_H
#define CRMFS_TOOLS_EXPORT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "fs/base/failure.h"

struct export_file {
    int descriptor;
    int folder;       /* borrowed; -1: standard output */
    const char *name; /* borrowed; in the folder, or what messages call it */
    char temporary[48];
    off_t start;    /* where a regular file behind standard output began */
    bool truncates; /* such a file is cut to its start when the export fails */
};

/* NAME in FOLDER, both outlive the file. 0 or -errno. */
int export_file_create(int folder, const char *name, struct export_file *ret_file,
                       struct failure *failure);
void export_file_standard(struct export_file *ret_file);

/* All of the pieces, which are used up. -EPIPE: nobody listens any more. */
int export_file_write(struct export_file *file, struct iovec *pieces, unsigned count,
                      struct failure *failure);

/* Makes it durable, of the time TIME_NS, and gives it its name. Ends the file either way. */
int export_file_finish(struct export_file *file, uint64_t time_ns, struct failure *failure);

/* Leaves nothing of it that could be taken for the whole. */
void export_file_abandon(struct export_file *file);

#endif
