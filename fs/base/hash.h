/* SPDX-License-Identifier: MIT */
/*
 * uthash without its exit() when there is no memory: the element that could not
 * be added has its member `refused` (a bool, false before) set instead.
 */
#ifndef CRMFS_BASE_HASH_H
#define CRMFS_BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->refused = true)
#include <uthash.h>

#endif
