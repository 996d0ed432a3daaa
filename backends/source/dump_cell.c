/* SPDX-License-Identifier: MIT */
/* Literals as cells: escapes and character sets decoded, by what their columns are. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/number_text.h"
#include "fs/base/utf8.h"

#define MOST_NUMBER 32 /* bytes of one made of digits, or of a real */

int dump_cell_room(struct dump_reader *reader, const uint8_t *row, size_t size, size_t count)
{
    /* In MySQL's dumps no escape makes another byte of one. */
    reader->may_be_garbled =
        dump_has_high_byte(row, size) && (reader->dialect != SQL_MYSQL || !utf8_whole(row, size));
    buffer_clear(&reader->scratch);
    return buffer_reserve(&reader->scratch,
                          size * DUMP_MOST_GROWTH + count * MOST_NUMBER + BYTE_WINDOW_SLACK);
}

/* --- strings ------------------------------------------------------------------------------ */

/* MySQL: what stands behind the backslash; how many bytes it gave. */
static size_t unescape_mysql(uint8_t byte, uint8_t *to)
{
    switch (byte) {
    case '0': *to = '\0'; return 1;
    case 'b': *to = '\b'; return 1;
    case 'n': *to = '\n'; return 1;
    case 'r': *to = '\r'; return 1;
    case 't': *to = '\t'; return 1;
    case 'Z': *to = 0x1a; return 1;
    case '%':
    case '_':
        to[0] = '\\';
        to[1] = byte;
        return 2;
    default: *to = byte; return 1;
    }
}

/* PostgreSQL's E'…' and COPY: at most 3 octal or 2 hexadecimal digits; *AT goes on behind them. */
static uint8_t unescape_postgres(const uint8_t **at, const uint8_t *end)
{
    uint8_t byte = *(*at)++;
    unsigned value = 0;
    int digits = 0;

    if (byte == 'x') {
        for (; digits < 2 && *at < end && ascii_hex_digit((char)**at) >= 0; digits++)
            value = value * 16 + (unsigned)ascii_hex_digit((char)*(*at)++);
        return digits != 0 ? (uint8_t)value : byte;
    }
    if (byte < '0' || byte > '7')
        return (uint8_t)ascii_unescaped((char)byte);
    value = byte - '0';
    for (; digits < 2 && *at < end && **at >= '0' && **at <= '7'; digits++)
        value = value * 8 + (unsigned)(*(*at)++ - '0');
    return (uint8_t)value;
}

/*
 * Copies what stands before the first QUOTE or backslash; how many bytes that is. Reads and writes
 * up to 15 bytes more than SIZE.
 */
static inline size_t copy_plain(uint8_t *to, const uint8_t *from, size_t size, uint8_t quote)
{
    size_t done = 0;

#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8((char)quote);
    const __m128i slashes = _mm_set1_epi8('\\');

    for (; done < size; done += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(from + done));
        int mask = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, slashes)));

        _mm_storeu_si128((__m128i *)(void *)(to + done), bytes);
        if (mask != 0) {
            done += (size_t)__builtin_ctz((unsigned)mask);
            break;
        }
    }
    return done < size ? done : size;
#else
    for (; done < size && from[done] != quote && from[done] != '\\'; done++)
        to[done] = from[done];
    return done;
#endif
}

void dump_decode(struct dump_reader *reader, const struct dump_literal *literal,
                 const uint8_t *from, struct cell *cell)
{
    uint8_t quote = literal->type == LITERAL_FIELD ? '\\' : (uint8_t)literal->quote;
    const uint8_t *end = from + literal->size;
    bool field = literal->type == LITERAL_FIELD;
    uint8_t *start = dump_scratch_end(reader);
    uint8_t *to = start;

    while (from < end) {
        const uint8_t *begin = from;
        size_t plain = copy_plain(to, from, (size_t)(end - from), quote);

        from += plain;
        to += plain;
        if (from == end)
            break;
        if (sql_is_half(reader->pairs, begin, from)) {
            *to++ = *from++;
            continue;
        }
        if (*from == '\\' && (literal->backslash || field) && from + 1 < end) {
            from++;
            reader->escaped = true;
            if (reader->dialect == SQL_MYSQL)
                to += unescape_mysql(*from++, to);
            else
                *to++ = unescape_postgres(&from, end);
            continue;
        }
        *to++ = *from;
        from += *from == (uint8_t)literal->quote && !field && from + 1 < end ? 2 : 1;
    }
    cell->data = start;
    cell->size = (uint64_t)(to - start);
    reader->scratch.size += (size_t)(to - start);
}

/* --- by the column ------------------------------------------------------------------------ */

/* '\x0102', or the older way with octal escapes, as a string says it. */
static int make_bytea(struct dump_reader *reader, struct cell *cell)
{
    const uint8_t *at = cell->data;

    cell->class = CELL_BYTES;
    if (cell->size >= 2 && at[0] == '\\' && at[1] == 'x')
        return dump_decode_hex(reader, at + 2, (size_t)cell->size - 2, cell);

    struct dump_literal field = {.type = LITERAL_FIELD, .size = (size_t)cell->size};

    if (memchr(at, '\\', (size_t)cell->size) != NULL)
        dump_decode(reader, &field, at, cell);
    return 0;
}

static int make_boolean(const struct dump_literal *literal, struct cell *cell)
{
    const uint8_t *at = cell->data;
    bool yes =
        literal->type == LITERAL_TRUE || (literal->type != LITERAL_FALSE && cell->size != 0 &&
                                          (at[0] == 't' || at[0] == 'T' || at[0] == '1'));

    *cell = (struct cell){CELL_BOOLEAN, 1, yes ? "t" : "f"};
    return 0;
}

static bool is_real(const uint8_t *at, size_t size)
{
    return memchr(at, '.', size) != NULL || memchr(at, 'e', size) != NULL ||
           memchr(at, 'E', size) != NULL;
}

/* What the literal says by itself: the column does not say more. */
static int make_any(struct dump_reader *reader, const uint8_t *at,
                    const struct dump_literal *literal, struct cell *cell)
{
    if (literal->type == LITERAL_NUMBER) {
        cell->class = CELL_NUMBER;
        return reader->dialect == SQL_SQLITE && is_real(at, literal->size)
                   ? dump_make_real(reader, at, literal->size, false, cell)
                   : 0;
    }
    if (literal->type == LITERAL_TRUE || literal->type == LITERAL_FALSE) {
        *cell = (struct cell){CELL_NUMBER, 1, literal->type == LITERAL_TRUE ? "1" : "0"};
        return 0;
    }
    if (literal->type == LITERAL_BITS)
        return dump_make_bits(reader, at, literal, cell);
    cell->class = literal->type == LITERAL_HEX || literal->binary ? CELL_BYTES : CELL_TEXT;
    return 0;
}

/* The literal's bytes, decoded, as text. */
static int make_text(struct dump_reader *reader, const uint8_t *at,
                     const struct dump_literal *literal, struct cell *cell)
{
    *cell = (struct cell){CELL_TEXT, literal->size, at};
    switch (literal->type) {
    case LITERAL_ESCAPED: dump_decode(reader, literal, at, cell); return 0;
    case LITERAL_FIELD:
        if (memchr(at, '\\', literal->size) != NULL)
            dump_decode(reader, literal, at, cell);
        return 0;
    case LITERAL_HEX: return dump_decode_hex(reader, at, literal->size, cell);
    case LITERAL_BITS:
        return reader->dialect == SQL_MYSQL ? dump_decode_bits(reader, at, literal->size, cell) : 0;
    case LITERAL_REPLACE: return dump_make_replaced(reader, at, literal->size, cell);
    default: return 0;
    }
}

/*
 * The character set of a text, NULL: UTF-8. To MySQL, digits are bytes as they are stored, and so
 * is what is said to be _binary.
 */
static const char *charset_of(const struct dump_reader *reader, const struct dump_type *type,
                              const struct dump_literal *literal)
{
    bool digits = literal->type == LITERAL_HEX || literal->type == LITERAL_BITS;

    if (literal->introduced)
        return literal->charset;
    if (literal->binary || (digits && reader->dialect == SQL_MYSQL))
        return type->charset;
    return reader->own_bytes ? type->charset : reader->charset;
}

/* Whether it has bytes, which were no text, in characters. */
static bool is_mangled(const struct dump_type *type, const uint8_t *at,
                       const struct dump_literal *literal)
{
    bool bytes = literal->binary || type->value == VALUE_BYTES || type->value == VALUE_BITS;

    return bytes && dump_has_high_byte(at, literal->size);
}

static bool is_number(enum dump_value value)
{
    return value == VALUE_NUMBER || value == VALUE_DIGITS || value == VALUE_DOUBLE ||
           value == VALUE_FLOAT;
}

/* Bits in a column of numbers. */
static int make_counted(struct dump_reader *reader, const uint8_t *at,
                        const struct dump_literal *literal, enum dump_value value,
                        struct cell *cell)
{
    int error = dump_make_bits(reader, at, literal, cell);

    if (error != 0 || value == VALUE_NUMBER || value == VALUE_DIGITS)
        return error;
    return dump_make_real(reader, cell->data, (size_t)cell->size, value == VALUE_FLOAT, cell);
}

int dump_make_cell(struct dump_reader *reader, const struct dump_type *type, const uint8_t *base,
                   const struct dump_literal *literal, struct cell *cell)
{
    const uint8_t *at = base + literal->at;
    enum dump_value value = type->value;
    const char *charset = charset_of(reader, type, literal);

    if (literal->type == LITERAL_NULL) {
        *cell = (struct cell){.class = CELL_NULL};
        return 0;
    }
    if (literal->type == LITERAL_DEFAULT)
        return -EILSEQ;
    if (reader->wide && is_mangled(type, at, literal))
        reader->mangled = true;
    if (value == VALUE_BITS)
        return dump_make_bits(reader, at, literal, cell);
    if (literal->type == LITERAL_BITS && is_number(value))
        return make_counted(reader, at, literal, value, cell);

    int error = make_text(reader, at, literal, cell);

    if (error != 0)
        return error;
    switch (value) {
    case VALUE_NUMBER:
    case VALUE_DIGITS:
        if (literal->type == LITERAL_TRUE || literal->type == LITERAL_FALSE)
            return make_any(reader, at, literal, cell);
        cell->class = CELL_NUMBER;
        if ((literal->type == LITERAL_HEX && !literal->introduced) || cell->size == 0)
            return -EILSEQ;
        if (value == VALUE_NUMBER)
            dump_trim_number(reader, cell);
        return 0;
    case VALUE_DOUBLE:
    case VALUE_FLOAT:
        return dump_make_real(reader, cell->data, (size_t)cell->size, value == VALUE_FLOAT, cell);
    case VALUE_BYTES: cell->class = CELL_BYTES; return 0;
    case VALUE_HEX_BYTES: return make_bytea(reader, cell);
    case VALUE_BOOLEAN: return make_boolean(literal, cell);
    case VALUE_MOMENTS: dump_make_utc(reader, cell); return 0;
    case VALUE_ANY: error = make_any(reader, at, literal, cell); break;
    default: break;
    }
    if (error == 0 && cell->class == CELL_TEXT && charset != NULL) {
        reader->seems_utf8 = reader->seems_utf8 || dump_seems_utf8(reader, charset, cell);
        dump_convert(reader, charset, cell);
    }
    if (reader->may_be_garbled || literal->type == LITERAL_HEX || literal->type == LITERAL_BITS)
        reader->garbled = reader->garbled || dump_is_garbled(reader, cell);
    return error;
}
