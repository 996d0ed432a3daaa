/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows.h"
#include "fs/base/ascii.h"
#include "fs/base/utf8.h"

/* FALSE, for the text goes on behind its end. */
static bool want_more(struct json_scan *scan)
{
    scan->more = true;
    return false;
}

void json_skip_blank(struct json_scan *scan)
{
    while (scan->at < scan->end &&
           (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

/* Whether SIGN stands next, behind blanks. */
static bool stands(struct json_scan *scan, uint8_t sign)
{
    json_skip_blank(scan);
    if (scan->at == scan->end)
        return want_more(scan);
    return *scan->at == sign;
}

bool json_accept(struct json_scan *scan, uint8_t sign)
{
    if (!stands(scan, sign))
        return false;
    scan->at++;
    return true;
}

/* What stands behind a '\'. */
static bool scan_escape(struct json_scan *scan)
{
    if (scan->at == scan->end)
        return want_more(scan);

    uint8_t sign = *scan->at;

    if (sign == '\0' || strchr("\"\\/bfnrtu", sign) == NULL)
        return false;
    scan->at++;
    for (int i = 0; i < 4 && sign == 'u'; i++, scan->at++) {
        if (scan->at == scan->end)
            return want_more(scan);
        if (ascii_hex_digit((char)*scan->at) < 0)
            return false;
    }
    return true;
}

/* Behind the first quote. */
static bool scan_string(struct json_scan *scan, bool *ret_escaped)
{
    *ret_escaped = false;
    for (;;) {
        const uint8_t *at = scan->at;

        while (at < scan->end && *at != '"' && *at != '\\' && *at >= 0x20)
            at++;
        scan->at = at;
        if (at == scan->end)
            return want_more(scan);
        if (*at < 0x20)
            return false;
        scan->at++;
        if (*at == '"')
            return true;
        *ret_escaped = true;
        if (!scan_escape(scan))
            return false;
    }
}

static bool scan_digits(struct json_scan *scan)
{
    const uint8_t *begin = scan->at;

    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    if (scan->at == scan->end)
        return want_more(scan); /* there may be more of them */
    return scan->at > begin;
}

/* A number ends where something else begins, so one at the very end is not whole. */
static bool scan_number(struct json_scan *scan, enum json_kind *ret_kind)
{
    *ret_kind = JSON_INTEGER;
    scan->at += *scan->at == '-';

    const uint8_t *first = scan->at;

    if (!scan_digits(scan) || (*first == '0' && scan->at - first > 1)) {
        scan->at = scan->more ? scan->at : first;
        return false;
    }
    if (*scan->at == '.') {
        *ret_kind = JSON_NUMBER;
        scan->at++;
        if (!scan_digits(scan))
            return false;
    }
    if (*scan->at == 'e' || *scan->at == 'E') {
        *ret_kind = JSON_NUMBER;
        scan->at++;
        if (scan->at == scan->end)
            return want_more(scan);
        scan->at += *scan->at == '+' || *scan->at == '-';
        return scan_digits(scan);
    }
    return true;
}

static bool scan_word(struct json_scan *scan, const char *word)
{
    for (; *word != '\0'; word++, scan->at++) {
        if (scan->at == scan->end)
            return want_more(scan);
        if (*scan->at != (uint8_t)*word)
            return false;
    }
    return true;
}

/* Everything but arrays and objects. */
static bool scan_plain(struct json_scan *scan, struct json_piece *piece)
{
    switch (*scan->at) {
    case '"':
        scan->at++;
        piece->kind = JSON_STRING;
        return scan_string(scan, &piece->escaped);
    case 't': piece->kind = JSON_TRUE; return scan_word(scan, "true");
    case 'f': piece->kind = JSON_FALSE; return scan_word(scan, "false");
    case 'n': piece->kind = JSON_NULL; return scan_word(scan, "null");
    default: return scan_number(scan, &piece->kind);
    }
}

/* What is open: a bit a level, 1 an object. */
struct nesting {
    unsigned depth;
    uint8_t kinds[JSON_ROWS_DEPTH / 8];
};

static bool in_object(const struct nesting *nesting)
{
    unsigned level = nesting->depth - 1;

    return (nesting->kinds[level / 8] >> level % 8 & 1) != 0;
}

static bool enter(struct nesting *nesting, bool object)
{
    unsigned level = nesting->depth;

    if (level == JSON_ROWS_DEPTH)
        return false;
    nesting->kinds[level / 8] =
        (uint8_t)((nesting->kinds[level / 8] & ~(1u << level % 8)) | (unsigned)object << level % 8);
    nesting->depth++;
    return true;
}

/* Within an array or object, before a value; or none is there, and it is left. */
static bool scan_inside(struct json_scan *scan, struct nesting *nesting, const uint8_t *base)
{
    struct json_piece key;

    /* Behind '[' or '{': it may be empty. */
    if (stands(scan, in_object(nesting) ? '}' : ']')) {
        scan->at++;
        nesting->depth--;
        return true;
    }
    return !scan->more && (!in_object(nesting) || json_scan_key(scan, base, &key));
}

/* Behind a value: closes what ends there. *ret_value: another value follows. */
static bool scan_behind(struct json_scan *scan, struct nesting *nesting, const uint8_t *base)
{
    struct json_piece key;

    while (nesting->depth > 0) {
        if (stands(scan, ',')) {
            scan->at++;
            return !in_object(nesting) || json_scan_key(scan, base, &key);
        }
        if (scan->more || !json_accept(scan, in_object(nesting) ? '}' : ']'))
            return false;
        nesting->depth--;
    }
    return true;
}

static bool scan_nested(struct json_scan *scan, const uint8_t *base)
{
    struct nesting nesting = {.depth = 0};

    do {
        struct json_piece plain;

        json_skip_blank(scan);
        if (scan->at == scan->end)
            return want_more(scan);
        if (*scan->at == '[' || *scan->at == '{') {
            unsigned depth = nesting.depth + 1;

            scan->too_deep = !enter(&nesting, *scan->at == '{');
            if (scan->too_deep)
                return false;
            scan->at++;
            if (!scan_inside(scan, &nesting, base))
                return false;
            if (nesting.depth == depth)
                continue; /* at its first value */
        } else if (!scan_plain(scan, &plain)) {
            return false;
        }
        if (!scan_behind(scan, &nesting, base))
            return false;
    } while (nesting.depth > 0);
    return true;
}

bool json_scan_value(struct json_scan *scan, const uint8_t *base, struct json_piece *ret_piece)
{
    json_skip_blank(scan);
    if (scan->at == scan->end)
        return want_more(scan);

    const uint8_t *begin = scan->at;
    struct json_piece piece = {.kind = JSON_NESTED};
    bool nested = *begin == '[' || *begin == '{';

    if (!(nested ? scan_nested(scan, base) : scan_plain(scan, &piece)))
        return false;

    size_t quote = piece.kind == JSON_STRING;

    piece.at = (size_t)(begin - base) + quote;
    piece.size = (size_t)(scan->at - begin) - 2 * quote;
    *ret_piece = piece;
    return true;
}

bool json_scan_key(struct json_scan *scan, const uint8_t *base, struct json_piece *ret_piece)
{
    if (!json_accept(scan, '"'))
        return false;

    const uint8_t *begin = scan->at;
    struct json_piece key = {.kind = JSON_STRING, .at = (size_t)(begin - base)};

    if (!scan_string(scan, &key.escaped))
        return false;
    key.size = (size_t)(scan->at - begin) - 1;
    *ret_piece = key;
    return json_accept(scan, ':');
}

bool json_scan_object(struct json_scan *scan, struct json_member *members, size_t most,
                      size_t *ret_count)
{
    const uint8_t *base = scan->at;
    size_t count = 0;

    if (!json_accept(scan, '{'))
        return false;
    if (stands(scan, '}')) {
        scan->at++;
        *ret_count = 0;
        return true;
    }
    while (!scan->more) {
        struct json_member member;

        if (!json_scan_key(scan, base, &member.key) || !json_scan_value(scan, base, &member.value))
            return false;
        if (count < most)
            members[count] = member;
        count++;
        if (stands(scan, ',')) {
            scan->at++;
            continue;
        }
        if (scan->more || !json_accept(scan, '}'))
            return false;
        *ret_count = count;
        return true;
    }
    return false;
}

/* --- strings ------------------------------------------------------------------------------ */

static uint32_t four_digits(const uint8_t *at)
{
    uint32_t value = 0;

    for (int i = 0; i < 4; i++)
        value = value << 4 | (uint32_t)ascii_hex_digit((char)at[i]);
    return value;
}

/* "\uXXXX", or two of them that are a pair. */
static const uint8_t *unescape_point(const uint8_t *at, const uint8_t *end, uint8_t **to)
{
    uint32_t point = four_digits(at);

    at += 4;
    if (point >= 0xd800 && point < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
        uint32_t low = four_digits(at + 2);

        if (low >= 0xdc00 && low < 0xe000) {
            point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
            at += 6;
        }
    }
    *to = utf8_put(*to, point);
    return at;
}

size_t json_unescape(const uint8_t *from, size_t size, uint8_t *to)
{
    static const uint8_t letters[256] = {
        ['b'] = '\b', ['f'] = '\f', ['n'] = '\n', ['r'] = '\r', ['t'] = '\t'};
    const uint8_t *end = from + size;
    uint8_t *start = to;

    while (from < end) {
        const uint8_t *escape = memchr(from, '\\', (size_t)(end - from));
        size_t plain = (size_t)((escape != NULL ? escape : end) - from);

        memcpy(to, from, plain);
        to += plain;
        from += plain;
        if (escape == NULL)
            break;
        if (from[1] == 'u') {
            from = unescape_point(from + 2, end, &to);
        } else {
            *to++ = letters[from[1]] != 0 ? letters[from[1]] : from[1];
            from += 2;
        }
    }
    return (size_t)(to - start);
}
