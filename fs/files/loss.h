/* SPDX-License-Identifier: MIT */
/*
 * What could not be stored when a mount ended, told by the next one: who unmounted was told
 * nothing. A note in the store's folder tmp/, of the time and the cause, that goes once it was
 * told.
 */
#ifndef CRMFS_FILES_LOSS_H
#define CRMFS_FILES_LOSS_H

#include <stdbool.h>

#include "backends/storage/storage.h"
#include "fs/base/failure.h"

/* WHY: in words. Where no note can be left, none is. */
void loss_note(struct storage *storage, const struct failure *why);

/* True: there is a note, and these are its words. FORGET: it goes. */
bool loss_take(struct storage *storage, bool forget, struct failure *ret_words);

#endif
