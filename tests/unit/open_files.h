/* SPDX-License-Identifier: MIT */
/* The process's own open files, found through /proc: files without a name have no other way in. */
#ifndef CRMFS_TESTS_OPEN_FILES_H
#define CRMFS_TESTS_OPEN_FILES_H

#include <stddef.h>

/*
 * Fills in up to MOST descriptors, one of each file opened for writing in
 * DIRECTORY, rising; returns how many there are.
 */
size_t open_files_in(const char *directory, int *descriptors, size_t most);

/* Makes a directory of its own under $TMPDIR or /tmp; the name is to be freed. */
char *scratch_directory(void);

/* Removes it; fails when anything is left in it. */
void scratch_directory_remove(char *directory);

/* Turns one bit of the file over; again, and it is as before. */
void damage_file(int descriptor, long long offset);

#endif
