/* SPDX-License-Identifier: MIT */
/* Whether what makes a table says something else than it did, and not only in other words. */
#ifndef CRMFS_TOOLS_DDL_DIFFERENCE_H
#define CRMFS_TOOLS_DDL_DIFFERENCE_H

#include <stdbool.h>

/*
 * FROM and TO: statements as a schema has them, of databases of KIND. White space does not count,
 * nor the number that comes next (AUTO_INCREMENT=7). PostgreSQL's, which pg_dump spreads over other
 * statements than a live database, are compared by defaults, constraints and indexes; what else
 * they say of columns, the schema has. 0, -ENOMEM.
 */
int ddl_differs(const char *kind, const char *from, const char *to, bool *ret_differs);

#endif
