/* SPDX-License-Identifier: MIT */
/* Whether a file may be a table as text, by what it is called and what the user says. */
#include <string.h>

#include "backends/source/delimited.h"
#include "fs/base/ascii.h"

/* From its last dot on; NULL: it has none. */
static const char *ending_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    const char *file = slash != NULL ? slash + 1 : name;
    const char *dot = strrchr(file, '.');

    return dot != file ? dot : NULL;
}

bool delimited_is_called_tabs(const char *name)
{
    const char *dot = ending_of(name);

    return dot != NULL && (ascii_equal(dot, ".tsv") || ascii_equal(dot, ".tab"));
}

static enum delimited_trust trust_of(const char *name)
{
    const char *dot = ending_of(name);

    if (dot == NULL)
        return TRUST_TEXT;
    if (ascii_equal(dot, ".csv") || delimited_is_called_tabs(name))
        return TRUST_NAME;
    return ascii_equal(dot, ".txt") ? TRUST_TEXT : TRUST_NONE;
}

enum delimited_trust delimited_trust(const char *name, const struct dialect_wish *wish)
{
    enum delimited_trust trust = trust_of(name);
    bool said = wish->delimiter_given || wish->quote_given || wish->escape_given ||
                wish->header_given || wish->set_given;

    if (said && wish->alone)
        return TRUST_NAME;
    return trust == TRUST_NONE && wish->delimiter_given ? TRUST_TEXT : trust;
}
