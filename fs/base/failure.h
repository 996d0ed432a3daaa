/* SPDX-License-Identifier: MIT */
/*
 * What went wrong, in words for the user: what was tried, on what, what failed,
 * what to do. Functions return -errno; those that can say more also take a
 * struct failure, which the caller owns and may pass as NULL.
 */
#ifndef CRMFS_BASE_FAILURE_H
#define CRMFS_BASE_FAILURE_H

#include <stddef.h>

#define FAILURE_TEXT_SIZE 1000

struct failure {
    int code;                     /* errno value; 0: nothing failed */
    char text[FAILURE_TEXT_SIZE]; /* NUL-terminated UTF-8; other bytes shown as \xNN */
};

/* Words a failure (when FAILURE is not NULL) and returns -CODE. CODE is a positive errno. */
int failure_set(struct failure *failure, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * What to say of ERROR (-errno) that came with FAILURE: its words if they are of that error. They
 * may be of one that was overcome before, when there was no memory for others.
 */
const char *failure_text(const struct failure *failure, int error);

/* Puts "PREFIX: " before what a deeper layer said, or makes it of strerror; returns -CODE. */
int failure_prefix(struct failure *failure, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Puts "NAME: " before it, the name of a source, unless it names that already: with or without
 * its scheme. Returns -CODE.
 */
int failure_name(struct failure *failure, int code, const char *name);

/*
 * Copies FROM with control characters and what is not UTF-8 as \xNN, cut at a character to fit
 * TO_SIZE with its NUL; returns the length. A message may quote names from outside; what reaches a
 * terminal must not steer it.
 */
size_t printable_copy(char *to, size_t to_size, const char *from);

#endif
