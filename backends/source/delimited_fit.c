/* SPDX-License-Identifier: MIT */
#include "backends/source/delimited_fit.h"

#include <string.h>

#define RECORDS_LOOKED_AT 50
#define FIELDS_LOOKED_AT 64

/* --- one choice of signs ------------------------------------------------------------------ */

/* A record that was taken apart. */
struct record {
    const uint8_t *base;
    const struct delimited_field *fields;
    size_t count;
    uint8_t delimiter;
};

/* Neither NULL nor a number or a moment. */
static bool is_word(const uint8_t *at, size_t size)
{
    if (size == 2 && memcmp(at, "\\N", 2) == 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (strchr("0123456789 +-.:eE", at[i]) == NULL)
            return true;
    }
    return false;
}

static void count_field(const struct delimited_field *field, const uint8_t *base,
                        struct delimited_fit *fit)
{
    fit->quoted += field->quoted;
    fit->tailed += field->tail_size != 0;
    fit->doubled = fit->doubled || field->doubled;
    fit->worded += !field->quoted && fit->records > 1 && is_word(base + field->at, field->size);
}

static bool is_digit(uint8_t byte)
{
    return byte >= '0' && byte <= '9';
}

/* Whether field I is digits and nothing else. */
static bool is_digits(const struct record *record, size_t i)
{
    const struct delimited_field *field = &record->fields[i];
    size_t size = field->quoted ? 0 : field->size;

    for (size_t at = 0; at < size; at++) {
        if (!is_digit(record->base[field->at + at]))
            return false;
    }
    return size != 0;
}

/* Whether the comma before field I may stand within a number: one comma, between digits. */
static bool is_decimal(const struct record *record, size_t i)
{
    const struct delimited_field *before = &record->fields[i - 1];
    const struct delimited_field *field = &record->fields[i];
    bool between = !before->quoted && before->size != 0 && !field->quoted && field->size != 0 &&
                   is_digit(record->base[before->at + before->size - 1]) &&
                   is_digit(record->base[field->at]);
    bool many =
        (i > 1 && is_digits(record, i - 1)) || (i + 1 < record->count && is_digits(record, i));

    return record->delimiter == ',' && between && !many;
}

/* Whether the delimiter before field I stands as in a text: a blank follows, and more. */
static bool is_prose(const struct record *record, size_t i)
{
    const struct delimited_field *field = &record->fields[i];

    return (!field->quoted && field->size > 1 && record->base[field->at] == ' ') ||
           is_decimal(record, i);
}

static void count_prose(const struct record *record, struct delimited_fit *fit)
{
    size_t prose = 0;

    for (size_t i = 1; i < record->count; i++)
        prose += is_prose(record, i);
    if (fit->records == 1)
        fit->head_prose = prose;
    fit->prose += prose;
    fit->signs += record->count - 1;
}

struct delimited_fit delimited_fit_signs(struct delimited_signs signs, const uint8_t *at,
                                         const uint8_t *end, bool ended)
{
    struct delimited_field fields[FIELDS_LOOKED_AT];
    struct delimited_fit fit = {.columns = 0};
    size_t count;

    while (at < end && fit.records < RECORDS_LOOKED_AT) {
        const uint8_t *base = at;
        size_t known;

        at = delimited_record(signs, at, end, ended, fields, FIELDS_LOOKED_AT, &count, &fit.open);
        if (at == NULL)
            break;
        if (fit.records++ == 0)
            fit.columns = count;
        fit.same += count == fit.columns;
        known = count < FIELDS_LOOKED_AT ? count : FIELDS_LOOKED_AT;
        for (size_t i = 0; i < known; i++)
            count_field(&fields[i], base, &fit);
        count_prose(&(struct record){base, fields, known, signs.delimiter}, &fit);
        fit.odd = fit.odd || delimited_has_odd_escape(signs, base, fields, known);
    }
    return fit;
}

bool delimited_fit_is_even(const struct delimited_fit *fit)
{
    return fit->tailed == 0 && fit->same == fit->records;
}

bool delimited_fit_is_sound(const struct delimited_fit *fit)
{
    return delimited_fit_is_even(fit) && !fit->odd;
}

/* --- the delimiter ------------------------------------------------------------------------ */

/* In the order in which they are believed, where the text goes with several. */
static const uint8_t delimiters[] = {'\t', ';', '|', ','};

/* Whether most delimiters stand as in a text: something else may separate fields. */
static bool is_mostly_prose(const struct delimited_fit *fit)
{
    return fit->signs != 0 && 2 * fit->prose >= fit->signs;
}

/* Whether those between the names of columns do. */
static bool has_prose_names(const struct delimited_fit *fit)
{
    return fit->columns >= 2 && fit->head_prose == fit->columns - 1;
}

static bool is_mostly_same(const struct delimited_fit *fit)
{
    return 2 * fit->same > fit->records;
}

/*
 * Whether ONE is better than OTHER, which is believed first where they are alike: what is no prose,
 * then more records that agree, then more columns, but for tabs: they are in hardly any text.
 */
static bool is_better(const struct delimited_fit *one, const struct delimited_fit *other,
                      uint8_t other_sign)
{
    bool prose = is_mostly_prose(one);
    bool other_prose = is_mostly_prose(other);

    if (prose != other_prose && is_mostly_same(prose ? other : one))
        return other_prose;
    if (one->same * other->records != other->same * one->records)
        return one->same * other->records > other->same * one->records;
    return one->columns > other->columns && other_sign != '\t';
}

/*
 * Whether OTHER, which was not chosen, would have done as well: it leaves all records alike, and
 * names of columns that are some.
 */
static bool is_rival(const struct delimited_fit *other, const struct delimited_fit *chosen)
{
    return other->columns >= 2 && delimited_fit_is_even(other) && !has_prose_names(other) &&
           2 * other->columns > chosen->columns;
}

/* The most believed of them; 0: none. */
static uint8_t find_rival(const struct delimited_fit *fits, size_t count, size_t chosen)
{
    for (size_t i = 0; i < count; i++) {
        if (i != chosen && is_rival(&fits[i], &fits[chosen]))
            return delimiters[i];
    }
    return 0;
}

/* Excel's "sep=;" as a line of its own before all others. 0: there is none. */
static uint8_t said_delimiter(const uint8_t *text, size_t size)
{
    bool said = size >= 6 && memcmp(text, "sep=", 4) == 0 && (text[5] == '\n' || text[5] == '\r');

    return said ? text[4] : 0;
}

struct delimited_fit delimited_fit_delimiters(const uint8_t *text, size_t size, bool ended,
                                              const struct dialect_wish *wish,
                                              struct delimited_signs *signs)
{
    enum { COUNT = sizeof delimiters };
    uint8_t said =
        wish->delimiter_given ? wish->dialect.signs.delimiter : said_delimiter(text, size);
    struct delimited_fit fits[COUNT];
    size_t best = COUNT;

    signs->delimiter = said != 0 ? said : ',';
    if (said != 0)
        return delimited_fit_signs(*signs, text, text + size, ended);
    for (size_t i = 0; i < COUNT; i++) {
        struct delimited_signs each = *signs;

        each.delimiter = delimiters[i];
        fits[i] = delimited_fit_signs(each, text, text + size, ended);
        if (fits[i].columns >= 2 &&
            (best == COUNT || is_better(&fits[i], &fits[best], delimiters[best])))
            best = i;
    }
    if (best == COUNT)
        return fits[COUNT - 1];
    if (wish->named_tabs && fits[0].columns >= 2) {
        signs->delimiter = '\t';
        return fits[0];
    }
    signs->delimiter = delimiters[best];
    fits[best].rival = find_rival(fits, COUNT, best);
    return fits[best];
}
