/* SPDX-License-Identifier: MIT */
/*
 * "(1,'text',NULL)" taken apart at memory speed: sixteen bytes of a string at a
 * time where there is SSE2. Nothing is decoded here.
 */
#include <stdbool.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/ascii.h"

#define LONGEST_INTRODUCER 32

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_word(uint8_t byte)
{
    char lower = ascii_lower((char)byte);

    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' ||
           byte == '$';
}

/* The next QUOTE or backslash from AT on; END or a place behind it: none. */
static const uint8_t *find_mark(const uint8_t *at, const uint8_t *end, uint8_t quote)
{
#ifdef __SSE2__
    const __m128i quotes = _mm_set1_epi8((char)quote);
    const __m128i slashes = _mm_set1_epi8('\\');

    for (; at < end; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)at);
        int mask = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, quotes), _mm_cmpeq_epi8(bytes, slashes)));

        if (mask != 0)
            return at + __builtin_ctz((unsigned)mask);
    }
    return end;
#else
    while (at < end && *at != quote && *at != '\\')
        at++;
    return at;
#endif
}

struct parse {
    const uint8_t *base;
    const uint8_t *end;
    const struct dump_reader *reader;
};

/* The string whose quote stands at AT; its end, or NULL: it is not all there. */
static const uint8_t *parse_string(const struct parse *parse, const uint8_t *at, bool backslash,
                                   struct dump_literal *literal)
{
    uint8_t quote = *at++;
    const uint8_t *begin = at;

    literal->type = LITERAL_STRING;
    literal->backslash = backslash;
    literal->quote = (char)quote;
    literal->at = (size_t)(at - parse->base);
    for (;;) {
        at = find_mark(at, parse->end, quote);
        /* One more byte tells whether the quote is doubled. */
        if (at + 1 >= parse->end)
            return NULL;
        if (*at == '\\') {
            if (backslash && !sql_is_half(parse->reader->pairs, begin, at)) {
                literal->type = LITERAL_ESCAPED;
                at++;
            }
            at++;
            begin = at;
            continue;
        }
        if (at[1] != quote)
            break;
        literal->type = LITERAL_ESCAPED;
        at += 2;
    }
    literal->size = (size_t)(at - parse->base) - literal->at;
    return at + 1;
}

static const uint8_t *parse_number(const struct parse *parse, const uint8_t *at,
                                   struct dump_literal *literal)
{
    literal->type = LITERAL_NUMBER;
    literal->at = (size_t)(at - parse->base);
    if (at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
        literal->type = LITERAL_HEX;
        literal->at += 2;
    } else if (at[0] == '0' && (at[1] == 'b' || at[1] == 'B')) {
        literal->type = LITERAL_BITS;
        literal->at += 2;
    }
    do
        at++;
    while (at < parse->end && (is_word(*at) || *at == '.' ||
                               ((*at == '+' || *at == '-') && (at[-1] == 'e' || at[-1] == 'E'))));
    literal->size = (size_t)(at - parse->base) - literal->at;
    return at < parse->end ? at : NULL;
}

static bool is_named(const uint8_t *at, size_t size, const char *word)
{
    if (strlen(word) != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (ascii_lower((char)at[i]) != word[i])
            return false;
    }
    return true;
}

/* replace(replace('…','\n',char(10)),'\r',char(13)), unistr('…'): to the parenthesis behind it. */
static const uint8_t *parse_call(const struct parse *parse, const uint8_t *start, const uint8_t *at,
                                 struct dump_literal *literal)
{
    struct dump_literal within;
    size_t depth = 0;

    while (at < parse->end) {
        if (*at == '\'') {
            at = parse_string(parse, at, false, &within);
            if (at == NULL)
                return NULL;
            continue;
        }
        depth += *at == '(';
        depth -= *at == ')';
        at++;
        if (depth == 0) {
            literal->type = LITERAL_REPLACE;
            literal->at = (size_t)(start - parse->base);
            literal->size = (size_t)(at - start);
            return at;
        }
    }
    return NULL;
}

/* What stands before the string of a call whose string says it all, and behind it. */
struct call {
    const char *word;
    const char *before;
    const char *behind;
    enum literal_type type;
};

/* Whether TEXT stands at AT; *ret_more: what is there of it does, and there is no more. */
static bool stands(const struct parse *parse, const uint8_t *at, const char *text, bool *ret_more)
{
    size_t size = strlen(text);
    size_t left = (size_t)(parse->end - at);

    *ret_more = left < size && memcmp(at, text, left) == 0;
    return left >= size && memcmp(at, text, size) == 0;
}

/* As Adminer writes BINARY and BIT: UNHEX('00ff'), CONV('101', 2, 10) + 0. AT: behind the word. */
static const uint8_t *parse_digits(const struct parse *parse, const struct call *call,
                                   const uint8_t *at, struct dump_literal *literal, bool *ret_bad)
{
    bool more;

    *ret_bad = !stands(parse, at, call->before, &more) && !more;
    if (*ret_bad || more)
        return *ret_bad ? at : NULL;
    at = parse_string(parse, at + strlen(call->before) - 1, false, literal);
    if (at == NULL)
        return NULL;
    *ret_bad =
        literal->type != LITERAL_STRING || (!stands(parse, at, call->behind, &more) && !more);
    if (*ret_bad || more)
        return *ret_bad ? at : NULL;
    literal->type = call->type;
    return at + strlen(call->behind);
}

/* The call that the word is, SIZE bytes; NULL: none of these. */
static const struct call *find_call(const struct parse *parse, const uint8_t *word, size_t size)
{
    static const struct call calls[] = {
        {"unhex", "('", ")", LITERAL_HEX},
        {"conv", "('", ", 2, 10) + 0", LITERAL_BITS},
        {"convert", "(b'", ", UNSIGNED)", LITERAL_BITS},
    };

    for (size_t i = 0; i < sizeof calls / sizeof *calls; i++) {
        if (parse->reader->dialect == SQL_MYSQL && is_named(word, size, calls[i].word))
            return &calls[i];
    }
    return NULL;
}

/* Behind what introduces a string, _binary say: x'00ff', at AT. */
static const uint8_t *parse_introduced(const struct parse *parse, const uint8_t *at,
                                       struct dump_literal *literal, bool *ret_bad)
{
    at = parse_string(parse, at + 1, false, literal);
    if (at == NULL)
        return NULL;
    *ret_bad = literal->type != LITERAL_STRING;
    literal->type = LITERAL_HEX;
    return at;
}

/* A word: NULL, DEFAULT, TRUE, FALSE, what introduces a string, or a call. *ret_bad: none of these.
 */
static const uint8_t *parse_word(const struct parse *parse, const uint8_t *at,
                                 struct dump_literal *literal, bool *ret_bad)
{
    const uint8_t *start = at;

    while (at < parse->end && is_word(*at))
        at++;
    if (at >= parse->end)
        return NULL;

    size_t size = (size_t)(at - start);

    *literal = (struct dump_literal){.at = (size_t)(start - parse->base), .size = size};
    if (is_named(start, size, "null")) {
        literal->type = LITERAL_NULL;
        return at;
    }
    if (is_named(start, size, "default")) {
        literal->type = LITERAL_DEFAULT;
        return at;
    }
    if (is_named(start, size, "true") || is_named(start, size, "false")) {
        literal->type = size == 4 ? LITERAL_TRUE : LITERAL_FALSE;
        return at;
    }
    if ((is_named(start, size, "replace") || is_named(start, size, "unistr")) && *at == '(' &&
        parse->reader->dialect == SQL_SQLITE)
        return parse_call(parse, start, at, literal);

    const struct call *call = *at == '(' ? find_call(parse, start, size) : NULL;

    if (call != NULL)
        return parse_digits(parse, call, at, literal, ret_bad);
    /* _binary '…' */
    while (at < parse->end && *at == ' ')
        at++;
    if (at + 2 >= parse->end)
        return NULL;
    if (start[0] == '_' && at[0] == '0' && (at[1] == 'x' || at[1] == 'X'))
        return parse_number(parse, at, literal);
    if (start[0] == '_' && at[1] == '\'' && ascii_lower((char)at[0]) == 'x')
        return parse_introduced(parse, at, literal, ret_bad);
    *ret_bad = *at != '\'' || (start[0] != '_' && size != 1) || size > LONGEST_INTRODUCER;
    if (*ret_bad)
        return at;

    char kind = size == 1 ? ascii_lower((char)start[0]) : '\0';
    bool escapes = kind == 'e' || (kind != 'x' && kind != 'b' && parse->reader->backslash);

    at = parse_string(parse, at, escapes, literal);
    if (at == NULL)
        return NULL;
    literal->binary = is_named(start, size, "_binary");
    if (kind == 'x')
        literal->type = LITERAL_HEX;
    else if (kind == 'b')
        literal->type = LITERAL_BITS;
    else
        *ret_bad = kind != 'e' && kind != 'n' && kind != '\0';
    return at;
}

/* PostgreSQL's '…'::type: to the comma or parenthesis. */
static const uint8_t *skip_cast(const struct parse *parse, const uint8_t *at)
{
    size_t depth = 0;

    while (at < parse->end && (depth != 0 || (*at != ',' && *at != ')'))) {
        depth += *at == '(';
        depth -= *at == ')' && depth != 0;
        at++;
    }
    return at < parse->end ? at : NULL;
}

static const uint8_t *parse_value(const struct parse *parse, const uint8_t *at,
                                  struct dump_literal *literal, bool *ret_bad)
{
    while (at < parse->end && is_space(*at))
        at++;
    if (at >= parse->end)
        return NULL;
    *literal = (struct dump_literal){.type = LITERAL_NULL};
    if (*at == '\'' || (*at == '"' && !parse->reader->ansi_quotes))
        at = parse_string(parse, at, parse->reader->backslash, literal);
    else if ((*at >= '0' && *at <= '9') || *at == '-' || *at == '+' || *at == '.')
        at = parse_number(parse, at, literal);
    else if (is_word(*at))
        at = parse_word(parse, at, literal, ret_bad);
    else
        *ret_bad = true;
    if (at != NULL && !*ret_bad && *at == ':' && parse->reader->dialect == SQL_POSTGRES)
        at = skip_cast(parse, at);
    while (at != NULL && at < parse->end && is_space(*at))
        at++;
    return at != NULL && at < parse->end ? at : NULL;
}

int dump_parse_tuple(const struct dump_reader *reader, const uint8_t *at, const uint8_t *end,
                     struct dump_literal *literals, size_t most, size_t *ret_count,
                     const uint8_t **ret_end)
{
    struct parse parse = {.base = at, .end = end, .reader = reader};
    size_t count = 0;

    at++;
    for (;;) {
        bool bad = false;

        if (count == most)
            return TUPLE_BAD;
        at = parse_value(&parse, at, &literals[count], &bad);
        if (bad)
            return TUPLE_BAD;
        if (at == NULL)
            return TUPLE_MORE;
        count++;
        if (*at == ')')
            break;
        if (*at != ',')
            return TUPLE_BAD;
        at++;
    }
    *ret_count = count;
    *ret_end = at + 1;
    return TUPLE_WHOLE;
}
