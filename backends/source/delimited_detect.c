/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited_fit.h"
#include "fs/base/memory.h"

#define RECORDS_NEEDED 3

/* A backslash before a quote is one only where no sense can be made of the text otherwise. */
static void detect_escape(const uint8_t *text, size_t size, bool ended,
                          const struct dialect_wish *wish, struct delimited_fit *fit,
                          struct delimited_signs *signs)
{
    const uint8_t escaped[] = {'\\', signs->quote};
    struct delimited_signs escaping = {.quote = signs->quote, .escape = '\\'};

    if (wish->escape_given || delimited_fit_is_even(fit) ||
        memmem(text, size, escaped, sizeof escaped) == NULL)
        return;

    struct delimited_fit other = delimited_fit_delimiters(text, size, ended, wish, &escaping);

    if (delimited_fit_is_even(&other)) {
        *fit = other;
        *signs = escaping;
    }
}

/* Behind the first line feed that is not escaped; NULL: there is none. */
static const uint8_t *first_line(uint8_t escape, const uint8_t *text, size_t size)
{
    bool escaped = false;

    for (size_t i = 0; i < size; i++) {
        if (text[i] == '\n' && !escaped)
            return text + i + 1;
        escaped = text[i] == escape && !escaped;
    }
    return NULL;
}

/*
 * MySQL escapes of a text's line ends what a line ends with, and there the first byte only; COPY
 * has letters for both. So all lines end as the first does, unless a return ends its text.
 */
static void detect_line_end(const uint8_t *text, size_t size, bool ended,
                            const struct dialect_wish *wish, struct delimited_fit *fit,
                            struct delimited_signs *signs)
{
    const uint8_t *behind = first_line(signs->escape, text, size);

    if (signs->escape == 0 || signs->quote != 0 || behind == NULL)
        return;
    signs->line_end = wish->line_end_given ? wish->dialect.signs.line_end : LINE_END_RETURN_FEED;
    *fit = delimited_fit_signs(*signs, text, text + size, ended);
    if (wish->line_end_given)
        return;
    if (behind - text > 1 && behind[-2] == '\r' && delimited_fit_is_even(fit))
        return;
    signs->line_end = LINE_END_FEED;
    *fit = delimited_fit_signs(*signs, text, text + size, ended);
}

/*
 * With \N: whether there are quotes, with escapes in them, as MySQL writes them (ENCLOSED BY), or
 * doubled ones and no escapes, as COPY does (FORMAT csv, NULL '\N'). Between tabs, what neither
 * could have written so, or what has text without quotes beside numbers, has none; elsewhere there
 * are some, though none came yet.
 */
static void detect_quoted_nulls(const uint8_t *text, size_t size, bool ended,
                                struct delimited_fit *fit, struct delimited_signs *signs)
{
    const struct delimited_signs mysql = {
        .delimiter = signs->delimiter, .quote = '"', .escape = '\\', .nulls = true};
    const struct delimited_signs copy = {
        .delimiter = signs->delimiter, .quote = '"', .nulls = true};
    struct delimited_fit escaped = delimited_fit_signs(mysql, text, text + size, ended);
    struct delimited_fit doubled = delimited_fit_signs(copy, text, text + size, ended);
    bool is_copy =
        delimited_fit_is_even(&doubled) && (!delimited_fit_is_sound(&escaped) || escaped.doubled);
    const struct delimited_fit *best = is_copy ? &doubled : &escaped;
    bool bare = best->quoted == 0 || (delimited_fit_is_sound(fit) &&
                                      (best->open || (!best->doubled && best->worded != 0)));

    if (!delimited_fit_is_even(best) || (signs->delimiter == '\t' && bare))
        return;
    *fit = *best;
    *signs = is_copy ? copy : mysql;
}

/* Whether there is a field that is \N and nothing else. */
static bool holds_null(const uint8_t *text, size_t size, uint8_t delimiter)
{
    static const char *const forms[] = {"|\\N|", "|\\N\n", "|\\N\r\n", "\n\\N|"};
    bool found = false;

    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        size_t length = strlen(forms[i]);
        uint8_t mark[8];

        for (size_t j = 0; j < length; j++)
            mark[j] = forms[i][j] == '|' ? delimiter : (uint8_t)forms[i][j];
        found = found || memmem(text, size, mark, length) != NULL;
    }
    return found;
}

/*
 * \N as a field: so MySQL and PostgreSQL's COPY write NULL. Between tabs a backslash takes the
 * meaning of tabs and line ends as well, and there are seldom quotes then.
 */
static void detect_nulls(const uint8_t *text, size_t size, bool ended,
                         const struct dialect_wish *wish, struct delimited_fit *fit,
                         struct delimited_signs *signs)
{
    const struct delimited_signs plain = {
        .delimiter = signs->delimiter, .escape = '\\', .nulls = true};
    struct delimited_fit bare;

    if (wish->escape_given || wish->quote_given || !holds_null(text, size, signs->delimiter))
        return;
    signs->nulls = true;
    if (signs->quote == '\'')
        return;
    bare = delimited_fit_signs(plain, text, text + size, ended);
    if (signs->delimiter == '\t' || delimited_fit_is_sound(&bare)) {
        *signs = plain;
        *fit = bare;
        detect_line_end(text, size, ended, wish, fit, signs);
    }
    detect_quoted_nulls(text, size, ended, fit, signs);
}

/* Between tabs many programs write no quotes, and texts may begin with one. */
static void detect_no_quotes(const uint8_t *text, size_t size, bool ended,
                             const struct dialect_wish *wish, struct delimited_fit *fit,
                             struct delimited_signs *signs)
{
    struct delimited_signs bare = *signs;
    struct delimited_fit other;

    if (wish->quote_given || signs->delimiter != '\t' || fit->tailed == 0)
        return;
    bare.quote = 0;
    other = delimited_fit_signs(bare, text, text + size, ended);
    if (delimited_fit_is_even(&other)) {
        *fit = other;
        *signs = bare;
    }
}

/* Single quotes count as such where most records have fields in them, and none a double one. */
static struct delimited_fit detect_signs(const uint8_t *text, size_t size, bool ended,
                                         const struct dialect_wish *wish,
                                         struct delimited_signs *ret_signs)
{
    struct delimited_signs signs = {.quote = wish->quote_given ? wish->dialect.signs.quote : '"',
                                    .escape = wish->dialect.signs.escape,
                                    .only_quotes = wish->dialect.signs.only_quotes};
    struct delimited_signs single = signs;
    struct delimited_fit fit = delimited_fit_delimiters(text, size, ended, wish, &signs);
    uint8_t rival;

    single.quote = '\'';
    if (!wish->quote_given && memchr(text, '"', size) == NULL && memchr(text, '\'', size) != NULL) {
        struct delimited_fit other = delimited_fit_delimiters(text, size, ended, wish, &single);

        if (other.tailed == 0 && other.records > 1 && other.quoted >= other.records &&
            other.same == other.records) {
            fit = other;
            signs = single;
        }
    }
    rival = fit.rival;
    detect_no_quotes(text, size, ended, wish, &fit, &signs);
    detect_escape(text, size, ended, wish, &fit, &signs);
    detect_nulls(text, size, ended, wish, &fit, &signs);
    if (!signs.nulls)
        detect_line_end(text, size, ended, wish, &fit, &signs);
    fit.rival = signs.delimiter != rival ? rival : 0;
    *ret_signs = signs;
    return fit;
}

/* A few zeros in texts: hardly one in a hundred bytes, and not the first. */
static bool has_few_zeros(const uint8_t *text, size_t size)
{
    size_t zeros = 0;

    for (size_t i = 0; i < size; i++)
        zeros += text[i] == '\0';
    return size != 0 && text[0] != '\0' && zeros <= size / 100;
}

static struct dialect begin_dialect(const uint8_t *begin, size_t size,
                                    const struct dialect_wish *wish)
{
    struct dialect dialect = {
        .escape_known = wish->escape_given,
        .quote_known = wish->quote_given,
        .header_known = wish->header_given,
        .set_known = wish->set_given,
    };

    dialect.set = text_set_detect(begin, size, &dialect.mark_bytes);
    if (wish->set_given) {
        dialect.set = wish->dialect.set;
        memcpy(dialect.charset, wish->dialect.charset, sizeof dialect.charset);
    }
    return dialect;
}

/* Whether the last line is DOS's sign of a text's end, and nothing else. */
static bool ends_with_mark(const uint8_t *text, size_t size)
{
    return size > 1 && text[size - 1] == 0x1a && (text[size - 2] == '\n' || text[size - 2] == '\r');
}

/* False: it is no text. */
static bool look_at(const uint8_t *begin, size_t size, bool ended, enum delimited_trust trust,
                    const struct dialect_wish *wish, struct dialect *dialect,
                    struct delimited_fit *ret_fit)
{
    cleanup_free uint8_t *text = malloc(size + BYTE_WINDOW_SLACK);

    if (text == NULL)
        return false;
    size = text_set_narrow(dialect->set, begin + dialect->mark_bytes, size - dialect->mark_bytes,
                           text);
    memset(text + size, 0, BYTE_WINDOW_SLACK);

    size -= ended && ends_with_mark(text, size);

    size_t written = text_before_zeros(text, size);

    if (written == 0 && trust == TRUST_NAME && has_few_zeros(text, size))
        written = size;
    if (written == 0)
        return false;
    *ret_fit = detect_signs(text, written, ended && written == size, wish, &dialect->signs);
    dialect->rival = ret_fit->rival;
    return true;
}

static bool is_table(const struct delimited_fit *fit)
{
    return fit->columns >= 2 && fit->same >= RECORDS_NEEDED && fit->same == fit->records;
}

static const struct dialect_wish no_wish = {.quote_given = false};

bool delimited_recognise(const char *name, const uint8_t *begin, size_t size, bool ended,
                         const struct dialect_wish *wish, struct dialect *ret_dialect)
{
    struct delimited_fit fit;
    struct dialect_wish own = wish != NULL ? *wish : no_wish;

    own.named_tabs = delimited_is_called_tabs(name);
    wish = &own;

    enum delimited_trust trust = delimited_trust(name, wish);

    ret_dialect->unsure = false;
    if (trust == TRUST_NONE || size == 0)
        return false;

    struct dialect dialect = begin_dialect(begin, size, wish);

    if (!look_at(begin, size, ended, trust, wish, &dialect, &fit))
        return false;
    dialect.headless = wish->header_given ? wish->dialect.headless
                                          : delimited_trust(name, &no_wish) != TRUST_NAME &&
                                                dialect.signs.escape != 0 &&
                                                (dialect.signs.quote == 0 || dialect.signs.nulls);
    dialect.unsure = !ended && fit.records < RECORDS_NEEDED;
    ret_dialect->unsure = dialect.unsure;
    if (trust == TRUST_TEXT && !is_table(&fit))
        return false;
    *ret_dialect = dialect;
    return true;
}

bool delimited_resembles(const uint8_t *begin, size_t size, bool ended)
{
    struct delimited_fit fit;
    struct dialect dialect = begin_dialect(begin, size, &no_wish);

    return size != 0 && look_at(begin, size, ended, TRUST_TEXT, &no_wish, &dialect, &fit) &&
           is_table(&fit) && fit.columns >= (dialect.signs.delimiter == ',' ? 3 : 2);
}
