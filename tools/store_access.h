/* SPDX-License-Identifier: MIT */
/* Opening the store that a command names, with the passphrase that it is given. */
#ifndef CRMFS_TOOLS_STORE_ACCESS_H
#define CRMFS_TOOLS_STORE_ACCESS_H

#include "fs/base/failure.h"
#include "fs/store/log.h"
#include "tools/passphrase.h"

/*
 * PATH is a directory. Whether a store is there is looked at before anybody is asked for a
 * passphrase; whoever mistypes it on the terminal may try twice more. A key that the log says was
 * removed opens nothing (-EKEYREVOKED). The caller closes the store. 0, or -errno with words that
 * name PATH.
 */
int store_access_open(const char *path, const struct passphrase_options *options,
                      struct store **ret_store, struct failure *failure);

/* The same with what the log says, which had to be read for that; zeroed where it cannot be. */
int store_access_open_log(const char *path, const struct passphrase_options *options,
                          struct store **ret_store, struct log_state *ret_state,
                          struct failure *failure);

#endif
