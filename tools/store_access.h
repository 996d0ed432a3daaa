/* SPDX-License-Identifier: MIT */
/* Opening the store that a command names, with the passphrase that it is given. */
#ifndef CRMFS_TOOLS_STORE_ACCESS_H
#define CRMFS_TOOLS_STORE_ACCESS_H

#include "fs/base/failure.h"
#include "fs/store/store.h"
#include "tools/passphrase.h"

/*
 * PATH is a directory. Whether a store is there is looked at before anybody is asked for a
 * passphrase; whoever mistypes it on the terminal may try twice more. A key that the log says was
 * removed opens nothing (-EKEYREVOKED). What the log said is left to its next reader (log_leave).
 * The caller closes the store. 0, or -errno with words that name PATH.
 */
int store_access_open(const char *path, const struct passphrase_options *options,
                      struct store **ret_store, struct failure *failure);

#endif
