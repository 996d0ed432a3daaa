/* SPDX-License-Identifier: MIT */
/*
 * How PostgreSQL's databases order texts, where CREATE DATABASE says it: pg_dumpall and pg_dump
 * --create have one before the \connect to what it makes. Other dumps do not say.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

bool dump_is_byte_order(const char *locale)
{
    static const char *const names[] = {"C",      "POSIX",     "C.UTF-8",  "C.utf8",
                                        "binary", "ucs_basic", "pg_c_utf8"};
    bool found = false;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        found = found || ascii_equal(locale, names[i]);
    return found;
}

/* Behind a word: "= 'C'". NULL: no memory. */
static char *take_value(struct sql_lexer *lexer)
{
    sql_accept(lexer, "=");

    struct sql_token token = sql_next(lexer);

    return token.type == SQL_SIGN || token.type == SQL_END ? strdup("") : sql_text(lexer, &token);
}

/* An ICU locale counts alone; PostgreSQL's own are all of bytes. */
static int take_locale(struct sql_lexer *lexer, bool *ret_bytes)
{
    struct sql_token token;
    bool bytes = false;
    bool collated = false;
    bool own = false;
    bool icu = false;

    while ((token = sql_next(lexer)).type != SQL_END) {
        bool collate = sql_is(&token, "LC_COLLATE");
        bool provider = sql_is(&token, "LOCALE_PROVIDER");

        if (!collate && !provider && !sql_is(&token, "LOCALE"))
            continue;

        cleanup_free char *value = take_value(lexer);

        if (value == NULL)
            return -ENOMEM;
        if (provider) {
            own = ascii_equal(value, "builtin");
            icu = ascii_equal(value, "icu");
        } else if (collate || !collated) {
            bytes = dump_is_byte_order(value);
            collated = collate;
        }
    }
    *ret_bytes = own || (bytes && !icu);
    return 0;
}

int dump_note_locale(struct dump_reader *reader, struct sql_lexer *lexer)
{
    struct sql_token name = sql_next(lexer);

    free(reader->created);
    reader->created = name.type != SQL_END ? sql_text(lexer, &name) : NULL;
    return reader->created != NULL ? take_locale(lexer, &reader->created_in_bytes) : -ENOMEM;
}

void dump_connect_locale(struct dump_reader *reader)
{
    reader->in_bytes = reader->created_in_bytes && reader->created != NULL &&
                       reader->connected != NULL && strcmp(reader->created, reader->connected) == 0;
}

/* Arrays and ranges of TYPE, as BASE is in them. */
static struct dump_type wrapped(const struct dump_type *type, const struct dump_base *base)
{
    struct dump_type whole = {
        .type = COLUMN_TEXT,
        .value = type->value == VALUE_MOMENTS ? VALUE_MOMENTS : VALUE_TEXT,
        .order = type->order,
        .labels = type->labels,
    };
    size_t wraps = strnlen((const char *)type->wraps, KEY_WRAPS_MOST);

    if (base->wrap_count + wraps > KEY_WRAPS_MOST) {
        whole.order = KEY_LETTERS;
        return whole;
    }
    memcpy(whole.wraps, base->wraps, base->wrap_count);
    memcpy(whole.wraps + base->wrap_count, type->wraps, wraps);
    return whole;
}

struct dump_type dump_type_here(const struct dump_reader *reader, const char *native,
                                const char *collation)
{
    if (reader->dialect != SQL_POSTGRES)
        return dump_type_of(reader->dialect, native, strlen(native), collation);

    struct dump_base base = dump_base_of(reader, native, collation);
    bool own = base.collation == NULL || strcmp(base.collation, "default") == 0;
    struct dump_type type = dump_type_of(reader->dialect, base.name, base.size,
                                         own && reader->in_bytes ? "C" : base.collation);

    type.labels = base.labels;
    if (type.labels != NULL) {
        type.order = KEY_LABELS;
        type.sortable = true;
    }
    return base.wrap_count != 0 ? wrapped(&type, &base) : type;
}
