/* SPDX-License-Identifier: MIT */
/*
 * A JSON document that is no rows, taken apart where it stands: it has been seen to be JSON
 * (json_scan), and outlives what is taken from it. Nothing here copies but texts.
 */
#ifndef CRMFS_SOURCE_DOCUMENT_H
#define CRMFS_SOURCE_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/json_rows.h"

#define DOCUMENT_MEMBERS_MOST 32 /* of an object; what comes after them is not found */

/* A piece and what its place is counted from. */
struct document_value {
    const uint8_t *base;
    struct json_piece piece;
};

struct document_object {
    const uint8_t *base;
    size_t count;
    struct json_member members[DOCUMENT_MEMBERS_MOST];
};

bool document_object(const struct document_value *value, struct document_object *ret_object);

bool document_find(const struct document_object *object, const char *key,
                   struct document_value *ret_value);
bool document_is_true(const struct document_object *object, const char *key);

/* The string, the caller's to free. -EINVAL: it is none, or holds a NUL; or there is no such key.
 */
int document_text(const struct document_value *value, char **ret_text);
int document_find_text(const struct document_object *object, const char *key, char **ret_text);

struct document_array {
    struct json_scan scan;
    const uint8_t *base;
    bool begun;
};

bool document_array_begin(const struct document_value *value, struct document_array *ret_array);

/* The next value; false: that was the last. */
bool document_array_next(struct document_array *array, struct document_value *ret_value);
size_t document_array_count(const struct document_value *value); /* 0: it is none */

#endif
