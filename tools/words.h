/* SPDX-License-Identifier: MIT */
/* Words that an option collects: given several times, or several at once with commas between. */
#ifndef CRMFS_TOOLS_WORDS_H
#define CRMFS_TOOLS_WORDS_H

#include <stddef.h>

#include "fs/base/failure.h"

/* Zeroed at first; the array is its user's to free, the words are borrowed. */
struct words {
    const char **items;
    size_t count;
};

int words_add(struct words *words, const char *word, struct failure *failure); /* 0, -ENOMEM */

/*
 * "a,b"; a comma in a name is "\,", any other backslash is one. TEXT is cut up, and stays borrowed.
 * -EINVAL: an empty name, in what OPTION was given.
 */
int words_add_list(struct words *words, const char *option, char *text, struct failure *failure);

#endif
