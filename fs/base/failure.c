/* SPDX-License-Identifier: MIT */
#include "fs/base/failure.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

size_t printable_copy(char *to, size_t to_size, const char *from)
{
    size_t used = 0;

    for (; *from != '\0'; from++) {
        unsigned char byte = (unsigned char)*from;
        bool control = byte < 0x20 || byte == 0x7f;

        if (used + (control ? 4 : 1) >= to_size) {
            /* Not in the middle of a character: back to before its first byte. */
            for (; used > 0 && ((unsigned char)*from & 0xc0) == 0x80; from--)
                used--;
            break;
        }
        if (control)
            used += (size_t)snprintf(to + used, to_size - used, "\\x%02x", byte);
        else
            to[used++] = (char)byte;
    }
    to[used] = '\0';
    return used;
}

static void word(struct failure *failure, int code, const char *format, va_list arguments)
{
    char raw[FAILURE_TEXT_SIZE];

    vsnprintf(raw, sizeof raw, format, arguments);
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
