/* SPDX-License-Identifier: MIT */
/*
 * Standard output: what a command answers. An answer that did not arrive whole is a failure, which
 * is said on standard error, with what was done nevertheless.
 */
#ifndef CRMFS_TOOLS_OUTPUT_H
#define CRMFS_TOOLS_OUTPUT_H

#include <stddef.h>

/* Writes SIZE bytes. What goes wrong is kept for output_end, as with printf to stdout. */
void output_write(const void *data, size_t size);

/*
 * Ends what was written, by this and by printf; the exit status. DONE: what has happened all the
 * same, such as "the snapshot is taken"; NULL: nothing but the answer was wanted.
 */
int output_end(const char *done);

#endif
