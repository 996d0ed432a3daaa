/* SPDX-License-Identifier: MIT */
/* How far long work has come: told to whoever started it, who may show it. */
#ifndef CRMFS_STORE_PROGRESS_H
#define CRMFS_STORE_PROGRESS_H

#include <stdint.h>

struct store_progress {
    /* WHAT is one phrase a phase ("reading packs"). From one thread at a time. */
    void (*tell)(void *context, const char *what, uint64_t done, uint64_t total);
    void *context;
};

/* PROGRESS may be NULL. */
static inline void store_progress_tell(const struct store_progress *progress, const char *what,
                                       uint64_t done, uint64_t total)
{
    if (progress != NULL && progress->tell != NULL)
        progress->tell(progress->context, what, done, total);
}

#endif
