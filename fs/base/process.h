/* SPDX-License-Identifier: MIT */
/*
 * What can be learnt of another process. FUSE names the thread behind a request.
 *
 * All of it comes from /proc/THREAD/status. /proc/THREAD/stat has more, but a process that runs
 * another program (execve) keeps whoever reads that waiting until it is done; and on its way it
 * closes files, and waits for the file system that they are of.
 */
#ifndef CRMFS_BASE_PROCESS_H
#define CRMFS_BASE_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

/* The process (thread group) of THREAD: THREAD itself when that cannot be found out, 0 for 0. */
pid_t process_of_thread(pid_t thread);

/* Whose child PROCESS is; 0 when that cannot be found out. */
pid_t process_parent(pid_t process);

/*
 * 1: THREAD is ending already: what it has open, the kernel closes for it. 0: it is not, nor is
 * one that is no thread of a program's. -EACCES: it is there, but hidden (/proc's hidepid).
 */
int process_is_ending(pid_t thread);

/*
 * Whether a signal that waits at THREAD is to end it: SIGKILL, one that it does not catch, or one
 * by which people end a program. False when that cannot be found out.
 */
bool process_is_to_end(pid_t thread);

#endif
