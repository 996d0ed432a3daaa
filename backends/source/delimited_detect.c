/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "fs/base/ascii.h"

#define RECORDS_LOOKED_AT 50
#define RECORDS_NEEDED 3

enum trust { TRUST_NONE, TRUST_TEXT, TRUST_NAME };

static enum trust trust_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *file = slash != NULL ? slash + 1 : name;
    const char *dot = strrchr(file, '.');

    if (dot == NULL || dot == file)
        return TRUST_TEXT;
    if (ascii_equal(dot, ".csv") || ascii_equal(dot, ".tsv") || ascii_equal(dot, ".tab"))
        return TRUST_NAME;
    return ascii_equal(dot, ".txt") ? TRUST_TEXT : TRUST_NONE;
}

/* --- delimiters --------------------------------------------------------------------------- */

/* How well the text goes with a delimiter. */
struct fit {
    size_t columns; /* of the first record */
    size_t same;    /* records that have as many */
    size_t records;
};

static struct fit try_delimiter(uint8_t delimiter, const uint8_t *at, const uint8_t *end,
                                bool ended)
{
    struct fit fit = {.columns = 0};
    bool open;
    size_t count;

    while (at < end && fit.records < RECORDS_LOOKED_AT) {
        at = delimited_record(delimiter, at, end, ended, NULL, 0, &count, &open);
        if (at == NULL)
            break;
        if (fit.records++ == 0)
            fit.columns = count;
        fit.same += count == fit.columns;
    }
    return fit;
}

/* More records that agree, then more columns. */
static bool is_better(const struct fit *one, const struct fit *other)
{
    if (one->columns < 2 || other->columns < 2)
        return one->columns >= 2 && other->columns < 2;
    if (one->same * other->records != other->same * one->records)
        return one->same * other->records > other->same * one->records;
    return one->columns > other->columns;
}

bool delimited_recognise(const char *name, const uint8_t *begin, size_t size, bool ended,
                         struct dialect *ret_dialect)
{
    static const uint8_t delimiters[] = {',', ';', '\t', '|'};
    enum trust trust = trust_of(name);
    struct dialect dialect;
    struct fit best = {.columns = 0};
    uint8_t *text;

    if (trust == TRUST_NONE || size == 0)
        return false;
    dialect.set = text_set_detect(begin, size, &dialect.mark_bytes);
    text = malloc(size + BYTE_WINDOW_SLACK);
    if (text == NULL)
        return false;
    size =
        text_set_narrow(dialect.set, begin + dialect.mark_bytes, size - dialect.mark_bytes, text);
    memset(text + size, 0, BYTE_WINDOW_SLACK);

    bool binary = memchr(text, '\0', size) != NULL;

    dialect.delimiter = ',';
    for (size_t i = 0; i < sizeof delimiters && !binary; i++) {
        struct fit fit = try_delimiter(delimiters[i], text, text + size, ended);

        if (is_better(&fit, &best)) {
            best = fit;
            dialect.delimiter = delimiters[i];
        }
    }
    free(text);
    if (binary || (trust == TRUST_TEXT &&
                   (best.columns < 2 || best.same < RECORDS_NEEDED || best.same != best.records)))
        return false;
    *ret_dialect = dialect;
    return true;
}
