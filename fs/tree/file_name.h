/* SPDX-License-Identifier: MIT */
/*
 * What a table's files are called: its stem and ".csv", ".json" or ".ndjson"
 * (fs/table/README.md, "File names"). The stem depends on nothing but the
 * tables' names and their order.
 */
#ifndef CRMFS_TREE_FILE_NAME_H
#define CRMFS_TREE_FILE_NAME_H

#include <stddef.h>

#define FILE_NAME_MOST_BYTES 255

/*
 * The stems of all COUNT tables of a dataset, in the order of their names, no two equal, each
 * short enough for the longest extension. The 16 digits that an ending has are the first 8 bytes
 * of the name's BLAKE2b-256. 0 or -ENOMEM; the caller frees with file_stems_free.
 */
int file_stems_create(const char *const *table_names, size_t count, char ***ret_stems);

void file_stems_free(char **stems); /* NULL is allowed */

/* NAME, or as much of it as fits, cut at a character or a %XX, with such an ending. */
void file_name_cut(const char *name, char cut[FILE_NAME_MOST_BYTES + 1]);

#endif
