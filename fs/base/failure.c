/* SPDX-License-Identifier: MIT */
#include "fs/base/failure.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/utf8.h"

/* Bytes of the character that TEXT begins with, when it can be shown as it is; else 0. */
static size_t shown_character(const char *text, size_t size)
{
    size_t character = utf8_character(text, size);
    const unsigned char *bytes = (const unsigned char *)text;
    bool control = (character == 1 && (bytes[0] < 0x20 || bytes[0] == 0x7f)) ||
                   (character == 2 && bytes[0] == 0xc2 && bytes[1] < 0xa0);

    return control ? 0 : character;
}

size_t printable_copy(char *to, size_t to_size, const char *from)
{
    size_t left = strlen(from);
    size_t used = 0;

    while (left != 0) {
        size_t character = shown_character(from, left);

        if (used + (character != 0 ? character : 4) >= to_size)
            break;
        if (character != 0)
            memcpy(to + used, from, character);
        else
            snprintf(to + used, to_size - used, "\\x%02x", (unsigned char)*from);
        used += character != 0 ? character : 4;
        from += character != 0 ? character : 1;
        left -= character != 0 ? character : 1;
    }
    to[used] = '\0';
    return used;
}

/* Takes away the beginning of a character whose end was cut off. */
static void trim_character(char *text)
{
    size_t end = strlen(text);
    size_t start = end;

    while (start > 0 && end - start < 3 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start > 0 && (unsigned char)text[start - 1] >= 0xc0 &&
        utf8_character(text + start - 1, end - start + 1) == 0)
        text[start - 1] = '\0';
}

static void word(struct failure *failure, int code, const char *format, va_list arguments)
{
    char raw[FAILURE_TEXT_SIZE];

    if (vsnprintf(raw, sizeof raw, format, arguments) >= (int)sizeof raw)
        trim_character(raw);
    failure->code = code;
    printable_copy(failure->text, sizeof failure->text, raw);
}

int failure_set(struct failure *failure, int code, const char *format, ...)
{
    if (failure != NULL) {
        va_list arguments;

        va_start(arguments, format);
        word(failure, code, format, arguments);
        va_end(arguments);
    }
    return -code;
}

const char *failure_text(const struct failure *failure, int error)
{
    return failure->code == -error ? failure->text : strerror(-error);
}

int failure_prefix(struct failure *failure, int code, const char *format, ...)
{
    if (failure != NULL) {
        char before[FAILURE_TEXT_SIZE];
        va_list arguments;

        snprintf(before, sizeof before, "%s", failure->code != 0 ? failure->text : strerror(code));
        va_start(arguments, format);
        word(failure, code, format, arguments);
        va_end(arguments);

        size_t used = strlen(failure->text);

        snprintf(failure->text + used, sizeof failure->text - used, ": %s", before);
    }
    return -code;
}

int failure_name(struct failure *failure, int code, const char *name)
{
    const char *rest = strchr(name, ':');

    if (failure != NULL && failure->code != 0 &&
        (strstr(failure->text, name) != NULL ||
         (rest != NULL && rest[1] != '\0' && strstr(failure->text, rest + 1) != NULL)))
        return -code;
    return failure_prefix(failure, code, "%s", name);
}
