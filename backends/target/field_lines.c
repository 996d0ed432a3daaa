/* SPDX-License-Identifier: MIT */
#include "backends/target/field_lines.h"

#include <string.h>

/* The letter behind a backslash; 0: the byte stands as it is. */
static const char escapes[256] = {
    ['\0'] = '0', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r', ['\\'] = '\\'};

#define EACH_BYTE(byte) (UINT64_C(0x0101010101010101) * (byte))

/* Whether some of eight bytes is below LIMIT, which is at most 0x80. */
static bool has_below(uint64_t eight, uint64_t limit)
{
    return ((eight - EACH_BYTE(limit)) & ~eight & EACH_BYTE(0x80)) != 0;
}

/* Whether all stand as they are; a rare control character may be taken for one that does not. */
static bool are_plain(uint64_t eight)
{
    return !has_below(eight, '\r' + 1) && !has_below(eight ^ EACH_BYTE('\\'), 1);
}

static uint8_t *add_escaped(uint8_t *to, const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        char escape = escapes[text[i]];

        if (escape != '\0') {
            *to++ = '\\';
            *to++ = (uint8_t)escape;
        } else {
            *to++ = text[i];
        }
    }
    return to;
}

static void add_text(struct buffer *lines, const uint8_t *text, size_t size)
{
    uint8_t *to = lines->data + lines->size;
    uint64_t eight;

    for (; size >= sizeof eight; text += sizeof eight, size -= sizeof eight) {
        memcpy(&eight, text, sizeof eight);
        if (are_plain(eight))
            to = mempcpy(to, &eight, sizeof eight);
        else
            to = add_escaped(to, text, sizeof eight);
    }
    to = add_escaped(to, text, size);
    lines->size = (size_t)(to - lines->data);
}

static void add_bytes(struct buffer *lines, const uint8_t *bytes, size_t size, bool copy_bytes)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t *to = lines->data + lines->size;

    if (copy_bytes)
        to = mempcpy(to, "\\\\x", 3);
    for (size_t i = 0; i < size; i++) {
        *to++ = (uint8_t)digits[bytes[i] >> 4];
        *to++ = (uint8_t)digits[bytes[i] & 15];
    }
    lines->size = (size_t)(to - lines->data);
}

static void add_plain(struct buffer *lines, const void *text, size_t size)
{
    memcpy(lines->data + lines->size, text, size);
    lines->size += size;
}

int field_lines_add(struct buffer *lines, const struct cell *cells, size_t count, bool copy_bytes)
{
    size_t room = 0;
    int error;

    for (size_t i = 0; i < count; i++)
        room += 8 + 2 * (size_t)cells[i].size;
    error = buffer_reserve(lines, room + 1);
    if (error != 0)
        return error;
    for (size_t i = 0; i < count; i++) {
        if (i != 0)
            lines->data[lines->size++] = '\t';
        switch (cells[i].class) {
        case CELL_NULL: add_plain(lines, "\\N", 2); break;
        case CELL_NUMBER:
        case CELL_BOOLEAN: add_plain(lines, cells[i].data, cells[i].size); break;
        case CELL_TEXT: add_text(lines, cells[i].data, cells[i].size); break;
        case CELL_BYTES: add_bytes(lines, cells[i].data, cells[i].size, copy_bytes); break;
        }
    }
    lines->data[lines->size++] = '\n';
    return 0;
}

/* What a letter behind a backslash stands for. */
static uint8_t unescaped(uint8_t letter)
{
    switch (letter) {
    case '0': return '\0';
    case 'b': return '\b';
    case 't': return '\t';
    case 'n': return '\n';
    case 'r': return '\r';
    default: return letter;
    }
}

static uint8_t digit_value(uint8_t digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static bool is_end(uint8_t byte)
{
    return byte == '\t' || byte == '\n';
}

/* Up to the field's end, which is returned. */
static const uint8_t *take_text(const uint8_t *at, uint8_t **to)
{
    while (!is_end(*at)) {
        if (*at == '\\') {
            *(*to)++ = unescaped(at[1]);
            at += 2;
        } else {
            *(*to)++ = *at++;
        }
    }
    return at;
}

static const uint8_t *take_bytes(const uint8_t *at, uint8_t **to)
{
    for (; !is_end(*at); at += 2)
        *(*to)++ = (uint8_t)(digit_value(at[0]) << 4 | digit_value(at[1]));
    return at;
}

const uint8_t *field_lines_take(const uint8_t *line, size_t count, const bool *is_bytes,
                                struct buffer *values, struct cell *ret_cells)
{
    uint8_t *to = values->data + values->size;

    for (size_t i = 0; i < count; i++) {
        uint8_t *from = to;

        if (line[0] == '\\' && line[1] == 'N') {
            ret_cells[i] = (struct cell){.class = CELL_NULL};
            line += 3;
            continue;
        }
        line = is_bytes[i] ? take_bytes(line, &to) : take_text(line, &to);
        ret_cells[i] =
            (struct cell){is_bytes[i] ? CELL_BYTES : CELL_TEXT, (uint64_t)(to - from), from};
        line++;
    }
    values->size = (size_t)(to - values->data);
    return count != 0 ? line : line + 1;
}
