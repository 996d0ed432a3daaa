/* SPDX-License-Identifier: MIT */
/*
 * The names that a data package calls its tables by. Frictionless allows only
 * [-a-z0-9._/] in them and no two equal, so they are made from the tables' own,
 * which stand beside as titles; and keys refer to tables by them.
 */
#ifndef CRMFS_TABLE_RESOURCE_NAMES_H
#define CRMFS_TABLE_RESOURCE_NAMES_H

#include <stddef.h>

#include "backends/source/schema.h"

/* Room for a sanitised name, its NUL, and a number that makes it unique. */
#define RESOURCE_NAME_SIZE 128

struct resource_names;

/* Of the tables in the order given; borrows the schemas. 0 or -ENOMEM. */
int resource_names_create(struct schema *const *schemas, size_t count,
                          struct resource_names **ret_names);

/* The name of table number TABLE, borrowed. */
const char *resource_name(const struct resource_names *names, size_t table);

/*
 * The number of the table called TABLE_NAME, else of the first whose name differs in ASCII case
 * only (databases that ignore case let foreign keys be declared in any). 0, -ENOENT or -ENOMEM.
 */
int resource_names_find(const struct resource_names *names, const char *table_name,
                        size_t *ret_table);

void resource_names_free(struct resource_names *names); /* NULL is allowed */

/* Lower case; what is not allowed becomes '-', a run of it only one; "table" when nothing is left.
 */
void resource_name_sanitise(const char *name, char sanitised[RESOURCE_NAME_SIZE]);

#endif
