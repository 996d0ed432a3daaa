/* SPDX-License-Identifier: MIT */
#include "fs/table/key_compare.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/ascii.h"
#include "fs/table/key_parts.h"
#include "fs/table/key_values.h"

static int sign(int difference)
{
    return (difference > 0) - (difference < 0);
}

static int compare_bytes(const struct cell *left, const struct cell *right)
{
    size_t common = (size_t)(left->size < right->size ? left->size : right->size);
    int order = common != 0 ? memcmp(left->data, right->data, common) : 0;

    return order != 0 ? sign(order) : (left->size > right->size) - (left->size < right->size);
}

/* --- numbers ------------------------------------------------------------------------------ */

/* A decimal number taken apart. */
struct decimal {
    bool negative;
    const char *whole; /* without leading zeros */
    size_t whole_size;
    const char *rest; /* behind the point, without trailing zeros */
    size_t rest_size;
};

/* Whether the text is digits, with a sign and a point at most. */
static bool take_decimal(const struct cell *cell, struct decimal *ret_decimal)
{
    const char *at = cell->data;
    const char *end = at + cell->size;
    struct decimal decimal = {.negative = at < end && *at == '-'};

    at += at < end && (*at == '-' || *at == '+');
    while (at < end && *at == '0')
        at++;
    decimal.whole = at;
    while (at < end && *at >= '0' && *at <= '9')
        at++;
    decimal.whole_size = (size_t)(at - decimal.whole);
    if (at < end && *at == '.') {
        decimal.rest = ++at;
        while (at < end && *at >= '0' && *at <= '9')
            at++;
        decimal.rest_size = (size_t)(at - decimal.rest);
        while (decimal.rest_size > 0 && decimal.rest[decimal.rest_size - 1] == '0')
            decimal.rest_size--;
    }
    if (decimal.whole_size == 0 && decimal.rest_size == 0)
        decimal.negative = false;
    *ret_decimal = decimal;
    return at == end;
}

static int compare_magnitudes(const struct decimal *left, const struct decimal *right)
{
    if (left->whole_size != right->whole_size)
        return left->whole_size < right->whole_size ? -1 : 1;

    int order = left->whole_size != 0 ? memcmp(left->whole, right->whole, left->whole_size) : 0;
    size_t common = left->rest_size < right->rest_size ? left->rest_size : right->rest_size;

    if (order == 0 && common != 0)
        order = memcmp(left->rest, right->rest, common);
    if (order != 0)
        return sign(order);
    return (left->rest_size > right->rest_size) - (left->rest_size < right->rest_size);
}

/* What has an exponent, or is no finite number; NaN stands last, as in PostgreSQL. */
static int compare_doubles(const struct cell *left, const struct cell *right)
{
    char texts[2][64];
    double values[2];
    const struct cell *cells[2] = {left, right};

    for (int i = 0; i < 2; i++) {
        size_t size =
            cells[i]->size < sizeof texts[i] ? (size_t)cells[i]->size : sizeof texts[i] - 1;

        memcpy(texts[i], cells[i]->data, size);
        texts[i][size] = '\0';
        values[i] = strtod(texts[i], NULL);
        if (values[i] != values[i])
            texts[i][0] = '\0';
    }
    if (texts[0][0] == '\0' || texts[1][0] == '\0')
        return (texts[0][0] == '\0') - (texts[1][0] == '\0');
    return (values[0] > values[1]) - (values[0] < values[1]);
}

static int compare_numbers(const struct cell *left, const struct cell *right)
{
    struct decimal one;
    struct decimal other;

    if (!take_decimal(left, &one) || !take_decimal(right, &other))
        return compare_doubles(left, right);
    if (one.negative != other.negative)
        return one.negative ? -1 : 1;

    int order = compare_magnitudes(&one, &other);

    return one.negative ? -order : order;
}

/* --- text --------------------------------------------------------------------------------- */

static bool is_agreed(uint8_t byte)
{
    char lower = ascii_lower((char)byte);

    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '-';
}

static uint8_t upper(uint8_t byte)
{
    return byte >= 'a' && byte <= 'z' ? (uint8_t)(byte - 'a' + 'A') : byte;
}

static int compare_letters(const struct cell *left, const struct cell *right, bool *sure)
{
    const uint8_t *one = left->data;
    const uint8_t *other = right->data;
    uint64_t common = left->size < right->size ? left->size : right->size;

    for (uint64_t i = 0; i < common; i++) {
        uint8_t a = upper(one[i]);
        uint8_t b = upper(other[i]);

        if (a == b) {
            /* Characters of several bytes may be equal, or not, in ways unknown here. */
            *sure = *sure && a < 0x80;
            continue;
        }
        *sure = *sure && is_agreed(a) && is_agreed(b);
        return a < b ? -1 : 1;
    }
    /* Blanks at the end may count or not. */
    if (left->size != right->size) {
        uint8_t next = left->size > common ? one[common] : other[common];

        *sure = *sure && is_agreed(next);
        return left->size < right->size ? -1 : 1;
    }
    return 0;
}

static int compare_nocase(const struct cell *left, const struct cell *right)
{
    const char *one = left->data;
    const char *other = right->data;
    uint64_t common = left->size < right->size ? left->size : right->size;

    for (uint64_t i = 0; i < common; i++) {
        int order = (uint8_t)ascii_lower(one[i]) - (uint8_t)ascii_lower(other[i]);

        if (order != 0)
            return sign(order);
    }
    return (left->size > right->size) - (left->size < right->size);
}

static int compare_trimmed(const struct cell *left, const struct cell *right)
{
    struct cell cells[2] = {*left, *right};

    for (int i = 0; i < 2; i++) {
        while (cells[i].size > 0 && ((const char *)cells[i].data)[cells[i].size - 1] == ' ')
            cells[i].size--;
    }
    return compare_bytes(&cells[0], &cells[1]);
}

/* --- keys --------------------------------------------------------------------------------- */

static int class_of(const struct cell *cell)
{
    switch (cell->class) {
    case CELL_NULL: return 0;
    case CELL_NUMBER:
    case CELL_BOOLEAN: return 1;
    case CELL_TEXT: return 2;
    default: return 3;
    }
}

/* Values that were not declared stand behind those that were. */
static int compare_labels(const struct key_labels *labels, const struct cell *left,
                          const struct cell *right)
{
    size_t one = key_labels_rank(labels, left->data, (size_t)left->size);
    size_t other = key_labels_rank(labels, right->data, (size_t)right->size);

    return one == SIZE_MAX && other == SIZE_MAX ? compare_bytes(left, right)
                                                : (one > other) - (one < other);
}

static int compare_addresses(const struct cell *left, const struct cell *right)
{
    int order;

    return key_compare_addresses(left, right, &order) ? sign(order) : compare_bytes(left, right);
}

static int compare_values(enum key_order how, const struct cell *left, const struct cell *right)
{
    int order;

    return key_compare_values(how, left, right, &order) ? order : compare_bytes(left, right);
}

int key_compare_cells(const struct key_term *term, bool nulls_last, const struct cell *left,
                      const struct cell *right, bool *sure)
{
    int one = class_of(left);
    int other = class_of(right);

    if (one != other) {
        bool null = one == 0 || other == 0;

        return (one < other ? -1 : 1) * (null && nulls_last ? -1 : 1);
    }
    if (one == 0)
        return 0;
    if (left->class == CELL_NUMBER && right->class == CELL_NUMBER)
        return compare_numbers(left, right);
    if (one != 2)
        return compare_bytes(left, right);
    if (term->wraps[0] != KEY_PLAIN)
        return key_compare_wrapped(term, left, right, sure);
    switch (term->order) {
    case KEY_LETTERS: return compare_letters(left, right, sure);
    case KEY_NOCASE: return compare_nocase(left, right);
    case KEY_TRIMMED: return compare_trimmed(left, right);
    case KEY_ADDRESS: return compare_addresses(left, right);
    case KEY_LABELS: return compare_labels(term->labels, left, right);
    case KEY_MOMENT:
    case KEY_ZONED_TIME:
    case KEY_INTERVAL:
    case KEY_MONEY:
    case KEY_LOG_PLACE: return compare_values(term->order, left, right);
    case KEY_JSON: return key_compare_json(KEY_LETTERS, left, right, sure);
    case KEY_JSON_BYTES: return key_compare_json(KEY_BYTES, left, right, sure);
    default: return compare_bytes(left, right);
    }
}

int key_compare(const struct key_rule *rule, const struct cell *left, const struct cell *right,
                bool *ret_sure)
{
    bool sure = true;
    int order = 0;

    for (size_t i = 0; i < rule->count && order == 0; i++) {
        order = key_compare_cells(&rule->terms[i], rule->nulls_last, &left[i], &right[i], &sure);
        if (rule->terms[i].descending)
            order = -order;
    }
    if (ret_sure != NULL)
        *ret_sure = sure;
    return order;
}

int key_compare_exactly(const struct key_rule *rule, const struct cell *left,
                        const struct cell *right)
{
    int order = key_compare(rule, left, right, NULL);

    for (size_t i = 0; i < rule->count && order == 0; i++) {
        if (rule->terms[i].order == KEY_LETTERS || rule->terms[i].order == KEY_JSON)
            order = compare_bytes(&left[i], &right[i]);
    }
    return order;
}

bool key_is_same(const struct key_rule *rule, const struct cell *left, const struct cell *right)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (left[i].class == CELL_NULL)
            return false;
    }
    return key_compare_exactly(rule, left, right) == 0;
}
