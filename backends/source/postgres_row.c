/* SPDX-License-Identifier: MIT */
/*
 * A row of COPY's text form ("COPY", File Formats, in PostgreSQL's manual): fields
 * between tabs, \N for NULL, and a backslash before what would be mistaken. It is
 * taken apart in place, since no field grows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/postgres_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/number_text.h"

/* In place; the new size. */
static size_t unescape_field(char *field, size_t size)
{
    char *from = memchr(field, '\\', size);
    char *to = from;
    const char *end = field + size;

    if (from == NULL)
        return size;
    while (from < end) {
        const char *next = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((next != NULL ? next : end) - from);

        memmove(to, from, plain);
        to += plain;
        from += plain;
        if (next == NULL || from + 1 >= end)
            break;
        *to++ = ascii_unescaped(from[1]);
        from += 2;
    }
    return (size_t)(to - field);
}

/* "\x4142" in place; the number of bytes, or -1. */
static ssize_t unhex(char *field, size_t size)
{
    if (size < 2 || size % 2 != 0 || field[0] != '\\' || field[1] != 'x')
        return -1;
    for (size_t i = 2; i < size; i += 2) {
        int high = ascii_hex_digit(field[i]);
        int low = ascii_hex_digit(field[i + 1]);

        if (high < 0 || low < 0)
            return -1;
        field[i / 2 - 1] = (char)(high * 16 + low);
    }
    return (ssize_t)(size / 2 - 1);
}

/*
 * The server's shortest digits in the style of fs/table/README.md: most are as they should be, or
 * lack ".0".
 */
static size_t float_form(bool single, const char *text, size_t size, char to[DOUBLE_TEXT_SIZE])
{
    char *end = to;

    if (size < DOUBLE_TEXT_SIZE - 2 && strpbrk(text, "eIN") == NULL) {
        end = mempcpy(to, text, size);
        if (memchr(text, '.', size) == NULL)
            end = mempcpy(end, ".0", 2);
        return (size_t)(end - to);
    }
    return single ? float_text(strtof(text, NULL), to) : double_text(strtod(text, NULL), to);
}

/* --- rows --------------------------------------------------------------------------------- */

static int read_cell(enum value_form form, char *field, size_t size, char *number,
                     struct cell *ret_cell)
{
    ssize_t bytes;

    switch (form) {
    case VALUE_NUMBER: *ret_cell = (struct cell){CELL_NUMBER, size, field}; return 0;
    case VALUE_FLOAT:
    case VALUE_SINGLE:
        size = float_form(form == VALUE_SINGLE, field, size, number);
        *ret_cell = (struct cell){CELL_NUMBER, size, number};
        return 0;
    case VALUE_BOOLEAN: *ret_cell = (struct cell){CELL_BOOLEAN, size, field}; return 0;
    case VALUE_BYTES:
        bytes = unhex(field, unescape_field(field, size));
        if (bytes < 0)
            return -EBADMSG;
        *ret_cell = (struct cell){CELL_BYTES, (uint64_t)bytes, field};
        return 0;
    case VALUE_TEXT: break;
    }
    *ret_cell = (struct cell){CELL_TEXT, unescape_field(field, size), field};
    return 0;
}

/* Copies the word at *PLACE, which moves behind it. */
static bool take_word(const char **place, char *word, size_t room)
{
    size_t length = strcspn(*place, " ");

    if (length == 0 || length >= room)
        return false;
    memcpy(word, *place, length);
    word[length] = '\0';
    *place += length + ((*place)[length] == ' ');
    return true;
}

/* What stands behind the last column (postgres_query.c): large cells get their sizes. */
static int read_lengths(const struct table *table, const char *lengths, struct cell *cells,
                        struct row_place *ret_place)
{
    struct row_place place = {.known = true};
    char word[24];

    if (!take_word(&lengths, place.table, sizeof place.table) ||
        !take_word(&lengths, place.ctid, sizeof place.ctid))
        return -EBADMSG;
    for (size_t i = 0; i < table->schema->column_count; i++) {
        if (!take_word(&lengths, word, sizeof word))
            return -EBADMSG;
        if (word[0] == '-')
            continue;
        cells[i] = (struct cell){
            .class = table->columns[i].value.form == VALUE_BYTES ? CELL_BYTES : CELL_TEXT,
            .size = strtoull(word, NULL, 10),
        };
    }
    *ret_place = place;
    return 0;
}

static bool is_null(const char *field, size_t size)
{
    return size == 2 && field[0] == '\\' && field[1] == 'N';
}

int postgres_row_read(const struct table *table, char *row, size_t size, bool large,
                      struct cell *cells, char (*numbers)[DOUBLE_TEXT_SIZE],
                      struct row_place *ret_place)
{
    size_t count = table->schema->column_count;
    char *end = row + size;
    char *field = row;

    ret_place->known = false;
    if (size == 0 || *--end != '\n')
        return -EBADMSG;
    *end = '\0';
    for (size_t i = 0; i < count + large; i++) {
        char *stop = field <= end ? memchr(field, '\t', (size_t)(end - field)) : NULL;
        size_t length;
        int error = 0;

        if (stop == NULL)
            stop = end;
        if (field > end || (stop == end) != (i + 1 == count + large))
            return -EBADMSG;
        length = (size_t)(stop - field);
        *stop = '\0';
        if (i == count && !is_null(field, length))
            error = read_lengths(table, field, cells, ret_place);
        else if (i < count && is_null(field, length))
            cells[i] = (struct cell){.class = CELL_NULL};
        else if (i < count)
            error = read_cell(table->columns[i].value.form, field, length, numbers[i], &cells[i]);
        if (error != 0)
            return error;
        field = stop + 1;
    }
    return 0;
}
