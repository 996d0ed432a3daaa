/* SPDX-License-Identifier: MIT */
/*
 * A shelf of backups: a folder, or a pattern as of glob(7), whose files are a source each, called
 * as they are. What of it is none, is noted.
 */
#ifndef CRMFS_TOOLS_SHELF_H
#define CRMFS_TOOLS_SHELF_H

#include "tools/sources.h"

/*
 * 1: PATH, an absolute one, stood for several files, which were added; 0: it does not. -EINVAL: it
 * cannot be read, there is nothing in it, or a name is taken; -ENOMEM.
 */
int shelf_add(struct source_list *list, const char *path, struct failure *failure);

#endif
