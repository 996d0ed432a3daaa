/* SPDX-License-Identifier: MIT */
/*
 * A file of an archive's table that is shown while the rest of the archive is still being
 * read. When all is read, its name stands for the file of the archive's generation, which
 * is another inode with the same content.
 */
#ifndef CRMFS_TREE_EARLY_FILE_H
#define CRMFS_TREE_EARLY_FILE_H

#include <time.h>

#include "fs/table/format.h"
#include "fs/table/image.h"
#include "fs/table/reader.h"
#include "fs/tree/node.h"

/*
 * PATH (below the mountpoint) shows IMAGE, which is referenced. CACHE outlives the file and its
 * handles. 0 or -ENOMEM.
 */
int early_file_create(const char *path, struct image *image, enum table_format format,
                      struct timespec modified, struct render_cache *cache, struct node **ret_file);

#endif
