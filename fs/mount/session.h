/* SPDX-License-Identifier: MIT */
/*
 * A mount: FUSE's requests, answered from a tree. Low-level libfuse3, several
 * threads; the handlers only translate. Inode numbers are the nodes' own.
 */
#ifndef CRMFS_MOUNT_SESSION_H
#define CRMFS_MOUNT_SESSION_H

#include <stdbool.h>
#include <sys/types.h>

#include "fs/base/failure.h"
#include "fs/tree/tree.h"

struct mount_options {
    const char *mountpoint;
    const char *fuse_options; /* comma-separated, for libfuse and the kernel; "" for none */
    uid_t uid;                /* owner of everything */
    gid_t gid;
    mode_t umask;      /* bits taken from 0555 and 0444 */
    unsigned max_read; /* bytes that the kernel may ask for at once; 0: what it likes */
    size_t max_inodes; /* that the kernel may know, about */
    bool debug;
};

struct session;

/*
 * Mounts, without answering yet. -ENOENT, -ENOTDIR, -EBUSY (something is
 * mounted there), -ENOTEMPTY, -EPERM …; a dead mount left by a killed process
 * is taken away first.
 */
int session_mount(const struct mount_options *options, struct session **ret_session,
                  struct failure *failure);

/*
 * Answers requests from TREE until unmounted or told to end by SIGTERM, SIGINT
 * or SIGHUP. READY (may be NULL) is called once, when the kernel has accepted
 * the mount and the first request can be answered. 0 or -errno.
 */
int session_run(struct session *session, struct tree *tree, void (*ready)(void *context),
                void *context, struct failure *failure);

/* Unmounts if still mounted, gives back every node. */
void session_free(struct session *session);

#endif
