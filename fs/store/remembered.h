/* SPDX-License-Identifier: MIT */
/*
 * What this client remembers of a store (freshness.h), in the place where that is. A copy that is
 * kept up now and then (a mirror) has a place of its own: that it is older than the original is no
 * rollback, and to accept it must not make the original's be accepted. What was seen in any place
 * is remembered besides, so that a first look at another one can tell what that lacks.
 *
 * A storage that tells no place has one memory for both.
 */
#ifndef CRMFS_STORE_REMEMBERED_H
#define CRMFS_STORE_REMEMBERED_H

#include "fs/store/freshness.h"
#include "fs/store/store.h"

/* False: nothing is remembered of the store here, or nothing that can be read. */
bool remembered_load(struct store *store, struct freshness *ret_seen);

/* Whether nothing is remembered here, but of a store of this id in another place. */
bool remembered_elsewhere(struct store *store, struct freshness *ret_seen);

/* Whether there is a memory that counts here, and cannot be read. */
bool remembered_is_damaged(struct store *store);

/* Unless more is remembered already. */
void remembered_save(struct store *store, const struct freshness *seen);

/*
 * What was seen here, and with it what was seen in any place, if that was here. 0, also when
 * nothing is remembered; -errno.
 */
int remembered_forget(struct store *store);

#endif
