/* SPDX-License-Identifier: MIT */
/* Memory for passphrases and keys: never in swap, in no core dump, with guards around it. */
#ifndef CRMFS_BASE_SECRET_H
#define CRMFS_BASE_SECRET_H

#include <stddef.h>

/* SIZE bytes for sodium_free(), which wipes them. NULL: there is no memory, or none that is locked.
 */
void *secret_allocate(size_t size);

#endif
