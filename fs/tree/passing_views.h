/* SPDX-License-Identifier: MIT */
/*
 * Views that may show something else although nobody has written anything: what is due by now(),
 * what CURRENT_USER may see, random(). Told by their statements, and in doubt a view is one of
 * them: then it is read anew every refresh time in which somebody looks, which costs time; taken
 * for lasting, it would be shown as it once was.
 */
#ifndef CRMFS_TREE_PASSING_VIEWS_H
#define CRMFS_TREE_PASSING_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

#include "backends/source/schema.h"

/* Of a database of KIND (struct source_class); a view that uses one of them is one, too. */
void passing_views_find(const char *kind, struct schema *const *schemas, size_t count,
                        bool *ret_passing);

#endif
