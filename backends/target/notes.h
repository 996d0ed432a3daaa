/* SPDX-License-Identifier: MIT */
/*
 * What is to be said of a table that is written: a line each, printable whatever the names in it
 * hold. A line end is the end of a line, and nothing else in it.
 */
#ifndef CRMFS_TARGET_NOTES_H
#define CRMFS_TARGET_NOTES_H

#include <stdbool.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"

/* Appends a line, cut after FAILURE_TEXT_SIZE. FORMAT as printf, without a line end. 0, -ENOMEM. */
int notes_add(struct buffer *notes, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The line that *AT, which moves on, stands on; NULL: nothing. False: there is none. */
bool notes_next(const char **at, char line[FAILURE_TEXT_SIZE]);

#endif
