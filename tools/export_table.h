/* SPDX-License-Identifier: MIT */
/* What is exported, into a file that is there already; the file is ended either way. */
#ifndef CRMFS_TOOLS_EXPORT_TABLE_H
#define CRMFS_TOOLS_EXPORT_TABLE_H

#include <stdbool.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"
#include "fs/store/tables.h"
#include "fs/table/format.h"
#include "fs/tree/file_set.h"
#include "tools/export_file.h"

struct render_cache;

/* With what all files of an export are made; borrowed. */
struct export_means {
    struct object_reader *reader;
    struct render_cache *cache;
    enum table_format format;
    const bool *stopped; /* atomic: asks for an early end */
};

/* The whole table in the means' format. -ECANCELED, -EIO, -ENOMEM, what writing refused. */
int export_table(const struct export_means *means, const struct stored_source *source,
                 const struct stored_table *table, struct export_file *file,
                 struct failure *failure);

/* One of a folder's other files. The same errors. */
int export_extra(const struct export_means *means, const struct stored_source *source,
                 const struct file_set *set, size_t index, struct export_file *file,
                 struct failure *failure);

#endif
