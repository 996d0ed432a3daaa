/* SPDX-License-Identifier: MIT */
#include "fs/base/json_text.h"

#include <stdio.h>

#include "fs/base/utf8.h"

#define ESCAPE_SIZE sizeof "\\u0000"

/* What BYTE becomes, NULL when it stays as it is; SPACE is where it may be put together. */
static const char *escape(uint8_t byte, char space[ESCAPE_SIZE])
{
    switch (byte) {
    case '"': return "\\\"";
    case '\\': return "\\\\";
    case '\b': return "\\b";
    case '\t': return "\\t";
    case '\n': return "\\n";
    case '\f': return "\\f";
    case '\r': return "\\r";
    default: break;
    }
    if (byte >= 0x20)
        return NULL;
    snprintf(space, ESCAPE_SIZE, "\\u%04x", byte);
    return space;
}

int json_text_append(struct buffer *buffer, const void *text, size_t size)
{
    const uint8_t *bytes = text;
    size_t plain = 0; /* where the run begins that is copied as it is */
    int error = buffer_append_text(buffer, "\"");

    for (size_t at = 0; error == 0 && at < size;) {
        char space[ESCAPE_SIZE];
        size_t length = utf8_character(bytes + at, size - at);
        const char *instead = length == 0 ? UTF8_REPLACEMENT : escape(bytes[at], space);

        if (instead == NULL) {
            at += length;
            continue;
        }
        error = buffer_append(buffer, bytes + plain, at - plain);
        if (error == 0)
            error = buffer_append_text(buffer, instead);
        plain = ++at;
    }
    if (error == 0)
        error = buffer_append(buffer, bytes + plain, size - plain);
    return error != 0 ? error : buffer_append_text(buffer, "\"");
}
