/* SPDX-License-Identifier: MIT */
#include "fs/base/percent.h"

#include <stdlib.h>
#include <string.h>

#include "fs/base/ascii.h"

bool percent_decode(char *text)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        if (*from != '%') {
            *to++ = *from;
            continue;
        }

        int high = ascii_hex_digit(from[1]);
        int low = high >= 0 ? ascii_hex_digit(from[2]) : -1;

        if (low < 0 || high * 16 + low == 0)
            return false;
        *to++ = (char)(high * 16 + low);
        from += 2;
    }
    *to = '\0';
    return true;
}

char *percent_decoded(const char *text, size_t size)
{
    char *copy = strndup(text, size);

    if (copy != NULL && !percent_decode(copy)) {
        free(copy);
        copy = strndup(text, size);
    }
    return copy;
}

static bool is_plain(char character)
{
    char lower = ascii_lower(character);

    return (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') ||
           (lower != '\0' && strchr("-._~/", lower) != NULL);
}

char *percent_encode(const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    char *encoded = malloc(3 * strlen(text) + 1);
    char *to = encoded;

    for (; encoded != NULL && *text != '\0'; text++) {
        if (is_plain(*text)) {
            *to++ = *text;
            continue;
        }
        *to++ = '%';
        *to++ = digits[(unsigned char)*text >> 4];
        *to++ = digits[*text & 15];
    }
    if (encoded != NULL)
        *to = '\0';
    return encoded;
}
