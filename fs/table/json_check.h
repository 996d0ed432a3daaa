/* SPDX-License-Identifier: MIT */
/*
 * Is this text one JSON document (RFC 8259)? Fed in pieces, in constant memory:
 * nesting up to JSON_DEPTH_LIMIT; a deeper document counts as not valid.
 */
#ifndef CRMFS_TABLE_JSON_CHECK_H
#define CRMFS_TABLE_JSON_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_LIMIT 512

struct json_check {
    uint16_t state;
    uint16_t depth;
    uint16_t hex_left;
    bool bad;
    bool dollar;         /* the document is an object whose first key begins with '$' */
    bool null;           /* the document is null */
    const char *literal; /* the rest of true, false or null */
    uint8_t stack[JSON_DEPTH_LIMIT / 8]; /* a bit a level: 1 object, 0 array */
};

void json_check_begin(struct json_check *check);
void json_check_feed(struct json_check *check, const void *bytes, size_t size);
/* Whether all that was fed is one whole document. UTF-8 is not checked here. */
bool json_check_end(struct json_check *check);

/* As json_check_end; and the document, put where a cell stands, could not be taken for something
 * else. */
static inline bool json_check_unmistakable(struct json_check *check)
{
    return json_check_end(check) && !check->dollar && !check->null;
}

#endif
