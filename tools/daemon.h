/* SPDX-License-Identifier: MIT */
/* Going on in the background, once there is something to go on with. */
#ifndef CRMFS_TOOLS_DAEMON_H
#define CRMFS_TOOLS_DAEMON_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"

#define DAEMON_INHERITED_MOST 256

struct daemon {
    bool ready;
    int pipe; /* to the process that waits; -1: there is none */
    /* Descriptors from whoever started the program: a lock's file, a pipe. Until it is ready they
     * may be needed (a passphrase's /dev/fd/63); then they are let go, and their owner with them.
     */
    int inherited[DAEMON_INHERITED_MOST];
    size_t inherited_count;
};

/*
 * Forks; call it before there are threads or open databases. In the child
 * *ret_parent is false. The parent waits until the child is ready or has
 * failed, and gets the status to exit with; what failed the child has said on
 * standard error itself. 0 or -errno.
 */
int daemon_start(struct daemon *ret_daemon, bool *ret_parent, int *ret_status,
                 struct failure *failure);

/* In the child: lets go of the terminal, the working directory and what else came from outside, and
 * of the parent with status 0. */
void daemon_ready(struct daemon *daemon);

/* In the child, when it could not get ready: lets go of the parent with STATUS. */
void daemon_fail(struct daemon *daemon, int status);

#endif
