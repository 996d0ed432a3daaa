/* SPDX-License-Identifier: MIT */
/* What a backslash takes its meaning, and whether it does. */
#include <string.h>

#include "backends/source/delimited.h"
#include "fs/base/ascii.h"

/* What an escape and BYTE stand for. */
static uint8_t unescape(uint8_t byte)
{
    switch (byte) {
    case '0': return '\0';
    case 'Z': return 0x1a;
    default: return (uint8_t)ascii_unescaped((char)byte);
    }
}

/* A run of escapes before a quote is doubled, as it is before the one that ends the field. */
static uint8_t *unescape_quotes(uint8_t *to, const uint8_t *from, size_t size,
                                struct delimited_signs signs)
{
    const uint8_t *end = from + size;

    while (from < end) {
        const uint8_t *at = from;
        bool quote;

        while (at < end && *at == signs.escape)
            at++;
        quote = at == end || *at == signs.quote;
        for (size_t left = (size_t)(at - from) / (quote ? 2 : 1); left > 0; left--)
            *to++ = signs.escape;
        if (at < end)
            *to++ = *at++;
        from = at;
    }
    return to;
}

uint8_t *delimited_unescape(uint8_t *to, const uint8_t *from, size_t size,
                            struct delimited_signs signs, bool quoted)
{
    const uint8_t *end = from + size;

    if (signs.only_quotes)
        return quoted ? unescape_quotes(to, from, size, signs) : mempcpy(to, from, size);
    while (from < end) {
        bool pair = from + 1 < end;

        if (*from == signs.escape && pair) {
            *to++ = unescape(from[1]);
            from += 2;
        } else {
            *to++ = *from;
            from += quoted && pair && from[0] == signs.quote && from[1] == signs.quote ? 2 : 1;
        }
    }
    return to;
}

bool delimited_has_odd_escape(struct delimited_signs signs, const uint8_t *base,
                              const struct delimited_field *fields, size_t count)
{
    const char *known = signs.quote != 0 ? "0\\\r\n" : "0bfnrtvZ\\\t\r\n";
    size_t known_count = strlen(known);

    for (size_t i = 0; i < count && signs.escape != 0; i++) {
        const uint8_t *at = base + fields[i].at;
        const uint8_t *end = at + fields[i].size;

        if (!fields[i].quoted && fields[i].size == 2 && at[0] == signs.escape && at[1] == 'N')
            continue;
        while (at < end && (at = memchr(at, signs.escape, (size_t)(end - at))) != NULL) {
            if (at + 1 == end || (at[1] != signs.quote && at[1] != signs.delimiter &&
                                  memchr(known, at[1], known_count) == NULL))
                return true;
            at += 2;
        }
    }
    return false;
}

static bool is_sign(struct delimited_signs signs, uint8_t byte)
{
    return byte == signs.delimiter || (signs.quote != 0 && byte == signs.quote) || byte == '\r' ||
           byte == '\n';
}

bool delimited_hides_sign(struct delimited_signs signs, const uint8_t *base,
                          const struct delimited_field *fields, size_t count)
{
    for (size_t i = 0; i < count && signs.escape != 0; i++) {
        const uint8_t *at = base + fields[i].at;
        const uint8_t *end = at + fields[i].size;

        while (at < end && (at = memchr(at, signs.escape, (size_t)(end - at))) != NULL) {
            if (at + 1 < end && is_sign(signs, at[1]))
                return true;
            at += 2;
        }
    }
    return false;
}

bool delimited_has_late_null(struct delimited_signs signs, const uint8_t *base,
                             const struct delimited_field *fields, size_t count)
{
    for (size_t i = 0; i < count && signs.escape == 0 && !signs.nulls; i++) {
        const uint8_t *at = base + fields[i].at;

        if (!fields[i].quoted && fields[i].size == 2 && at[0] == '\\' && at[1] == 'N')
            return true;
    }
    return false;
}

bool delimited_has_stray_quote(struct delimited_signs signs, const uint8_t *base,
                               const struct delimited_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct delimited_field *field = &fields[i];

        if (field->tail_size != 0 &&
            (signs.delimiter == '\t' || memchr(base + field->at, '\n', field->size) != NULL))
            return true;
    }
    return false;
}

bool delimited_lacks_escape(struct delimited_signs signs, const uint8_t *base,
                            const struct delimited_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct delimited_field *field = &fields[i];

        if (field->tail_size != 0 && field->size != 0 &&
            base[field->at + field->size - 1] == '\\' && signs.escape == 0)
            return true;
    }
    return false;
}
