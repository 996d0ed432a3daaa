/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "fs/base/ascii.h"
#include "fs/base/utf8.h"

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

/* --- character sets ----------------------------------------------------------------------- */

/* How many of the units' high (ODD) or low bytes are zero, out of all. */
static bool is_half_zero(const uint8_t *bytes, size_t size, size_t odd)
{
    size_t zeros = 0;

    for (size_t i = odd; i < size; i += 2)
        zeros += bytes[i] == 0;
    return size >= 8 && zeros > size / 4;
}

static enum text_set set_of(const uint8_t *bytes, size_t size)
{
    bool high = false;

    for (size_t at = 0; at < size;) {
        size_t length = utf8_character(bytes + at, size - at);

        /* A character may be cut at the end. */
        if (length == 0 && size - at >= 4)
            return TEXT_WINDOWS;
        if (length == 0)
            break;
        high = high || length > 1;
        at += length;
    }
    return high ? TEXT_UTF8 : TEXT_UNDECIDED;
}

static void detect_set(const uint8_t *begin, size_t size, struct dialect *dialect)
{
    if (size >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0)
        *dialect = (struct dialect){.set = TEXT_UTF8, .mark_bytes = 3};
    else if (size >= 2 && memcmp(begin, "\xff\xfe", 2) == 0)
        *dialect = (struct dialect){.set = TEXT_UTF16_LITTLE, .mark_bytes = 2};
    else if (size >= 2 && memcmp(begin, "\xfe\xff", 2) == 0)
        *dialect = (struct dialect){.set = TEXT_UTF16_BIG, .mark_bytes = 2};
    else if (is_half_zero(begin, size, 1))
        *dialect = (struct dialect){.set = TEXT_UTF16_LITTLE};
    else if (is_half_zero(begin, size, 0))
        *dialect = (struct dialect){.set = TEXT_UTF16_BIG};
    else
        *dialect = (struct dialect){.set = set_of(begin, size)};
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

/* UTF-16 as bytes, as far as it is ASCII: enough to find delimiters. */
static size_t narrow(const struct dialect *dialect, const uint8_t *from, size_t size, uint8_t *to)
{
    size_t low = dialect->set == TEXT_UTF16_LITTLE ? 0 : 1;
    size_t count = 0;

    for (size_t i = dialect->mark_bytes; i + 1 < size; i += 2) {
        uint8_t high_byte = from[i + 1 - low];

        to[count++] = high_byte == 0 && from[i + low] < 0x80 ? from[i + low] : 'x';
    }
    return count;
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
    detect_set(begin, size, &dialect);
    text = malloc(size + BYTE_WINDOW_SLACK);
    if (text == NULL)
        return false;
    if (dialect.set == TEXT_UTF16_LITTLE || dialect.set == TEXT_UTF16_BIG) {
        size = narrow(&dialect, begin, size, text);
    } else {
        size -= dialect.mark_bytes;
        memcpy(text, begin + dialect.mark_bytes, size);
    }
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
