/* SPDX-License-Identifier: MIT */
/*
 * The files of a dataset's folder, whatever the dataset comes from: each table
 * in every format, then datapackage.json and schema.sql. Immutable once made.
 */
#ifndef CRMFS_TREE_FILE_SET_H
#define CRMFS_TREE_FILE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "fs/base/buffer.h"
#include "fs/base/name_map.h"
#include "fs/store/tables.h"
#include "fs/table/format.h"

/* Beside the tables' files, after them. */
enum extra_file {
    FILE_PACKAGE, /* datapackage.json */
    FILE_DDL,     /* schema.sql */
    EXTRA_FILES
};

struct file_set {
    size_t table_count;
    char **stems; /* of the tables' files */
    size_t count; /* table_count * FORMAT_COUNT + EXTRA_FILES; a table's formats stand together */
    char **names;
    struct name_map *map; /* names to indexes, of those that are shown */
};

/* HIDDEN: of the tables, those that have no files to be shown. 0 or -ENOMEM. */
int file_set_create(const char *const *table_names, const bool *hidden, size_t table_count,
                    struct file_set *ret_set);

/* The same of a source in a snapshot: a view of which there is only the statement is hidden. */
int file_set_of_stored(const struct stored_source *source, struct file_set *ret_set);
void file_set_release(struct file_set *set);

/* Whether there is such a file: not of a table that is hidden. */
bool file_is_shown(const struct file_set *set, size_t index);

/* The file's index, or -ENOENT. */
ssize_t file_set_find(const struct file_set *set, const char *name);

/*
 * The table whose files have the stem NAME: what the folder of its rows is called. -ENOENT: none,
 * or a file is called that.
 */
ssize_t file_set_find_stem(const struct file_set *set, const char *name);

static inline bool file_is_table(const struct file_set *set, size_t index)
{
    return index < set->table_count * FORMAT_COUNT;
}

static inline bool file_is_extra(const struct file_set *set, size_t index, enum extra_file extra)
{
    return index == set->table_count * FORMAT_COUNT + extra;
}

static inline size_t file_table(size_t index)
{
    return index / FORMAT_COUNT;
}

static inline enum table_format file_format(size_t index)
{
    return (enum table_format)(index % FORMAT_COUNT);
}

/* Appends the text of an extra file. 0, -ENOMEM or -EFBIG. */
int file_set_write_extra(const struct file_set *set, size_t index, const char *dataset_name,
                         struct schema *const *schemas, struct buffer *text);

#endif
