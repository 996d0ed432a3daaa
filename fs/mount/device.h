/* SPDX-License-Identifier: MIT */
/*
 * How libfuse speaks with the kernel. It leaves out two words that we need. One is that
 * lookups in one directory may come side by side (libfuse before 3.17 has
 * FUSE_CAP_PARALLEL_DIROPS, but does not pass it on:
 * https://github.com/libfuse/libfuse/pull/861). Without it the kernel lets them
 * in one by one; and as one lookup may take as long as a table is read through,
 * whoever looks up another name in the folder would wait so long, where no signal
 * reaches him, not even SIGKILL. So that word is put into libfuse's first answer.
 *
 * The other is FUSE_HANDLE_KILLPRIV_V2: that we take the set-uid and set-gid bits off a file that
 * somebody changes who may not set them. Else the kernel asks before every write whether the file
 * has capabilities, which doubles what a small write takes. Which requests want it stands in words
 * that libfuse does not pass on either, so they are read here.
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

/*
 * Whether the request that this thread is answering, one to open with O_TRUNC, to write or to set
 * attributes, wants the set-uid bit taken away, and the set-gid bit of what may be executed.
 */
bool device_drops_privileges(void);

#endif
