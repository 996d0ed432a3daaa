/* SPDX-License-Identifier: MIT */
/*
 * Whether a tree of files/ makes sense: what can be read is not yet a directory. Every name leads
 * to a file, and every file has as many names as it says; directories know their parents, and
 * extents their sizes. What cannot be read, fs/store/check.h finds. Memory does not grow with the
 * tree.
 */
#ifndef CRMFS_FILES_VERIFY_H
#define CRMFS_FILES_VERIFY_H

#include <stdint.h>

#include "fs/store/check.h"

/*
 * Of files/ as it is now and as all snapshots have it; a report's place is set. RET_FINDINGS: how
 * many there were. 0, whatever was found; -errno: it could not go on.
 */
int files_verify(struct store *store, check_report *report, void *context, uint64_t *ret_findings,
                 struct failure *failure);

#endif
