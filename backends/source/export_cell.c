/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "backends/source/export_internal.h"
#include "fs/base/utf8.h"

#define TEXT_BASE64 "text;base64:"
#define BYTES_BASE64 "base64:"
#define TEXT "text:"
#define NUMBER "number:"

bool export_is_utf8(const uint8_t *text, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t step = text[at] < 0x80 ? 1 : utf8_character(text + at, size - at);

        if (step == 0)
            return false;
        at += step;
    }
    return true;
}

static size_t count_digits(const uint8_t *text, size_t size)
{
    size_t count = 0;

    while (count < size && text[count] >= '0' && text[count] <= '9')
        count++;
    return count;
}

static bool is_word(const uint8_t *text, size_t size, const char *word)
{
    return size == strlen(word) && memcmp(text, word, size) == 0;
}

bool export_is_number(const uint8_t *text, size_t size, bool leading)
{
    if (is_word(text, size, "Infinity") || is_word(text, size, "-Infinity") ||
        is_word(text, size, "NaN"))
        return true;

    size_t at = size != 0 && text[0] == '-';
    size_t digits = count_digits(text + at, size - at);

    if (digits == 0 || (!leading && digits > 1 && text[at] == '0'))
        return false;
    at += digits;
    if (at < size && text[at] == '.') {
        digits = count_digits(text + at + 1, size - at - 1);
        if (digits == 0)
            return false;
        at += 1 + digits;
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        at += at < size && (text[at] == '+' || text[at] == '-');
        digits = count_digits(text + at, size - at);
        if (digits == 0)
            return false;
        at += digits;
    }
    return at == size;
}

static const struct column *column_of(const struct export_rows *rows, size_t index)
{
    return &rows->options.schema->columns[rows->columns[index]];
}

int export_decode_base64(const struct export_rows *rows, size_t index, uint8_t *text, size_t size,
                         enum cell_class class, struct cell *ret_cell, struct failure *failure)
{
    size_t bytes = 0;

    /* It writes behind what it has read: four characters are three bytes. */
    if (sodium_base642bin(text, size, (const char *)text, size, NULL, &bytes, NULL,
                          sodium_base64_VARIANT_ORIGINAL) != 0)
        return export_refuse(rows, failure, "column \"%.200s\": what stands there is not base64",
                             column_of(rows, index)->name);
    *ret_cell = (struct cell){.class = class, .size = bytes, .data = text};
    return 0;
}

/* Whether it begins with PREFIX, which is taken off then. */
static bool take_prefix(uint8_t **text, size_t *size, const char *prefix)
{
    size_t length = strlen(prefix);

    if (*size < length || memcmp(*text, prefix, length) != 0)
        return false;
    *text += length;
    *size -= length;
    return true;
}

static int number_cell(const struct export_rows *rows, size_t index, const uint8_t *text,
                       size_t size, struct cell *ret_cell, struct failure *failure)
{
    if (!export_is_number(text, size, true))
        return export_refuse(rows, failure, "column \"%.200s\": what stands there is no number",
                             column_of(rows, index)->name);
    *ret_cell = (struct cell){.class = CELL_NUMBER, .size = size, .data = text};
    return 0;
}

/* In a bytes column. */
static int bytes_cell(const struct export_rows *rows, size_t index, uint8_t *text, size_t size,
                      struct cell *ret_cell, struct failure *failure)
{
    if (take_prefix(&text, &size, NUMBER))
        return number_cell(rows, index, text, size, ret_cell, failure);
    if (!take_prefix(&text, &size, TEXT))
        return export_decode_base64(rows, index, text, size, CELL_BYTES, ret_cell, failure);
    *ret_cell = (struct cell){.class = CELL_TEXT, .size = size, .data = text};
    return 0;
}

/* What CSV does not say. */
static enum cell_class class_by_type(enum column_type type, const uint8_t *text, size_t size)
{
    switch (type) {
    case COLUMN_ANY: return export_is_number(text, size, false) ? CELL_NUMBER : CELL_TEXT;
    case COLUMN_INTEGER:
    case COLUMN_DECIMAL:
    case COLUMN_FLOAT: return export_is_number(text, size, true) ? CELL_NUMBER : CELL_TEXT;
    case COLUMN_BOOLEAN:
        if (size == 1 && (*text == 't' || *text == 'f'))
            return CELL_BOOLEAN;
        return export_is_number(text, size, true) ? CELL_NUMBER : CELL_TEXT;
    default: return CELL_TEXT;
    }
}

int export_csv_cell(const struct export_rows *rows, size_t index, bool quoted, uint8_t *text,
                    size_t size, struct cell *ret_cell, struct failure *failure)
{
    const struct column *column = column_of(rows, index);

    if (size == 0 && !quoted) {
        *ret_cell = (struct cell){.class = CELL_NULL};
        return 0;
    }
    if (!export_is_utf8(text, size))
        return export_refuse(rows, failure,
                             "column \"%.200s\": what stands there is not UTF-8; other text is "
                             "written " TEXT_BASE64 " and base64",
                             column->name);
    if (take_prefix(&text, &size, TEXT_BASE64))
        return export_decode_base64(rows, index, text, size, CELL_TEXT, ret_cell, failure);
    if (column->type == COLUMN_BYTES)
        return bytes_cell(rows, index, text, size, ret_cell, failure);
    if (take_prefix(&text, &size, BYTES_BASE64))
        return export_decode_base64(rows, index, text, size, CELL_BYTES, ret_cell, failure);
    *ret_cell =
        (struct cell){.class = class_by_type(column->type, text, size), .size = size, .data = text};
    return 0;
}
