/* SPDX-License-Identifier: MIT */
/*
 * The last refusals in words, for .crmfs/errors. A line is
 *
 *   2026-11-20T12:00:00Z EIO live/crm/contacts.csv: what failed, and what to do
 *
 * and one that comes again, be it for another format of the table, only counts up and becomes the
 * newest: "(7 times, last 2026-…Z)".
 * Its memory is set aside when it is made, so that adding never fails. All
 * functions but create and free may be called from several threads at once.
 */
#ifndef CRMFS_TREE_ERROR_LOG_H
#define CRMFS_TREE_ERROR_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"

/* Bytes of a line's path and words together; the longest line is under 100 bytes more. */
#define ERROR_LOG_WORDS_SIZE 1280

struct error_log;

/* Keeps the last KEPT refusals (at least 1). 0 or -ENOMEM. */
int error_log_create(size_t kept, struct error_log **ret_log);

/* PATH is below the mountpoint, "" for none; it is escaped and cut as need be. */
void error_log_add(struct error_log *log, const char *path, const struct failure *failure);

/* Appends all lines, those that came last at the end. 0, -ENOMEM or -EFBIG; then nothing is
 * appended. */
int error_log_text(struct error_log *log, struct buffer *output);

/* How many refusals there have been: it rises whenever the text changes. */
uint64_t error_log_serial(struct error_log *log);

/* How many lines the text has. */
size_t error_log_count(struct error_log *log);

void error_log_free(struct error_log *log); /* NULL is allowed */

#endif
