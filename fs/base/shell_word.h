/* SPDX-License-Identifier: MIT */
/* A path as a command that is shown to somebody has it, so that a shell takes it for what it is. */
#ifndef CRMFS_BASE_SHELL_WORD_H
#define CRMFS_BASE_SHELL_WORD_H

#include <limits.h>
#include <stddef.h>

#define SHELL_WORD_SIZE (4 * (size_t)PATH_MAX + 16) /* an escape takes four bytes for one */

/*
 * PATH, in quotes where it needs them, behind "-- " where it begins with a dash: so it is the last
 * of its command. What is longer than a path can be is cut. Returns WORD.
 */
const char *shell_word(const char *path, char word[SHELL_WORD_SIZE]);

#endif
