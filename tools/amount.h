/* SPDX-License-Identifier: MIT */
/* Amounts as people read them. Each returns TEXT. */
#ifndef CRMFS_TOOLS_AMOUNT_H
#define CRMFS_TOOLS_AMOUNT_H

#include <stdint.h>

#define AMOUNT_SIZE 32 /* room for any of them */

const char *amount_count(uint64_t count, char text[AMOUNT_SIZE]);  /* "1,234,567" */
const char *amount_bytes(uint64_t bytes, char text[AMOUNT_SIZE]);  /* "12 B", "4.2 MiB" */
const char *amount_time(uint64_t seconds, char text[AMOUNT_SIZE]); /* "0:42", "1:02:03" */
const char *amount_utc(uint64_t time_ns, char text[AMOUNT_SIZE]);  /* as RFC 3339 has it */

#endif
