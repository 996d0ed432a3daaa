/* SPDX-License-Identifier: MIT */
#include "tools/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int words_add(struct words *words, const char *word, struct failure *failure)
{
    const char **items = reallocarray((void *)words->items, words->count + 1, sizeof(const char *));

    if (items == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    items[words->count++] = word;
    words->items = items;
    return 0;
}

int words_add_list(struct words *words, const char *option, char *text, struct failure *failure)
{
    int error = 0;

    for (char *word; error == 0 && (word = strsep(&text, ",")) != NULL;) {
        if (word[0] == '\0')
            return failure_set(failure, EINVAL, "there is an empty name in %s", option);
        error = words_add(words, word, failure);
    }
    return error;
}
