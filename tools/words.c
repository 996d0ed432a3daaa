/* SPDX-License-Identifier: MIT */
#include "tools/words.h"

#include <errno.h>
#include <stdbool.h>
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

/* Ends the word that TEXT begins with, in which "\," becomes ",". What is behind it; NULL: nothing.
 */
static char *cut_word(char *text)
{
    char *to = text;

    while (*text != '\0' && *text != ',') {
        text += text[0] == '\\' && text[1] == ',';
        *to++ = *text++;
    }

    bool more = *text == ',';

    *to = '\0';
    return more ? text + 1 : NULL;
}

int words_add_list(struct words *words, const char *option, char *text, struct failure *failure)
{
    int error = 0;

    for (char *rest; error == 0 && text != NULL; text = rest) {
        rest = cut_word(text);
        if (text[0] == '\0')
            return failure_set(failure, EINVAL, "there is an empty name in %s", option);
        error = words_add(words, text, failure);
    }
    return error;
}
