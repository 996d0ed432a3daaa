/* SPDX-License-Identifier: MIT */
/* What is said of a snapshot that was taken, on standard output. */
#ifndef CRMFS_TOOLS_TAKEN_H
#define CRMFS_TOOLS_TAKEN_H

#include "fs/store/log.h"
#include "fs/store/tables.h"
#include "tools/left_out.h"

/* BACKUP: the file that it is of; NULL: it is no import. */
void taken_to_people(const struct snapshot *snapshot, const struct stored_tree *tree,
                     const char *backup);

/* 0, -ENOMEM or -EFBIG, with words. */
int taken_as_json(const struct snapshot *snapshot, const struct stored_tree *tree,
                  const char *backup, const struct left_out *left_out, struct failure *failure);

#endif
