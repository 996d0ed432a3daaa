/* SPDX-License-Identifier: MIT */
/*
 * The directory that a mount covers: whether it can, and what a killed process
 * left there.
 */
#ifndef CRMFS_MOUNT_MOUNTPOINT_H
#define CRMFS_MOUNT_MOUNTPOINT_H

#include <stdbool.h>

#include "fs/base/failure.h"

/* Whether the FUSE mount at PATH has nobody left who answers. Waits for one who does. */
bool mountpoint_is_dead(const char *path);

/*
 * Unmounts PATH even while somebody uses it: as root by itself, else by
 * fusermount3. Touches nothing of this process but errno, so that it may run
 * beside threads. 0 or -errno.
 */
int mountpoint_detach(const char *path);

/*
 * Takes dead mounts away and sees that PATH can be mounted on: -ENOENT,
 * -ENOTDIR, -EBUSY (something is mounted there), -ENOTEMPTY, -EACCES …
 */
int mountpoint_prepare(const char *path, struct failure *failure);

#endif
