/* SPDX-License-Identifier: MIT */
/* How SQLite's .dump writes line breaks: with replace(), as .recover does, with spaces; since 3.50
 * with unistr(). */
#include <errno.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/utf8.h"

/* Where the string that begins at AT (behind its quote) ends. */
static const uint8_t *string_end(const uint8_t *at, const uint8_t *end)
{
    for (; at < end; at++) {
        if (*at != '\'')
            continue;
        if (at + 1 == end || at[1] != '\'')
            return at;
        at++;
    }
    return end;
}

/* One layer: 'MARK',char(N)), behind the comma. *ret_at: behind the parenthesis. */
static int parse_layer(const uint8_t *at, const uint8_t *end, const uint8_t **ret_mark,
                       size_t *ret_size, uint8_t *ret_byte, const uint8_t **ret_at)
{
    if (end - at < 2 || at[0] != ',' || at[1] != '\'')
        return -EILSEQ;
    at += 2;

    const uint8_t *close = string_end(at, end);
    unsigned value = 0;

    if (end - close < 9 || memcmp(close, "',", 2) != 0)
        return -EILSEQ;
    *ret_mark = at;
    *ret_size = (size_t)(close - at);
    at = close + 2;
    at += *at == ' ';
    if (memcmp(at, "char(", 5) != 0)
        return -EILSEQ;
    at += 5;
    while (at < end && *at >= '0' && *at <= '9' && value < 256)
        value = value * 10 + (unsigned)(*at++ - '0');
    if (value > 127 || *ret_size == 0 || end - at < 2 || at[0] != ')' || at[1] != ')')
        return -EILSEQ;
    *ret_byte = (uint8_t)value;
    *ret_at = at + 2;
    return 0;
}

static size_t replace(uint8_t *text, size_t size, const uint8_t *mark, size_t mark_size,
                      uint8_t byte)
{
    uint8_t *to = text;

    for (size_t i = 0; i < size;) {
        bool found = size - i >= mark_size && memcmp(text + i, mark, mark_size) == 0;

        *to++ = found ? byte : text[i];
        i += found ? mark_size : 1;
    }
    return (size_t)(to - text);
}

/* --- unistr ------------------------------------------------------------------------------- */

/* COUNT hexadecimal digits at AT as a code point; -1: they are not there, or are none. */
static int64_t take_digits(const uint8_t *at, const uint8_t *end, size_t count)
{
    int64_t point = 0;

    if ((size_t)(end - at) < count)
        return -1;
    for (size_t i = 0; i < count; i++) {
        int digit = ascii_hex_digit((char)at[i]);

        if (digit < 0)
            return -1;
        point = point * 16 + digit;
    }
    return point <= 0x10ffff ? point : -1;
}

/* In place: \\, \XXXX, \uXXXX, \+XXXXXX and \UXXXXXXXX, none of which is shorter then. -EILSEQ. */
static int unescape_points(uint8_t *text, size_t size, size_t *ret_size)
{
    const uint8_t *at = text;
    const uint8_t *end = text + size;
    uint8_t *to = text;

    while (at < end) {
        if (*at != '\\') {
            *to++ = *at++;
            continue;
        }
        if (++at == end)
            return -EILSEQ;
        if (*at == '\\') {
            *to++ = *at++;
            continue;
        }

        size_t digits = *at == 'U' ? 8 : *at == '+' ? 6 : 4;
        int64_t point;

        at += *at == 'u' || *at == 'U' || *at == '+';
        point = take_digits(at, end, digits);
        if (point < 0)
            return -EILSEQ;
        to = utf8_put(to, (uint32_t)point);
        at += digits;
    }
    *ret_size = (size_t)(to - text);
    return 0;
}

/* unistr('a\u000ab'), whole. */
static int make_unescaped(struct dump_reader *reader, const uint8_t *at, const uint8_t *end,
                          struct cell *cell)
{
    const uint8_t *close = at < end && *at == '\'' ? string_end(++at, end) : end;
    struct dump_literal text = {
        .type = LITERAL_ESCAPED, .quote = '\'', .size = (size_t)(close - at)};
    size_t size = 0;
    int error = end - close == 2 && close[1] == ')' ? 0 : -EILSEQ;

    if (error == 0) {
        dump_decode(reader, &text, at, cell);
        error = unescape_points(without_const(cell->data), (size_t)cell->size, &size);
    }
    *cell = (struct cell){CELL_TEXT, size, cell->data};
    return error;
}

/* .dump writes line breaks so: replace(replace('a\nb','\n',char(10)),'\r',char(13)). */
int dump_make_replaced(struct dump_reader *reader, const uint8_t *at, size_t size,
                       struct cell *cell)
{
    static const char call[] = "replace(";
    static const char unescaping[] = "unistr(";
    const uint8_t *end = at + size;
    size_t depth = 0;

    if (size > sizeof unescaping && memcmp(at, unescaping, sizeof unescaping - 1) == 0)
        return make_unescaped(reader, at + sizeof unescaping - 1, end, cell);
    while ((size_t)(end - at) > sizeof call && memcmp(at, call, sizeof call - 1) == 0) {
        at += sizeof call - 1;
        depth++;
    }
    if (depth == 0 || at == end || *at != '\'')
        return -EILSEQ;

    const uint8_t *close = string_end(++at, end);
    struct dump_literal text = {
        .type = LITERAL_ESCAPED, .quote = '\'', .size = (size_t)(close - at)};

    if (close == end)
        return -EILSEQ;
    dump_decode(reader, &text, at, cell);
    at = close + 1;
    for (; depth > 0; depth--) {
        const uint8_t *mark;
        size_t mark_size;
        uint8_t byte;
        int error = parse_layer(at, end, &mark, &mark_size, &byte, &at);

        if (error != 0)
            return error;
        cell->size = replace(without_const(cell->data), (size_t)cell->size, mark, mark_size, byte);
    }
    cell->class = CELL_TEXT;
    return at == end ? 0 : -EILSEQ;
}
