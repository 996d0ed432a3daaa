/* SPDX-License-Identifier: MIT */
#include "fs/store/json_read.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

json_t *json_read_object(const void *text, size_t size)
{
    json_t *value = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);

    if (json_is_object(value))
        return value;
    json_decref(value);
    return NULL;
}

bool json_has_exactly(const json_t *value, const char *const *names)
{
    size_t count = 0;

    if (!json_is_object(value))
        return false;
    for (; names[count] != NULL; count++) {
        if (json_object_get(value, names[count]) == NULL)
            return false;
    }
    return json_object_size(value) == count;
}

bool json_read_text(const json_t *object, const char *name, size_t most_bytes,
                    const char **ret_text)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_string(value) || json_string_length(value) > most_bytes)
        return false;
    *ret_text = json_string_value(value);
    return true;
}

bool json_read_number(const json_t *object, const char *name, uint64_t most, uint64_t *ret_number)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_integer(value) || json_integer_value(value) < 0 ||
        (uint64_t)json_integer_value(value) > most)
        return false;
    *ret_number = (uint64_t)json_integer_value(value);
    return true;
}

bool json_read_flag(const json_t *object, const char *name, bool *ret_flag)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_boolean(value))
        return false;
    *ret_flag = json_is_true(value);
    return true;
}

bool json_read_array(const json_t *object, const char *name, size_t most, const json_t **ret_array)
{
    const json_t *value = json_object_get(object, name);

    if (!json_is_array(value) || json_array_size(value) > most)
        return false;
    *ret_array = value;
    return true;
}

static int digit_value(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool is_hex(const char *text, size_t digits)
{
    size_t count = 0;

    while (count < digits && digit_value(text[count]) >= 0)
        count++;
    return count == digits && text[count] == '\0';
}

bool json_hex_value(const json_t *value, void *bytes, size_t size)
{
    const char *text = json_string_value(value);
    uint8_t *to = bytes;

    if (text == NULL || json_string_length(value) != 2 * size || !is_hex(text, 2 * size))
        return false;
    for (size_t i = 0; i < size; i++)
        to[i] = (uint8_t)((unsigned)digit_value(text[2 * i]) * 16 +
                          (unsigned)digit_value(text[2 * i + 1]));
    return true;
}

bool json_read_hex(const json_t *object, const char *name, void *bytes, size_t size)
{
    return json_hex_value(json_object_get(object, name), bytes, size);
}

int json_copy_bytes(const json_t *value, char **ret_text)
{
    const json_t *encoded = json_object_get(value, "base64");
    const char *text = json_string_value(json_is_string(value) ? value : encoded);
    size_t size = text != NULL ? strlen(text) : 0;
    char *copy;

    if (text == NULL)
        return -EBADMSG;
    if (json_is_string(value)) {
        copy = strdup(text);
    } else {
        copy = calloc(1, size + 1);
        if (copy != NULL && sodium_base642bin((uint8_t *)copy, size, text, size, NULL, &size, NULL,
                                              sodium_base64_VARIANT_ORIGINAL) != 0) {
            free(copy);
            return -EBADMSG;
        }
    }
    if (copy == NULL)
        return -ENOMEM;
    *ret_text = copy;
    return 0;
}
