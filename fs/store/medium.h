/* SPDX-License-Identifier: MIT */
/*
 * What of a store its storage fails to read: a disk that was unplugged, a server that does not
 * answer, a bad place of the disk. Nobody knows then whether the content is whole, and it may be
 * there again in a moment: that is no damage. Only a place that fails in the same way each time,
 * with what a disk says of a bad place, while the storage is there, is as good as damaged.
 */
#ifndef CRMFS_STORE_MEDIUM_H
#define CRMFS_STORE_MEDIUM_H

#include <stdbool.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"

struct medium;

/*
 * From now on, what STORE fails to read is noted. Nobody else may use the store while this begins
 * or ends. 0 or -ENOMEM.
 */
int medium_watch(struct store *store, struct medium **ret_medium, struct failure *failure);
void medium_free(struct medium *medium); /* the store is as it was; NULL is allowed */

/* Why something of the file called NAME could not be read: errno; 0: whatever was asked for could
 * be. */
int medium_failed(struct medium *medium, const char *name);

/* A file that has such a place, and what is said of it. */
typedef void medium_report(void *context, const char *name, const char *text);

/*
 * Reads again what could not be read, several times within a few seconds. 0: none of it can be; it
 * is damaged, and REPORT (NULL is allowed) was told of each file. Else -errno with words: the
 * storage is not to be relied upon, and nothing may be given up because of what it says.
 */
int medium_judge(struct medium *medium, medium_report *report, void *context,
                 struct failure *failure);

/* Whether it is what a disk says of a bad place, an -errno. */
bool medium_is_bad_place(int error);

#endif
