/* SPDX-License-Identifier: MIT */
/*
 * What programs write through memory that they share with a file of files/ (mmap) stays with the
 * kernel, which says nothing of it for half a minute. A thread has it written: before a snapshot is
 * taken, a directory is synced, or such a file is said to have a hole, and every second while a
 * file is open for reading and writing, without which nobody can have such memory.
 *
 * syncfs(2) on the mount does it, in a process of its own: a thread of the daemon that waits for
 * the kernel, which waits for the daemon, would keep one that was killed from ending. The process
 * has the mount open for the moment only, and nothing of the daemon's.
 *
 *   syncfs, then a request -> pages were written meanwhile -> again
 *                          -> none were, and none are under way -> all is here
 */
#ifndef CRMFS_MOUNT_WRITE_OUT_H
#define CRMFS_MOUNT_WRITE_OUT_H

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"

/* argv[0] of the process. */
#define WRITE_OUT_NAME "fuse-write-out"

struct write_out;

/* 0 or -errno. MOUNTPOINT is borrowed. */
int write_out_create(const char *mountpoint, struct write_out **ret_write_out);

/* A file of files/ is opened with these flags; 0 or -ENOMEM. It was closed. */
int write_out_opened(struct write_out *write_out, fuse_ino_t inode, int flags);
void write_out_closed(struct write_out *write_out, fuse_ino_t inode, int flags);

/* Whether the kernel may have something of this file: somebody can have such memory. */
bool write_out_may_lack(struct write_out *write_out, fuse_ino_t inode);

/* Around what the kernel writes of its pages. */
void write_out_begin_page(struct write_out *write_out);
void write_out_end_page(struct write_out *write_out);

/*
 * Until all is here that was written before. Only where few threads can wait at once. 0; -ENODEV:
 * where the mount was it is no more, or something else covers it; -EAGAIN, -ENOMEM, -ENOENT …: the
 * process cannot start; -EIO, -ENOSPC …: the kernel could not write.
 */
int write_out_wait(struct write_out *write_out, struct failure *failure);

/* What write_out_wait() returns, of which FAILURE tells, and a copy of WHAT; both borrowed. */
typedef void write_out_answer(fuse_req_t request, const void *what, int error,
                              const struct failure *failure);

struct write_out_wish {
    write_out_answer *answer;
    const void *what; /* borrowed */
    size_t size;
    bool is_hasty; /* an error rather than to wait long for who goes on writing, or for the end */
};

/* The same without waiting: the wish's answer is called then, by another thread perhaps. */
void write_out_then(struct write_out *write_out, fuse_req_t request,
                    const struct write_out_wish *wish);

/* Nobody waits any more. */
void write_out_end(struct write_out *write_out);

/* Once nothing is mounted; NULL is allowed. */
void write_out_free(struct write_out *write_out);

/* The process's own main(): its status is 0 or an errno. */
int write_out_main(int argc, char **argv);

#endif
