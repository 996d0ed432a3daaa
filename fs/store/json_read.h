/* SPDX-License-Identifier: MIT */
/*
 * Reading the JSON of stored records and objects, strictly: an object has
 * exactly the members that it must have, numbers are whole and not negative,
 * hexadecimal is lower case and of the right length. Whatever is else is refused.
 */
#ifndef CRMFS_STORE_JSON_READ_H
#define CRMFS_STORE_JSON_READ_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SIZE bytes as one JSON object with unique names and nothing after it. 0, -EBADMSG, -ENOMEM. */
int json_read_object(const void *text, size_t size, json_t **ret_object);

static inline void json_cleanup(json_t **value)
{
    json_decref(*value);
}

#define cleanup_json __attribute__((__cleanup__(json_cleanup)))

/* Whether VALUE is an object with these members and no other; NAMES ends with NULL. */
bool json_has_exactly(const json_t *value, const char *const *names);

/* A member, checked. False: it is not there, of another type, or out of range. */
bool json_read_text(const json_t *object, const char *name, size_t most_bytes,
                    const char **ret_text);
bool json_read_number(const json_t *object, const char *name, uint64_t most, uint64_t *ret_number);
bool json_read_flag(const json_t *object, const char *name, bool *ret_flag);
bool json_read_array(const json_t *object, const char *name, size_t most, const json_t **ret_array);

/* SIZE bytes, two lower-case digits each. */
bool json_read_hex(const json_t *object, const char *name, void *bytes, size_t size);
bool json_hex_value(const json_t *value, void *bytes, size_t size);

/* Whether TEXT is exactly DIGITS lower-case hexadecimal digits. */
bool is_hex(const char *text, size_t digits);

/*
 * A copy of text of any bytes, as json_put_bytes() writes it; the caller's to free. 0, -EBADMSG,
 * -ENOMEM.
 */
int json_copy_bytes(const json_t *value, char **ret_text);

#endif
