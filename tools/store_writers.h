/* SPDX-License-Identifier: MIT */
/* Who may write to a store besides its owner: he reads nothing of it, but can destroy it. */
#ifndef CRMFS_TOOLS_STORE_WRITERS_H
#define CRMFS_TOOLS_STORE_WRITERS_H

#include <stdbool.h>

/* Whether the permissions of the directory PATH, or of a folder in it, let others than its owner
 * write there. False where that cannot be told. */
bool store_writers_any(const char *path);

/* Warns of it. */
void store_writers_tell(const char *path);

#endif
