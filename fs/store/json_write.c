/* SPDX-License-Identifier: MIT */
#include "fs/store/json_write.h"

#include <string.h>

#include "fs/base/base64.h"
#include "fs/base/json_text.h"
#include "fs/base/utf8.h"

static void put(struct json_writer *writer, const char *text)
{
    if (writer->error == 0)
        writer->error = buffer_append_text(writer->output, text);
}

/* Before every value and every name; not between a name and its value. */
static void separate(struct json_writer *writer)
{
    if (!writer->first)
        put(writer, ",");
    writer->first = false;
}

void json_open(struct json_writer *writer, char bracket)
{
    const char text[] = {bracket, '\0'};

    separate(writer);
    put(writer, text);
    writer->first = true;
}

void json_close(struct json_writer *writer, char bracket)
{
    const char text[] = {bracket, '\0'};

    put(writer, text);
    writer->first = false;
}

void json_put_name(struct json_writer *writer, const char *name)
{
    json_put_text(writer, name);
    put(writer, ":");
    writer->first = true; /* no comma before the value */
}

void json_put_text(struct json_writer *writer, const char *text)
{
    separate(writer);
    if (writer->error == 0)
        writer->error = json_text_append(writer->output, text, strlen(text));
}

void json_put_number(struct json_writer *writer, uint64_t number)
{
    separate(writer);
    if (writer->error == 0)
        writer->error = buffer_print(writer->output, "%llu", (unsigned long long)number);
}

void json_put_flag(struct json_writer *writer, bool flag)
{
    separate(writer);
    put(writer, flag ? "true" : "false");
}

void json_put_null(struct json_writer *writer)
{
    separate(writer);
    put(writer, "null");
}

void json_put_hex(struct json_writer *writer, const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *from = bytes;

    separate(writer);
    if (writer->error == 0)
        writer->error = buffer_reserve(writer->output, 2 * size + 2);
    if (writer->error != 0)
        return;

    uint8_t *to = writer->output->data + writer->output->size;

    *to++ = '"';
    for (size_t i = 0; i < size; i++) {
        *to++ = (uint8_t)digits[from[i] >> 4];
        *to++ = (uint8_t)digits[from[i] & 15];
    }
    *to = '"';
    writer->output->size += 2 * size + 2;
}

void json_put_bytes(struct json_writer *writer, const char *text)
{
    size_t size = strlen(text);
    size_t encoded = (size_t)base64_size(size);

    if (utf8_whole(text, size)) {
        json_put_text(writer, text);
        return;
    }
    json_open(writer, '{');
    json_put_name(writer, "base64");
    put(writer, "\"");
    if (writer->error == 0)
        writer->error = buffer_reserve(writer->output, encoded);
    if (writer->error == 0) {
        base64_write(writer->output->data + writer->output->size, text, size);
        writer->output->size += encoded;
    }
    put(writer, "\"");
    json_close(writer, '}');
}
