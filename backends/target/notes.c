/* SPDX-License-Identifier: MIT */
#include "backends/target/notes.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int notes_add(struct buffer *notes, const char *format, ...)
{
    char raw[FAILURE_TEXT_SIZE];
    char line[FAILURE_TEXT_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(raw, sizeof raw, format, arguments);
    va_end(arguments);
    printable_copy(line, sizeof line, raw);
    return buffer_print(notes, "%s\n", line);
}

bool notes_next(const char **at, char line[FAILURE_TEXT_SIZE])
{
    size_t length;

    if (*at == NULL || **at == '\0')
        return false;
    length = strcspn(*at, "\n");
    snprintf(line, FAILURE_TEXT_SIZE, "%.*s", (int)length, *at);
    *at += length + ((*at)[length] == '\n');
    return true;
}
