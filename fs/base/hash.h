/* SPDX-License-Identifier: MIT */
/*
 * uthash without its exit() when there is no memory: the element that could not
 * be added has its member `refused` (a bool, false before) set instead. Tables begin small: there
 * are many of them, and most stay so.
 */
#ifndef CRMFS_BASE_HASH_H
#define CRMFS_BASE_HASH_H

#define HASH_NONFATAL_OOM 1
#define uthash_nonfatal_oom(element) ((element)->refused = true)
#include <uthash.h>

#undef HASH_INITIAL_NUM_BUCKETS
#undef HASH_INITIAL_NUM_BUCKETS_LOG2
#define HASH_INITIAL_NUM_BUCKETS 4U
#define HASH_INITIAL_NUM_BUCKETS_LOG2 2U

#endif
