/* SPDX-License-Identifier: MIT */
/*
 * How libfuse speaks with the kernel. It leaves out a word that we need: that
 * lookups in one directory may come side by side (libfuse before 3.17 has
 * FUSE_CAP_PARALLEL_DIROPS, but does not pass it on:
 * https://github.com/libfuse/libfuse/pull/861). Without it the kernel lets them
 * in one by one; and as one lookup may take as long as a table is read through,
 * whoever looks up another name in the folder would wait so long, where no signal
 * reaches him, not even SIGKILL. So that word is put into libfuse's first answer.
 */
#ifndef CRMFS_MOUNT_DEVICE_H
#define CRMFS_MOUNT_DEVICE_H

#include <fuse_lowlevel.h>
#include <stdbool.h>

/* Of a session; zeroed at first. */
struct device {
    bool greeting;     /* the next answer is that to INIT */
    bool side_by_side; /* the kernel can do it */
};

/* To be called once FUSE is mounted, before its loop. The device is that of SESSION's state. */
int device_attach(struct fuse_session *session);

/* To be called by the handler of INIT. */
void device_greet(struct device *device, const struct fuse_conn_info *connection);

#endif
