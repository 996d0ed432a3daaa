/* SPDX-License-Identifier: MIT */
#include "backends/source/sql_text.h"

#include <stdlib.h>
#include <string.h>

char *sql_quoted(const char *text, char sign)
{
    char *quoted = malloc(2 * strlen(text) + 3);
    char *to = quoted;

    if (quoted == NULL)
        return NULL;
    *to++ = sign;
    for (; *text != '\0'; text++) {
        if (*text == sign)
            *to++ = sign;
        *to++ = *text;
    }
    *to++ = sign;
    *to = '\0';
    return quoted;
}

char *sql_name(const char *name)
{
    return sql_quoted(name, '"');
}

char *sql_literal(const char *text)
{
    return sql_quoted(text, '\'');
}
