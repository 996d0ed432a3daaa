/* SPDX-License-Identifier: MIT */
/* What can be done when the tree of files/ cannot be read any more: for `crmfs repair`. */
#ifndef CRMFS_FILES_SET_BACK_H
#define CRMFS_FILES_SET_BACK_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"

#define SET_BACK_TEXT_SIZE 300

/*
 * If nodes of files/ are lost: makes it what the newest record, or else the newest snapshot, says
 * of which nodes and content can all be read; or an empty one. RET_TEXT: which; empty: it stays as
 * it is. 0; -EROFS with words: somebody else writes to files/; -errno.
 */
int files_set_back(struct store *store, char ret_text[SET_BACK_TEXT_SIZE], struct failure *failure);

#endif
