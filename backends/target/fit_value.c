/* SPDX-License-Identifier: MIT */
/* What two cells that mean the same have in common. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/decimal.h"
#include "backends/target/document.h"
#include "backends/target/fit.h"
#include "backends/target/fit_moment.h"
#include "fs/base/ascii.h"
#include "fs/base/number_text.h"

#define MOMENT_TEXT_LIMIT ((size_t)64) /* bytes of the longest that there is, and more */

/* Most numbers are whole, and written in the one way there is. */
static bool is_plain_integer(const char *text, size_t size)
{
    size_t at = size > 1 && text[0] == '-';

    if (size - at > 18 || (size - at > 1 && text[at] == '0') || (at == 1 && text[1] == '0'))
        return false;
    for (; at < size; at++) {
        if (text[at] < '0' || text[at] > '9')
            return false;
    }
    return size != 0;
}

static int number_value(const struct cell *cell, struct buffer *value)
{
    struct decimal decimal;

    if (is_plain_integer(cell->data, cell->size) ||
        !decimal_parse(cell->data, cell->size, &decimal))
        return buffer_append(value, cell->data, cell->size);
    return decimal_write(&decimal, value);
}

/* A float's digits, however many the text has. */
static int single_value(const struct cell *cell, struct buffer *value)
{
    char text[64];
    char digits[DOUBLE_TEXT_SIZE];
    struct cell shortest = {.class = CELL_NUMBER, .data = digits};

    if (cell->size >= sizeof text)
        return number_value(cell, value);
    memcpy(text, cell->data, cell->size);
    text[cell->size] = '\0';
    shortest.size = float_text(strtof(text, NULL), digits);
    return number_value(&shortest, value);
}

static int moment_value(const struct fit *fit, const struct cell *cell, struct buffer *value)
{
    struct moment_text moment;

    if (!moment_parse(cell->data, cell->size, &moment))
        return buffer_append(value, cell->data, cell->size);
    /* UTC goes without saying; another zone the database has made UTC of. */
    if (fit->kind == FIT_DATE)
        moment.has_time = false;
    return moment_write(&moment, fit->kind == FIT_MOMENT, value);
}

bool fit_rewords(const struct fit *fit, const struct cell *cell)
{
    cleanup_buffer struct buffer said = BUFFER(2 * MOMENT_TEXT_LIMIT);
    struct moment_text moment;
    size_t digits;
    int error;

    if ((fit->kind != FIT_DATE && fit->kind != FIT_TIME && fit->kind != FIT_MOMENT) ||
        cell->data == NULL || cell->size > MOMENT_TEXT_LIMIT ||
        !moment_parse(cell->data, cell->size, &moment))
        return false;
    /* MySQL writes as many digits of a second as the column has, PostgreSQL as few as can be. */
    digits = fit->engine == ENGINE_MYSQL && moment.has_time ? fit->fraction : 0;
    error = moment_write(&moment, fit->kind == FIT_MOMENT, &said);
    if (error == 0 && digits > moment.fraction_size)
        error = buffer_print(&said, "%s%.*s", moment.fraction_size == 0 ? "." : "",
                             (int)(digits - moment.fraction_size), "000000");
    return error == 0 &&
           (said.size != cell->size || memcmp(said.data, cell->data, cell->size) != 0);
}

/* What is none stays as it is. */
static int json_value(const struct cell *cell, struct buffer *value)
{
    struct document_traits traits;
    int error = document_value(cell->data, cell->size, value, &traits);

    return error == -EINVAL ? buffer_append(value, cell->data, cell->size) : error;
}

static int text_value(const struct fit *fit, const struct cell *cell, struct buffer *value)
{
    const char *text = cell->data;
    size_t size = cell->size;

    while (fit->padded && size != 0 && text[size - 1] == ' ')
        size--;
    return buffer_append(value, text, size);
}

static int uuid_value(const struct cell *cell, struct buffer *value)
{
    size_t begin = value->size;
    int error = buffer_append(value, cell->data, cell->size);

    for (size_t i = begin; error == 0 && i < value->size; i++)
        value->data[i] = (uint8_t)ascii_lower((char)value->data[i]);
    return error;
}

int fit_value(const struct fit *fit, const struct cell *cell, struct buffer *value)
{
    if (cell->class == CELL_NUMBER && fit->kind != FIT_TEXT && fit->kind != FIT_OTHER &&
        fit->kind != FIT_SINGLE)
        return number_value(cell, value);
    switch (fit->kind) {
    case FIT_SINGLE: return single_value(cell, value);
    case FIT_DATE:
    case FIT_TIME:
    case FIT_MOMENT: return moment_value(fit, cell, value);
    case FIT_JSON:
        return fit->reordered ? json_value(cell, value)
                              : buffer_append(value, cell->data, cell->size);
    case FIT_UUID: return uuid_value(cell, value);
    case FIT_TEXT: return text_value(fit, cell, value);
    default: return buffer_append(value, cell->data, cell->size);
    }
}
