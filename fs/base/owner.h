/* SPDX-License-Identifier: MIT */
/* Whose a new file is: what root makes in a user's folder must not shut that user out. */
#ifndef CRMFS_BASE_OWNER_H
#define CRMFS_BASE_OWNER_H

/*
 * A descriptor of what this process has just made, and one of a folder: if root made it, and the
 * folder is another's, it becomes theirs, and their group's. Both may be O_PATH. 0 or -errno.
 */
int owner_follow(int folder, int made);

#endif
