/* SPDX-License-Identifier: MIT */
#include "fs/table/key_values.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/ascii.h"

/* --- addresses ---------------------------------------------------------------------------- */

struct address {
    size_t size; /* bytes: 4 or 16 */
    unsigned bits;
    uint8_t bytes[16];
};

static bool take_address(const struct cell *cell, struct address *ret_address)
{
    char text[64];
    char *slash;

    if (cell->size >= sizeof text)
        return false;
    memcpy(text, cell->data, (size_t)cell->size);
    text[cell->size] = '\0';
    slash = strchr(text, '/');
    if (slash != NULL)
        *slash = '\0';
    ret_address->size = strchr(text, ':') != NULL ? 16 : 4;
    if (inet_pton(ret_address->size == 16 ? AF_INET6 : AF_INET, text, ret_address->bytes) != 1)
        return false;
    ret_address->bits = (unsigned)ret_address->size * 8;
    if (slash != NULL) {
        unsigned long bits = strtoul(slash + 1, NULL, 10);

        if (bits > ret_address->bits)
            return false;
        ret_address->bits = (unsigned)bits;
    }
    return true;
}

static int compare_bits(const uint8_t *left, const uint8_t *right, unsigned bits)
{
    int order = bits >= 8 ? memcmp(left, right, bits / 8) : 0;
    unsigned shift = 8 - bits % 8;

    return order != 0 || shift == 8 ? order
                                    : (left[bits / 8] >> shift) - (right[bits / 8] >> shift);
}

bool key_compare_addresses(const struct cell *left, const struct cell *right, int *ret_order)
{
    struct address one;
    struct address other;

    if (!take_address(left, &one) || !take_address(right, &other))
        return false;
    if (one.size != other.size) {
        *ret_order = one.size < other.size ? -1 : 1;
        return true;
    }
    *ret_order =
        compare_bits(one.bytes, other.bytes, one.bits < other.bits ? one.bits : other.bits);
    if (*ret_order == 0)
        *ret_order = (one.bits > other.bits) - (one.bits < other.bits);
    if (*ret_order == 0)
        *ret_order = memcmp(one.bytes, other.bytes, one.size);
    return true;
}

/* --- arrays ------------------------------------------------------------------------------- */

void key_array_begin(struct key_array *array, const struct cell *cell)
{
    const char *at = cell->data;

    *array = (struct key_array){.at = at, .end = at + cell->size, .first = 1};
    if (cell->size == 0 || *at != '[')
        return;

    /* "[2:3]={…}" */
    const char *equals = memchr(at, '=', (size_t)cell->size);
    bool negative = cell->size > 1 && at[1] == '-';

    array->first = 0;
    for (at += negative ? 2 : 1; at < array->end && *at >= '0' && *at <= '9'; at++)
        array->first =
            array->first < LONG_MAX / 100 ? array->first * 10 + (*at - '0') : array->first;
    array->first = negative ? -array->first : array->first;
    array->at = equals != NULL ? equals + 1 : array->end;
}

/* What stands in quotes; AT is behind the first one. */
static struct cell take_quoted(struct key_array *array, char room[KEY_ELEMENT_BYTES])
{
    const char *begin = array->at;
    bool escaped = false;
    size_t size = 0;

    while (array->at < array->end && *array->at != '"') {
        bool pair = *array->at == '\\' && array->at + 1 < array->end;

        escaped |= pair;
        array->at += pair;
        if (size < KEY_ELEMENT_BYTES)
            room[size++] = *array->at;
        array->at++;
    }

    const char *end = array->at;

    array->at += array->at < array->end;
    if (escaped && size < KEY_ELEMENT_BYTES)
        return (struct cell){CELL_TEXT, size, room};
    return (struct cell){CELL_TEXT, (uint64_t)(end - begin), begin};
}

static bool is_null(const char *text, size_t size)
{
    static const char null[] = "null";

    for (size_t i = 0; i < sizeof null - 1 && size == sizeof null - 1; i++) {
        if (ascii_lower(text[i]) != null[i])
            return false;
    }
    return size == sizeof null - 1;
}

bool key_array_next(struct key_array *array, char room[KEY_ELEMENT_BYTES], struct cell *ret_cell)
{
    const char *begin = array->at;

    while (array->at < array->end && strchr("{},", *array->at) != NULL && *array->at != '\0')
        array->at++;
    array->gap = (struct cell){CELL_TEXT, (uint64_t)(array->at - begin), begin};
    if (array->at == array->end)
        return false;
    begin = array->at;
    if (*begin == '"') {
        array->at++;
        *ret_cell = take_quoted(array, room);
        return true;
    }
    while (array->at < array->end && *array->at != ',' && *array->at != '}')
        array->at++;

    size_t size = (size_t)(array->at - begin);

    *ret_cell = (struct cell){CELL_TEXT, size, begin};
    if (is_null(begin, size))
        ret_cell->class = CELL_NULL;
    return true;
}
