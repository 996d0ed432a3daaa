/* SPDX-License-Identifier: MIT */
/* What a column of one database is in another: a type that holds every value of it. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "backends/target/create.h"

#define TYPE_SIZE CREATE_TYPE_SIZE
#define MYSQL_KEY_BYTES 3072 /* of all columns of an index together */
#define MYSQL_VARCHAR_MOST 16383
#define MYSQL_DIGITS_MOST 65
#define MYSQL_FRACTION_MOST 30
#define SQLITE_DIGITS_SURE 15 /* that a double keeps of any decimal */
#define MARK_CHARS 4          /* bytes of a character in utf8mb4 */

/* The numbers within the first parenthesis of a type; how many there are. */
static int arguments(const char *native, unsigned *ret_first, unsigned *ret_second)
{
    const char *at = strchr(native, '(');

    return at == NULL                                            ? 0
           : sscanf(at, "( %u , %u", ret_first, ret_second) == 2 ? 2
           : sscanf(at, "( %u", ret_first) == 1                  ? 1
                                                                 : 0;
}

static bool begins(const char *native, const char *words)
{
    return strncasecmp(native, words, strlen(words)) == 0;
}

/* Of a text column: the most characters that it holds, as far as its database sees to that. */
static unsigned text_length(enum target_engine from, const char *native)
{
    unsigned length = 0, ignored;

    if (from == ENGINE_SQLITE || strchr(native, '[') != NULL ||
        !(begins(native, "char") || begins(native, "varchar")))
        return 0;
    return arguments(native, &length, &ignored) >= 1 ? length : 0;
}

static void set_type(char type[TYPE_SIZE], const char *name)
{
    snprintf(type, TYPE_SIZE, "%s", name);
}

static void sqlite_type(enum target_engine from, const struct column *column, char type[TYPE_SIZE])
{
    unsigned digits = 0, fraction = 0;

    switch (column->type) {
    case COLUMN_INTEGER: set_type(type, "INTEGER"); return;
    case COLUMN_DECIMAL:
        if (arguments(column->native_type, &digits, &fraction) != 0 && digits <= SQLITE_DIGITS_SURE)
            snprintf(type, TYPE_SIZE, "DECIMAL(%u,%u)", digits, fraction);
        else
            set_type(type, "DECIMAL TEXT");
        return;
    case COLUMN_FLOAT: set_type(type, "REAL"); return;
    case COLUMN_BOOLEAN: set_type(type, "BOOLEAN"); return;
    case COLUMN_TEXT:
        if (text_length(from, column->native_type) != 0)
            snprintf(type, TYPE_SIZE, "VARCHAR(%u)", text_length(from, column->native_type));
        else
            set_type(type, "TEXT");
        return;
    case COLUMN_BYTES: set_type(type, "BLOB"); return;
    case COLUMN_DATE: set_type(type, "DATE"); return;
    case COLUMN_TIME: set_type(type, "TIME"); return;
    case COLUMN_DATETIME: set_type(type, "DATETIME"); return;
    case COLUMN_TIMESTAMP: set_type(type, "TIMESTAMP"); return;
    case COLUMN_JSON: set_type(type, "JSON TEXT"); return;
    case COLUMN_UUID: set_type(type, "UUID"); return;
    case COLUMN_ANY: type[0] = '\0'; return;
    }
}

/* KEY_PARTS: columns of the longest index that this one is of; 0: none. */
static void mysql_text_type(unsigned length, size_t key_parts, char type[TYPE_SIZE])
{
    size_t most = key_parts != 0 ? MYSQL_KEY_BYTES / MARK_CHARS / key_parts : MYSQL_VARCHAR_MOST;

    if (length != 0 && length <= most)
        snprintf(type, TYPE_SIZE, "varchar(%u)", length);
    else if (key_parts != 0)
        snprintf(type, TYPE_SIZE, "varchar(%zu)", most);
    else
        set_type(type, "longtext");
}

static void mysql_integer_type(enum target_engine from, const char *native, char type[TYPE_SIZE])
{
    if (from != ENGINE_POSTGRES)
        set_type(type, "bigint");
    else if (begins(native, "oid"))
        set_type(type, "int unsigned");
    else
        set_type(type, begins(native, "smallint")  ? "smallint"
                       : begins(native, "integer") ? "int"
                                                   : "bigint");
}

static unsigned fraction_of(enum target_engine from, const char *native)
{
    unsigned digits = 6, ignored;

    if (arguments(native, &digits, &ignored) == 0)
        digits = from == ENGINE_MYSQL ? 0 : 6;
    return digits <= 6 ? digits : 6;
}

static void mysql_type(enum target_engine from, const struct column *column, size_t key_parts,
                       char type[TYPE_SIZE])
{
    unsigned digits = 0, fraction = 0;
    const char *native = column->native_type;

    switch (column->type) {
    case COLUMN_INTEGER: mysql_integer_type(from, native, type); return;
    case COLUMN_DECIMAL:
        if (arguments(native, &digits, &fraction) != 0 && digits <= MYSQL_DIGITS_MOST &&
            fraction <= MYSQL_FRACTION_MOST && fraction <= digits && digits != 0)
            snprintf(type, TYPE_SIZE, "decimal(%u,%u)", digits, fraction);
        else
            snprintf(type, TYPE_SIZE, "decimal(%d,%d)", MYSQL_DIGITS_MOST, MYSQL_FRACTION_MOST);
        return;
    case COLUMN_FLOAT:
        set_type(type, begins(native, "real") && from == ENGINE_POSTGRES ? "float" : "double");
        return;
    case COLUMN_BOOLEAN: set_type(type, "tinyint(1)"); return;
    case COLUMN_BYTES:
        if (key_parts != 0)
            snprintf(type, TYPE_SIZE, "varbinary(%zu)", MYSQL_KEY_BYTES / key_parts);
        else
            set_type(type, "longblob");
        return;
    case COLUMN_DATE: set_type(type, "date"); return;
    case COLUMN_TIME:
        if (strcasestr(native, "with time zone") != NULL)
            set_type(type, "varchar(32)");
        else
            snprintf(type, TYPE_SIZE, "time(%u)", fraction_of(from, native));
        return;
    case COLUMN_DATETIME:
    case COLUMN_TIMESTAMP:
        snprintf(type, TYPE_SIZE, "datetime(%u)", fraction_of(from, native));
        return;
    case COLUMN_JSON: set_type(type, "json"); return;
    case COLUMN_UUID: set_type(type, "char(36)"); return;
    case COLUMN_TEXT:
    case COLUMN_ANY: mysql_text_type(text_length(from, native), key_parts, type); return;
    }
}

static void postgres_integer_type(enum target_engine from, const char *native, char type[TYPE_SIZE])
{
    bool is_unsigned = strcasestr(native, "unsigned") != NULL;

    set_type(type, "bigint");
    if (from != ENGINE_MYSQL)
        return;
    if (begins(native, "tinyint") || begins(native, "year") ||
        (begins(native, "smallint") && !is_unsigned))
        set_type(type, "smallint");
    else if (begins(native, "smallint") || begins(native, "mediumint") ||
             (begins(native, "int") && !is_unsigned))
        set_type(type, "integer");
    else if (begins(native, "bit") || (begins(native, "bigint") && is_unsigned))
        set_type(type, "numeric(20,0)");
}

static void postgres_type(enum target_engine from, const struct column *column,
                          char type[TYPE_SIZE])
{
    unsigned digits = 0, fraction = 0;
    const char *native = column->native_type;

    switch (column->type) {
    case COLUMN_INTEGER: postgres_integer_type(from, native, type); return;
    case COLUMN_DECIMAL:
        if (arguments(native, &digits, &fraction) != 0 && digits != 0)
            snprintf(type, TYPE_SIZE, "numeric(%u,%u)", digits, fraction);
        else
            set_type(type, "numeric");
        return;
    case COLUMN_FLOAT:
        set_type(type,
                 from == ENGINE_MYSQL && begins(native, "float") ? "real" : "double precision");
        return;
    case COLUMN_BOOLEAN: set_type(type, "boolean"); return;
    case COLUMN_BYTES: set_type(type, "bytea"); return;
    case COLUMN_DATE: set_type(type, "date"); return;
    case COLUMN_TIME: snprintf(type, TYPE_SIZE, "time(%u)", fraction_of(from, native)); return;
    case COLUMN_DATETIME:
        snprintf(type, TYPE_SIZE, "timestamp(%u)", fraction_of(from, native));
        return;
    case COLUMN_TIMESTAMP:
        snprintf(type, TYPE_SIZE,
                 from == ENGINE_MYSQL ? "timestamp(%u) with time zone" : "timestamp(%u)",
                 fraction_of(from, native));
        return;
    case COLUMN_JSON: set_type(type, "json"); return;
    case COLUMN_UUID: set_type(type, "uuid"); return;
    case COLUMN_TEXT:
        if (text_length(from, native) != 0)
            snprintf(type, TYPE_SIZE, "character varying(%u)", text_length(from, native));
        else
            set_type(type, "text");
        return;
    case COLUMN_ANY: set_type(type, "text"); return;
    }
}

static size_t longest_key(const struct schema *like, const struct table_extras *extras,
                          size_t column)
{
    size_t parts = 0;

    for (size_t k = 0; k < like->primary_key_count; k++) {
        if (like->primary_key[k] == column)
            parts = like->primary_key_count;
    }
    for (size_t i = 0; i < extras->index_count; i++) {
        for (size_t k = 0; k < extras->indexes[i].count; k++) {
            if (extras->indexes[i].columns[k] == column && extras->indexes[i].count > parts)
                parts = extras->indexes[i].count;
        }
    }
    for (size_t f = 0; f < like->foreign_key_count; f++) {
        for (size_t k = 0; k < like->foreign_keys[f].count; k++) {
            if (like->foreign_keys[f].columns[k] == column && like->foreign_keys[f].count > parts)
                parts = like->foreign_keys[f].count;
        }
    }
    return parts;
}

void create_column_type(enum target_engine engine, const struct schema *like, const char *kind,
                        const struct table_extras *extras, const struct column *column,
                        size_t index, char type[CREATE_TYPE_SIZE])
{
    enum target_engine from = target_engine_of(kind);

    type[0] = '\0';
    if (from == engine && (engine != ENGINE_SQLITE || strcmp(kind, "sqlite") == 0))
        snprintf(type, CREATE_TYPE_SIZE, "%s", column->native_type);
    else if (engine == ENGINE_SQLITE)
        sqlite_type(from, column, type);
    else if (engine == ENGINE_MYSQL)
        mysql_type(from, column, longest_key(like, extras, index), type);
    else
        postgres_type(from, column, type);
}
