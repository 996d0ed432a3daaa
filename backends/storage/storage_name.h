/* SPDX-License-Identifier: MIT */
/* Which names a storage takes: the rule of storage.h, for every implementation. */
#ifndef CRMFS_STORAGE_NAME_H
#define CRMFS_STORAGE_NAME_H

#include <stdbool.h>

/* A file's name: 1 to 3 segments of printable ASCII, none "." or "..", at most STORAGE_NAME_LIMIT.
 */
bool storage_name_valid(const char *name);

#endif
