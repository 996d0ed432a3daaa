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

static bool is_text(const char *native)
{
    static const char *const types[] = {"text", "character", "varchar", "char", "bpchar"};
    bool found = false;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        size_t size = strlen(types[i]);

        found = found || (strncmp(native, types[i], size) == 0 &&
                          (native[size] == '\0' || native[size] == '(' || native[size] == ' '));
    }
    return found && strchr(native, '[') == NULL;
}

bool dump_has_order(const struct dump_column *column)
{
    const struct dump_type *type = &column->type;

    if (type->array || ascii_equal(column->native, "json"))
        return false;
    return type->order != KEY_LETTERS || is_text(column->native);
}

struct dump_type dump_type_here(const struct dump_reader *reader, const char *native,
                                const char *collation)
{
    bool own = collation == NULL || strcmp(collation, "default") == 0;
    struct dump_type type = dump_type_of(
        reader->dialect, native, own && reader->in_bytes && is_text(native) ? "C" : collation);

    type.labels = dump_labels_of(reader, native);
    if (type.labels != NULL)
        type.order = KEY_LABELS;
    return type;
}
