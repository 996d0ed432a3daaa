/* SPDX-License-Identifier: MIT */
/*
 * What can be learnt of the process behind a request. FUSE names the thread.
 */
#ifndef CRMFS_MOUNT_PROCESS_H
#define CRMFS_MOUNT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* The process (thread group) of THREAD: THREAD itself when that cannot be found out, 0 for 0. */
pid_t process_of_thread(pid_t thread);

/* Whether THREAD is ending already: what it has open, the kernel closes for it. */
bool process_is_ending(pid_t thread);

/*
 * Whether a signal that waits at THREAD is to end it: SIGKILL, one that it does
 * not catch, or one by which people end a program. False when that cannot be
 * found out.
 */
bool process_is_to_end(pid_t thread);

#endif
