/* SPDX-License-Identifier: MIT */
/* The store of a mount: which directory it is, and its passphrase. */
#ifndef CRMFS_TOOLS_MOUNT_STORE_H
#define CRMFS_TOOLS_MOUNT_STORE_H

#include <stdbool.h>
#include <sys/types.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"
#include "tools/mount_options.h"
#include "tools/passphrase.h"

/* Whether PATH is a store's directory, by the header in it. */
bool mount_store_is(const char *path);

/*
 * Makes PATH, given as a source, the store of the mount, to be browsed. ALONE: there is no other
 * source. 0, -EINVAL, -ENOMEM.
 */
int mount_store_take(struct mount_settings *settings, const char *path, bool alone,
                     struct failure *failure);

/*
 * Opens the store that the settings name, for which a passphrase may be asked for on the
 * terminal. COMMAND_LINE counts more than what the settings say of passphrases. *ret_store is
 * NULL when there is no store. 0 or -errno.
 */
int mount_store_open(const struct mount_settings *settings,
                     const struct passphrase_options *command_line, struct store **ret_store,
                     struct failure *failure);

/*
 * Whose files/ is as long as nobody has changed it: the settings' uid and gid; but where root
 * mounts a user's store, and they say nothing else, that user's, who could change nothing there
 * otherwise.
 */
void mount_store_owner(const struct mount_settings *settings, uid_t *ret_uid, gid_t *ret_gid);

#endif
