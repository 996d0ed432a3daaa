/* SPDX-License-Identifier: MIT */
/*
 * What a file of a stored tree is called: for who is told of damage, and knows files by their
 * names. Goes through the tree's names, as far as they can be read; nothing here changes anything.
 */
#ifndef CRMFS_FILES_PATHS_H
#define CRMFS_FILES_PATHS_H

#include <stddef.h>
#include <stdint.h>

#include "fs/store/object.h"

/*
 * One of its paths from the top of TREE on, "exports/a.csv", without a slash before it; one that is
 * longer than PATH_MAX begins with "…/". 0; -ENOENT: it has no name, or none that can be read and
 * has room.
 */
int file_path_find(struct object_reader *reader, const struct object_reference *tree,
                   uint64_t inode, char *ret_path, size_t size);

#endif
