/* SPDX-License-Identifier: MIT */
#include "backends/source/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct json_scan scan_of(const struct document_value *value)
{
    const uint8_t *begin = value->base + value->piece.at;

    return (struct json_scan){.at = begin, .end = begin + value->piece.size};
}

bool document_object(const struct document_value *value, struct document_object *ret_object)
{
    struct json_scan scan = scan_of(value);

    ret_object->base = scan.at;
    ret_object->count = 0;
    if (value->piece.kind != JSON_NESTED ||
        !json_scan_object(&scan, ret_object->members, DOCUMENT_MEMBERS_MOST, &ret_object->count))
        return false;
    if (ret_object->count > DOCUMENT_MEMBERS_MOST)
        ret_object->count = DOCUMENT_MEMBERS_MOST;
    return true;
}

bool document_find(const struct document_object *object, const char *key,
                   struct document_value *ret_value)
{
    for (size_t i = 0; i < object->count; i++) {
        const struct json_member *member = &object->members[i];

        if (member->key.size == strlen(key) &&
            memcmp(object->base + member->key.at, key, member->key.size) == 0) {
            *ret_value = (struct document_value){object->base, member->value};
            return true;
        }
    }
    return false;
}

bool document_is_true(const struct document_object *object, const char *key)
{
    struct document_value value;

    return document_find(object, key, &value) && value.piece.kind == JSON_TRUE;
}

int document_text(const struct document_value *value, char **ret_text)
{
    if (value->piece.kind != JSON_STRING)
        return -EINVAL;

    char *text = malloc(value->piece.size + 1);

    if (text == NULL)
        return -ENOMEM;

    size_t size = json_unescape(value->base + value->piece.at, value->piece.size, (uint8_t *)text);

    text[size] = '\0';
    if (strlen(text) != size) {
        free(text);
        return -EINVAL;
    }
    *ret_text = text;
    return 0;
}

int document_find_text(const struct document_object *object, const char *key, char **ret_text)
{
    struct document_value value;

    return document_find(object, key, &value) ? document_text(&value, ret_text) : -EINVAL;
}

bool document_array_begin(const struct document_value *value, struct document_array *ret_array)
{
    *ret_array = (struct document_array){.scan = scan_of(value), .base = value->base};
    return value->piece.kind == JSON_NESTED && json_accept(&ret_array->scan, '[');
}

bool document_array_next(struct document_array *array, struct document_value *ret_value)
{
    if (array->begun && !json_accept(&array->scan, ','))
        return false;
    array->begun = true;
    ret_value->base = array->base;
    return json_scan_value(&array->scan, array->base, &ret_value->piece);
}

size_t document_array_count(const struct document_value *value)
{
    struct document_array array;
    struct document_value element;
    size_t count = 0;

    if (!document_array_begin(value, &array))
        return 0;
    while (document_array_next(&array, &element))
        count++;
    return count;
}
