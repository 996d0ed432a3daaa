/* SPDX-License-Identifier: MIT */
/*
 * MariaDB's sequences are tables in a live database, and none in a dump of it (backends/source,
 * dump_change.c): that a snapshot has none of them does not say that there were none.
 */
#ifndef CRMFS_TOOLS_DIFF_SEQUENCE_H
#define CRMFS_TOOLS_DIFF_SEQUENCE_H

#include <stdbool.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"
#include "fs/store/tables.h"
#include "tools/diff_pairs.h"

/*
 * Whether the table that one of both alone has is a sequence, and OTHER, the tree that lacks it,
 * has the source without any. 0, -EIO, -ENOMEM.
 */
int diff_is_untold_sequence(struct object_reader *reader, const struct diff_pair *pair,
                            const struct stored_tree *other, bool *ret_untold,
                            struct failure *failure);

#endif
