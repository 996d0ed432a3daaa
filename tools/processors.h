/* SPDX-License-Identifier: MIT */
/* How many threads are worth having. */
#ifndef CRMFS_TOOLS_PROCESSORS_H
#define CRMFS_TOOLS_PROCESSORS_H

#include <sched.h>

/* Processors that this process may use, at most MOST. */
static inline unsigned processors(unsigned most)
{
    cpu_set_t set;
    unsigned count = sched_getaffinity(0, sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set) : 1;

    return count < most ? count : most;
}

#endif
