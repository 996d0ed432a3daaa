/* SPDX-License-Identifier: MIT */
/*
 * Writing the JSON of stored records and objects: without spaces, members in the
 * order in which they are written, so that equal content is equal bytes. The first
 * error stays, and makes everything after it do nothing.
 */
#ifndef CRMFS_STORE_JSON_WRITE_H
#define CRMFS_STORE_JSON_WRITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"

struct json_writer {
    struct buffer *output;
    int error;  /* 0, -ENOMEM, -EFBIG */
    bool first; /* of the object or array that is open */
};

/* BRACKET: '{' or '[' opens a value, '}' or ']' ends one. */
void json_open(struct json_writer *writer, char bracket);
void json_close(struct json_writer *writer, char bracket);

/* The name of the next member; its value follows. */
void json_put_name(struct json_writer *writer, const char *name);

/* Values: elements of an array, or after a name. */
void json_put_text(struct json_writer *writer, const char *text); /* valid UTF-8 */
void json_put_number(struct json_writer *writer, uint64_t number);
void json_put_flag(struct json_writer *writer, bool flag);
void json_put_null(struct json_writer *writer);
void json_put_hex(struct json_writer *writer, const void *bytes, size_t size);

/* Text of any bytes: {"base64":…} when it is not UTF-8. */
void json_put_bytes(struct json_writer *writer, const char *text);

#endif
