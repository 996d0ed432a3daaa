/* SPDX-License-Identifier: MIT */
/* Work that another thread may call off. */
#ifndef CRMFS_BASE_CALLED_OFF_H
#define CRMFS_BASE_CALLED_OFF_H

#include <stdbool.h>
#include <stddef.h>

/* CANCELLED: set atomically by whoever calls it off; NULL: nobody does. */
static inline bool called_off(const bool *cancelled)
{
    return cancelled != NULL && __atomic_load_n(cancelled, __ATOMIC_RELAXED);
}

#endif
