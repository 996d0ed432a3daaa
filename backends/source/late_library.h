/* SPDX-License-Identifier: MIT */
/*
 * A library that is not loaded with the program but when it is first needed. To find and bind
 * libpq, libarchive and what they bring with them takes longer, on a cold disk, than all else that
 * mounting a store does (tests/bench/store, "mount to ls").
 */
#ifndef CRMFS_SOURCE_LATE_LIBRARY_H
#define CRMFS_SOURCE_LATE_LIBRARY_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "fs/base/failure.h"

struct late_library {
    const char *file;         /* what the loader calls it: name and version of its interface */
    const char *const *names; /* of its functions */
    void **functions;         /* as many, to be filled in: a struct of nothing but pointers */
    size_t count;
    pthread_mutex_t lock; /* guards what follows, and the functions until all are there */
    bool loaded;
};

/* Once is enough; it stays. 0, or -ENOTSUP in words. */
int late_library_load(struct late_library *library, struct failure *failure);

#endif
