/* SPDX-License-Identifier: MIT */
/* Which snapshots a command looks at: --tag and --host. */
#ifndef CRMFS_TOOLS_SNAPSHOT_FILTER_H
#define CRMFS_TOOLS_SNAPSHOT_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/store/log.h"

#define FILTER_WORDS_LIMIT 100

/* Zeroed: all of them. The words are borrowed from the command line. */
struct snapshot_filter {
    const char *tag_lists[FILTER_WORDS_LIMIT];
    size_t tag_list_count;
    const char *hosts[FILTER_WORDS_LIMIT];
    size_t host_count;
};

enum filter_letter { FILTER_TAG_LETTER = 0x200, FILTER_HOST_LETTER };
#define FILTER_TAG_OPTION                                 \
    {                                                     \
        "tag", required_argument, NULL, FILTER_TAG_LETTER \
    }
#define FILTER_HOST_OPTION                                  \
    {                                                       \
        "host", required_argument, NULL, FILTER_HOST_LETTER \
    }

/* 1: it was one of them; 0: it was not; -EINVAL: too many. */
int snapshot_filter_take(struct snapshot_filter *filter, int letter, const char *value,
                         struct failure *failure);

bool snapshot_filter_has(const struct snapshot_filter *filter, const struct snapshot *snapshot);

#endif
