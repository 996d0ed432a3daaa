/* SPDX-License-Identifier: MIT */
#include "backends/target/document.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows.h"
#include "backends/target/decimal.h"
#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/base/number_text.h"

#define NUMBER_TEXT_MOST 400 /* beyond which no double has digits */

/* A member as it was written into the value: "name":value. */
struct member {
    size_t begin;
    size_t name_size; /* quotes included */
    size_t size;
};

struct reading {
    struct json_scan scan;
    struct buffer *value;
    struct buffer members; /* of the objects under way, one behind another */
    struct buffer string;  /* one without its escapes */
    struct document_traits *traits;
};

static int write_value(struct reading *reading);

/* ---- Numbers and strings --------------------------------------------------------------------- */

static bool has_doubles_digits(const char *text, size_t size, const struct decimal *decimal)
{
    char copy[NUMBER_TEXT_MOST + 1];
    char back[DOUBLE_TEXT_SIZE];
    struct decimal again;

    if (size > NUMBER_TEXT_MOST)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    size = double_text(strtod(copy, NULL), back);
    return decimal_parse(back, size, &again) && decimal_equal(&again, decimal);
}

static bool is_whole(const char *text, size_t size, const struct decimal *decimal)
{
    return memchr(text, '.', size) == NULL && memchr(text, 'e', size) == NULL &&
           memchr(text, 'E', size) == NULL &&
           decimal_compare_magnitude(decimal, decimal->negative ? "9223372036854775808"
                                                                : "18446744073709551615") <= 0;
}

static int write_number(struct reading *reading, const char *text, size_t size)
{
    struct decimal decimal;

    if (!decimal_parse(text, size, &decimal)) {
        reading->traits->exceeds = true;
        return buffer_append(reading->value, text, size);
    }
    if (!is_whole(text, size, &decimal) && !has_doubles_digits(text, size, &decimal))
        reading->traits->exceeds = true;
    return decimal_write(&decimal, reading->value);
}

static int write_string(struct reading *reading, const uint8_t *text, size_t size)
{
    buffer_clear(&reading->string);
    if (buffer_reserve(&reading->string, size + 1) != 0)
        return -ENOMEM;
    size = json_unescape(text, size, reading->string.data);
    return json_text_append(reading->value, reading->string.data, size);
}

/* ---- Objects --------------------------------------------------------------------------------- */

/* By name; of one name, as they stand. */
static int compare_members(const void *left, const void *right, void *value)
{
    const struct member *one = left, *other = right;
    const uint8_t *text = ((const struct buffer *)value)->data;
    size_t least = one->name_size < other->name_size ? one->name_size : other->name_size;
    int order = memcmp(text + one->begin, text + other->begin, least);

    if (order != 0)
        return order;
    if (one->name_size != other->name_size)
        return one->name_size < other->name_size ? -1 : 1;
    return one->begin < other->begin ? -1 : 1;
}

static bool is_same_name(const struct buffer *value, const struct member *one,
                         const struct member *other)
{
    return one->name_size == other->name_size &&
           memcmp(value->data + one->begin, value->data + other->begin, one->name_size) == 0;
}

/* Writes the members, which stand from BEGIN on, anew in their order. */
static int sort_members(struct reading *reading, size_t begin, struct member *members, size_t count)
{
    struct buffer *value = reading->value;
    size_t end = value->size;
    bool any = false;
    int error = 0;

    qsort_r(members, count, sizeof *members, compare_members, value);
    for (size_t i = 0; i < count && error == 0; i++) {
        if (i + 1 < count && is_same_name(value, &members[i], &members[i + 1])) {
            reading->traits->repeats = true;
            continue;
        }
        error = buffer_reserve(value, members[i].size + 1);
        if (error == 0 && any)
            error = buffer_append_text(value, ",");
        if (error == 0)
            error = buffer_append(value, value->data + members[i].begin, members[i].size);
        any = true;
    }
    if (error == 0) {
        memmove(value->data + begin, value->data + end, value->size - end);
        value->size = begin + value->size - end;
    }
    return error;
}

// NOLINTNEXTLINE(misc-no-recursion)
static int write_member(struct reading *reading)
{
    struct member member = {.begin = reading->value->size};
    const uint8_t *base = reading->scan.at;
    struct json_piece name;
    int error;

    if (!json_scan_key(&reading->scan, base, &name))
        return -EINVAL;
    error = write_string(reading, base + name.at, name.size);
    member.name_size = reading->value->size - member.begin;
    if (error == 0)
        error = buffer_append_text(reading->value, ":");
    if (error == 0)
        error = write_value(reading);
    member.size = reading->value->size - member.begin;
    return error == 0 ? buffer_append(&reading->members, &member, sizeof member) : error;
}

/* Behind the '{'. */
// NOLINTNEXTLINE(misc-no-recursion)
static int write_object(struct reading *reading)
{
    size_t outer = reading->members.size;
    size_t begin;
    int error = buffer_append_text(reading->value, "{");
    bool more = error == 0 && !json_accept(&reading->scan, '}');

    begin = reading->value->size;
    while (more && error == 0) {
        error = write_member(reading);
        more = error == 0 && json_accept(&reading->scan, ',');
        if (error == 0 && !more && !json_accept(&reading->scan, '}'))
            error = -EINVAL;
    }
    if (error == 0 && reading->members.size != outer)
        error = sort_members(reading, begin, (struct member *)(reading->members.data + outer),
                             (reading->members.size - outer) / sizeof(struct member));
    reading->members.size = outer;
    return error == 0 ? buffer_append_text(reading->value, "}") : error;
}

/* Behind the '['. */
// NOLINTNEXTLINE(misc-no-recursion)
static int write_array(struct reading *reading)
{
    int error = buffer_append_text(reading->value, "[");
    bool more = error == 0 && !json_accept(&reading->scan, ']');

    while (more && error == 0) {
        error = write_value(reading);
        more = error == 0 && json_accept(&reading->scan, ',');
        if (error == 0)
            error = more                               ? buffer_append_text(reading->value, ",")
                    : json_accept(&reading->scan, ']') ? 0
                                                       : -EINVAL;
    }
    return error == 0 ? buffer_append_text(reading->value, "]") : error;
}

/* It goes as deep as the document, which has been scanned, and is not nested too deep. */
// NOLINTNEXTLINE(misc-no-recursion)
static int write_value(struct reading *reading)
{
    const uint8_t *base = reading->scan.at;
    struct json_piece piece;

    if (json_accept(&reading->scan, '{'))
        return write_object(reading);
    if (json_accept(&reading->scan, '['))
        return write_array(reading);
    if (!json_scan_value(&reading->scan, base, &piece))
        return -EINVAL;
    switch (piece.kind) {
    case JSON_STRING: return write_string(reading, base + piece.at, piece.size);
    case JSON_INTEGER:
    case JSON_NUMBER: return write_number(reading, (const char *)base + piece.at, piece.size);
    default: return buffer_append(reading->value, base + piece.at, piece.size);
    }
}

/* The whole text is one document. */
static int read_whole(struct reading *reading)
{
    struct json_scan whole = reading->scan;
    struct json_piece piece;

    if (whole.at == whole.end || !json_scan_value(&whole, whole.at, &piece))
        return -EINVAL;
    json_skip_blank(&whole);
    return whole.at == whole.end ? write_value(reading) : -EINVAL;
}

int document_value(const char *text, size_t size, struct buffer *value,
                   struct document_traits *ret_traits)
{
    struct document_traits traits = {false, false};
    struct buffer ended = BUFFER(value->limit);
    struct reading reading = {
        .value = value,
        .members = BUFFER(value->limit),
        .string = BUFFER(value->limit),
        .traits = &traits,
    };
    size_t begin = value->size;
    int error = buffer_append(&ended, text, size);

    /* So that a number at the very end is whole. */
    if (error == 0)
        error = buffer_append_text(&ended, "\n");
    reading.scan = (struct json_scan){.at = ended.data, .end = ended.data + ended.size};
    if (error == 0)
        error = read_whole(&reading);
    if (error != 0)
        value->size = begin;
    else
        *ret_traits = traits;
    buffer_release(&reading.members);
    buffer_release(&reading.string);
    buffer_release(&ended);
    return error;
}
