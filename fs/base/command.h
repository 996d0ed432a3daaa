/* SPDX-License-Identifier: MIT */
/* A command of the user's that prints a secret: run by /bin/sh, its output read. */
#ifndef CRMFS_BASE_COMMAND_H
#define CRMFS_BASE_COMMAND_H

#include <stddef.h>
#include <sys/types.h>

#include "fs/base/failure.h"

/*
 * Runs COMMAND, which gets none of our files but standard input and error, and
 * reads at most ROOM bytes of what it prints into SECRET (the caller's, so that it
 * may be locked memory), without the line end. NOUN names the command in the
 * words of a failure: "the password command". When it prints ROOM bytes or more,
 * *ret_size is ROOM and it is ended. 0; -EIO: it failed; or as pipe and posix_spawn.
 */
int command_output(const char *command, const char *noun, char *secret, size_t room,
                   size_t *ret_size, struct failure *failure);

/* Reads DESCRIPTOR to its end, at most ROOM bytes. The size or -errno. */
ssize_t read_to_end(int descriptor, char *secret, size_t room);

/* SIZE without the line end that the text may end in. */
size_t without_line_end(const char *text, size_t size);

#endif
