/* SPDX-License-Identifier: MIT */
/*
 * The folders live/ and archives/: every source that the mount was given, in the one
 * that it belongs in. An archive is shown by the same means as a database (live.h),
 * once it has been read through (fs/table/indexed.h), which is put off until somebody
 * looks into its folder.
 */
#ifndef CRMFS_TREE_SOURCE_FOLDERS_H
#define CRMFS_TREE_SOURCE_FOLDERS_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/tree/live.h"
#include "fs/tree/tree.h"

enum source_folder { FOLDER_LIVE, FOLDER_ARCHIVES, SOURCE_FOLDERS };

struct source_folders;

struct source_folders_options {
    const struct generation_context *context; /* outlives the folders */
    uint64_t refresh_ns;
    uint64_t view_timeout_ns;
    unsigned busy_timeout_ms;
    bool write_live;  /* rows of those in live/ can be written back */
    bool always_live; /* there is a live/, if only an empty one, unless there are archives */
    live_report *report;
    void *report_context;
};

/* Opens the sources. As source_open; -EEXIST: two have one name in one folder. */
int source_folders_create(const struct source_folders_options *options,
                          const struct tree_source *sources, size_t source_count,
                          struct source_folders **ret_folders, struct failure *failure);

/* Adds those that there are to the root. 0 or -ENOMEM. */
int source_folders_add(struct source_folders *folders, struct node *root);

/* Its sources, in the order given. */
size_t source_folders_count(const struct source_folders *folders, enum source_folder folder);
struct live *source_folders_live(const struct source_folders *folders, enum source_folder folder,
                                 size_t index);
const char *source_folders_name(const struct source_folders *folders, enum source_folder folder,
                                size_t index); /* borrowed from the sources given */

/* Appends the objects of a JSON array's inside. */
int source_folders_status(const struct source_folders *folders, enum source_folder folder,
                          struct buffer *text);

void source_folders_tend(struct source_folders *folders);

/*
 * Has what was read of databases kept, and read from there: for a table that the spool has no room
 * for. Takes as long as that takes.
 */
void source_folders_relieve_spool(struct source_folders *folders);

/* After every node, handle and listing is given back. NULL is allowed. */
void source_folders_free(struct source_folders *folders);

#endif
