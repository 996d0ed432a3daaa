/* SPDX-License-Identifier: MIT */
/* Literals of digits: hexadecimal ones, bits, and numbers as their columns write them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/ascii.h"
#include "fs/base/number_text.h"

int dump_decode_hex(struct dump_reader *reader, const uint8_t *digits, size_t size,
                    struct cell *cell)
{
    uint8_t *start = dump_scratch_end(reader);
    uint8_t *to = start;
    size_t at = 0;

    /* An odd number of digits counts as if a 0 stood before. */
    for (int high = size % 2 != 0 ? 0 : -1; at < size; at++) {
        int digit = ascii_hex_digit((char)digits[at]);

        if (digit < 0)
            return -EILSEQ;
        if (high < 0) {
            high = digit;
            continue;
        }
        *to++ = (uint8_t)(high * 16 + digit);
        high = -1;
    }
    cell->data = start;
    cell->size = (uint64_t)(to - start);
    reader->scratch.size += (size_t)(to - start);
    return 0;
}

/* MySQL's b'…', a string of bytes in most columns. */
int dump_decode_bits(struct dump_reader *reader, const uint8_t *digits, size_t size,
                     struct cell *cell)
{
    uint8_t *start = dump_scratch_end(reader);
    size_t count = (size + 7) / 8;

    memset(start, 0, count);
    for (size_t i = 0; i < size; i++) {
        size_t place = size - 1 - i; /* from the last, as an integer's */

        if (digits[i] != '0' && digits[i] != '1')
            return -EILSEQ;
        start[count - 1 - place / 8] |= (uint8_t)((digits[i] - '0') << place % 8);
    }
    *cell = (struct cell){cell->class, count, start};
    reader->scratch.size += count;
    return 0;
}

static void give_number(struct dump_reader *reader, uint64_t value, struct cell *cell)
{
    char text[INTEGER_TEXT_SIZE];
    size_t size = 0;

    do
        text[sizeof text - ++size] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    memcpy(dump_scratch_end(reader), text + sizeof text - size, size);
    *cell = (struct cell){CELL_NUMBER, size, dump_scratch_end(reader)};
    reader->scratch.size += size;
}

/* MySQL's BIT as a number. */
int dump_make_bits(struct dump_reader *reader, const uint8_t *at,
                   const struct dump_literal *literal, struct cell *cell)
{
    uint64_t value = 0;

    if (literal->type == LITERAL_NUMBER) {
        *cell = (struct cell){CELL_NUMBER, literal->size, at};
        return 0;
    }
    if (literal->type == LITERAL_TRUE || literal->type == LITERAL_FALSE) {
        give_number(reader, literal->type == LITERAL_TRUE, cell);
        return 0;
    }
    if (literal->type == LITERAL_BITS) {
        for (size_t i = 0; i < literal->size; i++) {
            if (at[i] != '0' && at[i] != '1')
                return -EILSEQ;
            value = value << 1 | (at[i] - '0');
        }
        give_number(reader, value, cell);
        return 0;
    }

    struct cell bytes = {CELL_BYTES, literal->size, at};
    int error =
        literal->type == LITERAL_HEX ? dump_decode_hex(reader, at, literal->size, &bytes) : 0;

    if (literal->type == LITERAL_ESCAPED || literal->type == LITERAL_FIELD)
        dump_decode(reader, literal, at, &bytes);
    if (error != 0 || bytes.size > sizeof value)
        return -EILSEQ;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | ((const uint8_t *)bytes.data)[i];
    give_number(reader, value, cell);
    return 0;
}

static bool is_digit(const uint8_t *bytes, size_t size, size_t at)
{
    return at < size && bytes[at] >= '0' && bytes[at] <= '9';
}

/* A number as somebody typed it: +5, 007, -00.5. */
void dump_trim_number(struct dump_reader *reader, struct cell *cell)
{
    const uint8_t *from = cell->data;
    size_t size = (size_t)cell->size;
    bool negative = from[0] == '-';
    size_t start = negative || from[0] == '+';
    size_t at = start;

    while (is_digit(from, size, at + 1) && from[at] == '0')
        at++;
    if (at == negative || at == size)
        return;

    uint8_t *to = dump_scratch_end(reader);

    to[0] = '-';
    memcpy(to + negative, from + at, size - at);
    *cell = (struct cell){CELL_NUMBER, size - at + negative, to};
    reader->scratch.size += (size_t)cell->size;
}

/* SQLite's dumps have more digits than the number needs; each program has its own style. */
int dump_make_real(struct dump_reader *reader, const uint8_t *at, size_t size, bool single,
                   struct cell *cell)
{
    char text[512];
    char *end;

    char *to = (char *)dump_scratch_end(reader);
    size_t length = short_decimal_text((const char *)at, size, single, to);

    if (length == 0) {
        if (size >= sizeof text)
            return -EILSEQ;
        memcpy(text, at, size);
        text[size] = '\0';

        double value = strtod(text, &end);

        if (*end != '\0' || size == 0)
            return -EILSEQ;
        length = single ? float_text((float)value, to) : double_text(value, to);
    }
    *cell = (struct cell){CELL_NUMBER, length, dump_scratch_end(reader)};
    reader->scratch.size += length;
    return 0;
}
