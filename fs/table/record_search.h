/* SPDX-License-Identifier: MIT */
/*
 * Looks for a row by its key in the order in which an image's rows stand, without reading it
 * through: some ten row groups are opened of a table of millions of rows. Which order that is the
 * database alone knows, so the answer is a place to look in; that the row is not there says
 * something only where the order is beyond doubt, as it is of numbers.
 */
#ifndef CRMFS_TABLE_RECORD_SEARCH_H
#define CRMFS_TABLE_RECORD_SEARCH_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/stream.h"
#include "fs/base/failure.h"
#include "fs/table/image.h"
#include "fs/table/record_name.h"

/*
 * The group in which the row of the key CELLS (one a column of KEY) begins, if texts are compared
 * by ORDER; -ENOENT: before the first. *ret_sure: there is no other that it could be in. -EIO,
 * -ENOMEM.
 */
int record_search(struct image *image, const struct record_key *key, const struct cell *cells,
                  enum key_order order, size_t *ret_group, bool *ret_sure, struct failure *failure);

#endif
