/* SPDX-License-Identifier: MIT */
/* Whether a table has other columns or keys than it had, whoever wrote down what makes it. */
#ifndef CRMFS_TOOLS_SCHEMA_DIFFERENCE_H
#define CRMFS_TOOLS_SCHEMA_DIFFERENCE_H

#include <stdbool.h>

#include "backends/source/schema.h"

/*
 * Columns differ in their names, order, types, in whether they may be NULL or are generated; keys
 * in their columns. KIND: that of the databases of both, which write the same DDL for the same
 * table, so that it counts as well (ddl_differs()); NULL: they are of several. Of a view of which
 * one has only the statement, nothing is compared. 0, -ENOMEM.
 */
int schema_differs(const struct schema *from, const struct schema *to, const char *kind,
                   bool *ret_differs);

#endif
