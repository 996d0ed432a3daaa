/* SPDX-License-Identifier: MIT */
/* A program that is run beside us, with the descriptors that it is given and none of our others. */
#ifndef CRMFS_BASE_CHILD_H
#define CRMFS_BASE_CHILD_H

#include <stddef.h>
#include <sys/types.h>

/* Both lists end with NULL; all is borrowed until child_start returns. */
struct child_program {
    const char *path; /* without a '/': looked for in our $PATH */
    char *const *arguments;
    char *const *environment;
};

/*
 * Starts it: its descriptors 0, 1 … are these, COUNT of them, -1 being ours of the same number. The
 * caller waits for *ret_process. SIGPIPE, which we ignore, ends it as it ends others. 0; as
 * posix_spawn, -ENOENT where there is no such program.
 */
int child_start(const struct child_program *program, const int *descriptors, size_t count,
                pid_t *ret_process);

#endif
