/* SPDX-License-Identifier: MIT */
#ifndef CRMFS_BASE_RESIDENT_H
#define CRMFS_BASE_RESIDENT_H

#include <stdint.h>

/* Bytes that the process has in memory now; 0 when that cannot be found out. */
uint64_t resident_bytes(void);

#endif
