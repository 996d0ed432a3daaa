/* SPDX-License-Identifier: MIT */
/*
 * The names that a walk through a folder has come across, and how often it has opened each. Without
 * memory a name is not noted: the walk then sees its moment longer, which harms nobody. Not locked.
 */
#ifndef CRMFS_TREE_MET_NAMES_H
#define CRMFS_TREE_MET_NAMES_H

#include <stdbool.h>

/* A set of them is a pointer to one; NULL: none. */
struct met_name;

/* Whether NAME is new to the walk; notes it. */
bool met_names_note(struct met_name **names, const char *name);

/* NAME, noted if it is new, has been opened once more. */
void met_names_count_opening(struct met_name **names, const char *name);

unsigned met_names_times_opened(const struct met_name *names, const char *name);

void met_names_forget(struct met_name **names);

#endif
