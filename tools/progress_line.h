/* SPDX-License-Identifier: MIT */
/*
 * One line on the terminal that says how far long work has come, drawn anew a few times
 * a second by a thread of its own. Where standard error is no terminal there is none.
 */
#ifndef CRMFS_TOOLS_PROGRESS_LINE_H
#define CRMFS_TOOLS_PROGRESS_LINE_H

#include <stddef.h>

#include "fs/store/progress.h"

struct progress_line;

/* Writes what is to be seen SECONDS after the beginning, without a line end. */
typedef void progress_text(void *context, double seconds, char *text, size_t size);

/* NULL: there is no terminal, or no thread to be had; both are no reason not to work. */
struct progress_line *progress_line_begin(progress_text *write, void *context);

/* The same for work that tells of itself in phases: it is given what ret_progress says. */
struct progress_line *progress_line_begin_phases(struct store_progress *ret_progress);

/* Before a message: takes the line away until it is drawn again. */
void progress_line_clear(struct progress_line *line);

/* Takes the line away. NULL is allowed. */
void progress_line_end(struct progress_line *line);

#endif
