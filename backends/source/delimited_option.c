/* SPDX-License-Identifier: MIT */
/* What a user says of a dialect. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "fs/base/ascii.h"

/* A character by itself or by its name. 0: neither. */
static uint8_t sign_of(const char *value)
{
    if (ascii_equal(value, "tab"))
        return '\t';
    if (ascii_equal(value, "space"))
        return ' ';
    return strlen(value) == 1 ? (uint8_t)value[0] : 0;
}

static int take_delimiter(struct dialect_wish *wish, const char *value, struct failure *failure)
{
    uint8_t sign = sign_of(value);

    if (sign == 0 || sign == '\n' || sign == '\r' || sign >= 0x80)
        return failure_set(failure, EINVAL,
                           "delimiter=%.20s: a delimiter is one character of ASCII, or \"tab\", or "
                           "\"space\"",
                           value);
    wish->delimiter_given = true;
    wish->dialect.signs.delimiter = sign;
    return 1;
}

static int take_quote(struct dialect_wish *wish, const char *value, struct failure *failure)
{
    bool none = ascii_equal(value, "none");
    uint8_t sign = none ? 0 : sign_of(value);

    if (!none && (sign == 0 || sign == '\n' || sign == '\r' || sign >= 0x80))
        return failure_set(failure, EINVAL,
                           "quote=%.20s: a quote is one character of ASCII, or \"none\"", value);
    wish->quote_given = true;
    wish->dialect.signs.quote = sign;
    return 1;
}

static int take_escape(struct dialect_wish *wish, const char *value, struct failure *failure)
{
    bool none = ascii_equal(value, "none");
    bool only_quotes = ascii_equal(value, "quotes");
    uint8_t sign = none ? 0 : only_quotes ? '\\' : sign_of(value);

    if (!none && (sign == 0 || sign == '\n' || sign == '\r' || sign >= 0x80))
        return failure_set(failure, EINVAL,
                           "escape=%.20s: an escape is one character of ASCII, or \"none\", or "
                           "\"quotes\" (a backslash, before quotes only)",
                           value);
    wish->escape_given = true;
    wish->dialect.signs.only_quotes = only_quotes;
    wish->dialect.signs.escape = sign;
    return 1;
}

static int take_set(struct dialect_wish *wish, const char *value, struct failure *failure)
{
    static const struct {
        const char *name;
        enum text_set set;
    } sets[] = {
        {"utf-8", TEXT_UTF8},
        {"utf8", TEXT_UTF8},
        {"windows-1252", TEXT_WINDOWS},
        {"cp1252", TEXT_WINDOWS},
        {"latin1", TEXT_LATIN1},
        {"iso-8859-1", TEXT_LATIN1},
        {"utf-16le", TEXT_UTF16_LITTLE},
        {"utf-16be", TEXT_UTF16_BIG},
    };

    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (!ascii_equal(value, sets[i].name))
            continue;
        wish->set_given = true;
        wish->dialect.set = sets[i].set;
        return 1;
    }
    if (!charset_is_usable(value))
        return failure_set(
            failure, EINVAL,
            "charset=%.40s: there is no such character set (iconv -l lists them), or "
            "it has no ASCII in it; utf-16le and utf-16be can be read, too",
            value);
    wish->set_given = true;
    wish->dialect.set = TEXT_OTHER;
    snprintf(wish->dialect.charset, sizeof wish->dialect.charset, "%s", value);
    return 1;
}

const char *delimited_wish_charset(const struct dialect_wish *wish)
{
    if (!wish->set_given)
        return NULL;
    switch (wish->dialect.set) {
    case TEXT_UTF8: return "UTF-8";
    case TEXT_WINDOWS: return "CP1252";
    case TEXT_LATIN1: return "latin1"; /* to MySQL it is Windows-1252 */
    case TEXT_OTHER: return wish->dialect.charset;
    default: return NULL;
    }
}

static int take_header(struct dialect_wish *wish, const char *value, struct failure *failure)
{
    bool yes = ascii_equal(value, "yes");

    if (!yes && !ascii_equal(value, "no"))
        return failure_set(failure, EINVAL, "header=%.20s: it is yes or no", value);
    wish->header_given = true;
    wish->dialect.headless = !yes;
    return 1;
}

static int take_line_end(struct dialect_wish *wish, const char *value, struct failure *failure)
{
    bool crlf = ascii_equal(value, "crlf");

    if (!crlf && !ascii_equal(value, "lf"))
        return failure_set(failure, EINVAL, "line-end=%.20s: it is lf or crlf", value);
    wish->line_end_given = true;
    wish->dialect.signs.line_end = crlf ? LINE_END_RETURN_FEED : LINE_END_FEED;
    return 1;
}

int delimited_option(struct dialect_wish *wish, const char *name, const char *value,
                     struct failure *failure)
{
    if (strcmp(name, "delimiter") == 0)
        return take_delimiter(wish, value, failure);
    if (strcmp(name, "quote") == 0)
        return take_quote(wish, value, failure);
    if (strcmp(name, "escape") == 0)
        return take_escape(wish, value, failure);
    if (strcmp(name, "charset") == 0)
        return take_set(wish, value, failure);
    if (strcmp(name, "line-end") == 0)
        return take_line_end(wish, value, failure);
    return strcmp(name, "header") == 0 ? take_header(wish, value, failure) : 0;
}
