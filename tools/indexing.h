/* SPDX-License-Identifier: MIT */
/* Archives as sources of a command: read through into a spool first. */
#ifndef CRMFS_TOOLS_INDEXING_H
#define CRMFS_TOOLS_INDEXING_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "fs/store/spool.h"

/* Zeroed at first. */
struct indexing {
    struct spool *spool; /* NULL until an archive needs it */
};

/*
 * Makes *SOURCE an ordinary source, if it is a stream. WARN is told what is
 * left out. 0, or as spool_create; *SOURCE is closed then.
 */
int indexing_wrap(struct indexing *indexing, const bool *cancelled,
                  void (*warn)(void *context, const struct failure *why), void *context,
                  struct source **source, struct failure *failure);

/* After the sources are closed. */
void indexing_end(struct indexing *indexing);

#endif
