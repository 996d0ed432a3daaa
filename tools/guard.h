/* SPDX-License-Identifier: MIT */
/*
 * A small process beside the daemon that unmounts when the daemon was killed.
 * libfuse has one too (auto_unmount), but that one unmounts what stands at the
 * mountpoint when the daemon ends, be it the next mount, and gives up when
 * somebody uses it; this one unmounts only what is dead, and always can.
 *
 * It waits for the end of a pipe that only the daemon holds. It is another
 * process image, so that it shares no memory with the daemon, and no name that
 * someone kills by.
 */
#ifndef CRMFS_TOOLS_GUARD_H
#define CRMFS_TOOLS_GUARD_H

#include <sys/types.h>

#include "fs/base/failure.h"

/* argv[0] of the guard's process. */
#define GUARD_NAME "fuse-guard"

struct guard {
    int pipe;
    pid_t process;
};

/* Before anything is mounted at MOUNTPOINT, an absolute path. 0 or -errno. */
int guard_start(const char *mountpoint, struct guard *ret_guard, struct failure *failure);

/* When nothing is mounted any more: ends the guard. Does nothing for a zeroed GUARD. */
void guard_end(struct guard *guard);

/* The guard's own main(). */
int guard_main(void);

#endif
