/* SPDX-License-Identifier: MIT */
/* The types of dumps' CREATE TABLE, as the live sources of the same databases map them. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"

#define LONGEST_WORDS 64

struct known_type {
    const char *words; /* in small letters, before the parenthesis */
    struct dump_type type;
};

#define TYPE(what, how, rank)                           \
    {                                                   \
        .type = (what), .value = (how), .order = (rank) \
    }
#define NUMBER(what) TYPE(what, VALUE_NUMBER, KEY_NUMBER)
#define REAL(how) TYPE(COLUMN_FLOAT, how, KEY_NUMBER)
#define TEXT(what, rank) TYPE(what, VALUE_TEXT, rank)
#define BYTES TYPE(COLUMN_BYTES, VALUE_BYTES, KEY_BYTES)
#define RANGE(how, rank)                                                             \
    {                                                                                \
        .type = COLUMN_TEXT, .value = (how), .order = (rank), .wraps = { KEY_RANGE } \
    }

static const struct known_type mysql_types[] = {
    {"tinyint", NUMBER(COLUMN_INTEGER)},
    {"smallint", NUMBER(COLUMN_INTEGER)},
    {"mediumint", NUMBER(COLUMN_INTEGER)},
    {"int", NUMBER(COLUMN_INTEGER)},
    {"integer", NUMBER(COLUMN_INTEGER)},
    {"bigint", NUMBER(COLUMN_INTEGER)},
    {"year", TYPE(COLUMN_INTEGER, VALUE_DIGITS, KEY_NUMBER)},
    {"bool", NUMBER(COLUMN_INTEGER)},
    {"boolean", NUMBER(COLUMN_INTEGER)},
    {"decimal", NUMBER(COLUMN_DECIMAL)},
    {"numeric", NUMBER(COLUMN_DECIMAL)},
    {"dec", NUMBER(COLUMN_DECIMAL)},
    {"fixed", NUMBER(COLUMN_DECIMAL)},
    {"float", REAL(VALUE_FLOAT)},
    {"double", REAL(VALUE_DOUBLE)},
    {"double precision", REAL(VALUE_DOUBLE)},
    {"real", REAL(VALUE_DOUBLE)},
    {"bit", TYPE(COLUMN_INTEGER, VALUE_BITS, KEY_NUMBER)},
    {"date", TEXT(COLUMN_DATE, KEY_BYTES)},
    {"time", TEXT(COLUMN_TIME, KEY_UNKNOWN)},
    {"datetime", TEXT(COLUMN_DATETIME, KEY_BYTES)},
    {"timestamp", TEXT(COLUMN_TIMESTAMP, KEY_BYTES)},
    {"json", TEXT(COLUMN_JSON, KEY_UNKNOWN)},
    {"uuid", TEXT(COLUMN_UUID, KEY_UNKNOWN)},
    {"enum", TEXT(COLUMN_TEXT, KEY_UNKNOWN)},
    {"set", TEXT(COLUMN_TEXT, KEY_UNKNOWN)},
    {"inet4", TEXT(COLUMN_TEXT, KEY_UNKNOWN)},
    {"inet6", TEXT(COLUMN_TEXT, KEY_UNKNOWN)},
    {"binary", BYTES},
    {"varbinary", BYTES},
    {"tinyblob", BYTES},
    {"blob", BYTES},
    {"mediumblob", BYTES},
    {"longblob", BYTES},
    {"geometry", BYTES},
    {"point", BYTES},
    {"linestring", BYTES},
    {"polygon", BYTES},
    {"multipoint", BYTES},
    {"multilinestring", BYTES},
    {"multipolygon", BYTES},
    {"geometrycollection", BYTES},
    {"vector", BYTES},
};

static const struct known_type postgres_types[] = {
    {"smallint", NUMBER(COLUMN_INTEGER)},
    {"integer", NUMBER(COLUMN_INTEGER)},
    {"int", NUMBER(COLUMN_INTEGER)},
    {"int2", NUMBER(COLUMN_INTEGER)},
    {"int4", NUMBER(COLUMN_INTEGER)},
    {"int8", NUMBER(COLUMN_INTEGER)},
    {"bigint", NUMBER(COLUMN_INTEGER)},
    {"serial", NUMBER(COLUMN_INTEGER)},
    {"bigserial", NUMBER(COLUMN_INTEGER)},
    {"smallserial", NUMBER(COLUMN_INTEGER)},
    {"oid", NUMBER(COLUMN_INTEGER)},
    {"numeric", NUMBER(COLUMN_DECIMAL)},
    {"decimal", NUMBER(COLUMN_DECIMAL)},
    {"real", REAL(VALUE_FLOAT)},
    {"float4", REAL(VALUE_FLOAT)},
    {"float8", REAL(VALUE_DOUBLE)},
    {"double precision", REAL(VALUE_DOUBLE)},
    {"boolean", TYPE(COLUMN_BOOLEAN, VALUE_BOOLEAN, KEY_BYTES)},
    {"bool", TYPE(COLUMN_BOOLEAN, VALUE_BOOLEAN, KEY_BYTES)},
    {"bytea", TYPE(COLUMN_BYTES, VALUE_HEX_BYTES, KEY_BYTES)},
    {"date", TEXT(COLUMN_DATE, KEY_MOMENT)},
    {"time", TEXT(COLUMN_TIME, KEY_BYTES)},
    {"time without time zone", TEXT(COLUMN_TIME, KEY_BYTES)},
    {"timetz", TEXT(COLUMN_TIME, KEY_ZONED_TIME)},
    {"time with time zone", TEXT(COLUMN_TIME, KEY_ZONED_TIME)},
    {"timestamp", TEXT(COLUMN_DATETIME, KEY_MOMENT)},
    {"timestamp without time zone", TEXT(COLUMN_DATETIME, KEY_MOMENT)},
    {"timestamptz", TYPE(COLUMN_TIMESTAMP, VALUE_MOMENTS, KEY_MOMENT)},
    {"timestamp with time zone", TYPE(COLUMN_TIMESTAMP, VALUE_MOMENTS, KEY_MOMENT)},
    {"interval", TEXT(COLUMN_TEXT, KEY_INTERVAL)},
    {"json", TEXT(COLUMN_JSON, KEY_UNKNOWN)},
    {"jsonb", TEXT(COLUMN_JSON, KEY_JSON)},
    {"uuid", TEXT(COLUMN_UUID, KEY_BYTES)},
    {"inet", TEXT(COLUMN_TEXT, KEY_ADDRESS)},
    {"cidr", TEXT(COLUMN_TEXT, KEY_ADDRESS)},
    {"macaddr", TEXT(COLUMN_TEXT, KEY_BYTES)},
    {"macaddr8", TEXT(COLUMN_TEXT, KEY_BYTES)},
    {"bit", TEXT(COLUMN_TEXT, KEY_BYTES)},
    {"bit varying", TEXT(COLUMN_TEXT, KEY_BYTES)},
    {"varbit", TEXT(COLUMN_TEXT, KEY_BYTES)},
    {"money", TEXT(COLUMN_TEXT, KEY_MONEY)},
    {"pg_lsn", TEXT(COLUMN_TEXT, KEY_LOG_PLACE)},
    {"\"char\"", TEXT(COLUMN_TEXT, KEY_BYTES)},
    {"text", TEXT(COLUMN_TEXT, KEY_LETTERS)},
    {"character varying", TEXT(COLUMN_TEXT, KEY_LETTERS)},
    {"varchar", TEXT(COLUMN_TEXT, KEY_LETTERS)},
    {"character", TEXT(COLUMN_TEXT, KEY_LETTERS)},
    {"char", TEXT(COLUMN_TEXT, KEY_LETTERS)},
    {"bpchar", TEXT(COLUMN_TEXT, KEY_LETTERS)},
    {"int4range", RANGE(VALUE_TEXT, KEY_NUMBER)},
    {"int4multirange", RANGE(VALUE_TEXT, KEY_NUMBER)},
    {"int8range", RANGE(VALUE_TEXT, KEY_NUMBER)},
    {"int8multirange", RANGE(VALUE_TEXT, KEY_NUMBER)},
    {"numrange", RANGE(VALUE_TEXT, KEY_NUMBER)},
    {"nummultirange", RANGE(VALUE_TEXT, KEY_NUMBER)},
    {"daterange", RANGE(VALUE_TEXT, KEY_MOMENT)},
    {"datemultirange", RANGE(VALUE_TEXT, KEY_MOMENT)},
    {"tsrange", RANGE(VALUE_TEXT, KEY_MOMENT)},
    {"tsmultirange", RANGE(VALUE_TEXT, KEY_MOMENT)},
    {"tstzrange", RANGE(VALUE_MOMENTS, KEY_MOMENT)},
    {"tstzmultirange", RANGE(VALUE_MOMENTS, KEY_MOMENT)},
    {"name", TEXT(COLUMN_TEXT, KEY_BYTES)},
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* The words of a type without what stands in parentheses: "timestamp(3) with time zone". */
static void plain_words(const char *native, size_t length, char words[LONGEST_WORDS])
{
    const char *end = native + length;
    size_t size = 0;
    size_t depth = 0;

    for (; native < end && size < LONGEST_WORDS - 1; native++) {
        depth += *native == '(';
        if (depth == 0 && (*native != ' ' || (size != 0 && words[size - 1] != ' ')))
            words[size++] = ascii_lower(*native);
        depth -= *native == ')' && depth != 0;
    }
    while (size > 0 && words[size - 1] == ' ')
        size--;
    words[size] = '\0';
}

/* MySQL's types go on with words that do not matter here: "int unsigned zerofill". */
static bool fits(enum sql_dialect dialect, const char *words, const char *known)
{
    size_t size = strlen(known);

    return strncmp(words, known, size) == 0 &&
           (words[size] == '\0' || (dialect == SQL_MYSQL && words[size] == ' '));
}

static bool ends_with(const char *text, const char *ending)
{
    size_t size = strlen(text);
    size_t length = strlen(ending);

    return size >= length && ascii_equal(text + size - length, ending);
}

/* The size of the quoted name at AT, quotes included, if it says the same without them; else 0. */
static size_t needless_quotes(const char *at, size_t left)
{
    size_t size = 1;

    while (size < left && ((at[size] >= 'a' && at[size] <= 'z') || at[size] == '_' ||
                           (size > 1 && at[size] >= '0' && at[size] <= '9')))
        size++;
    /* "char" is another type than char. */
    return size > 1 && size < left && at[size] == '"' &&
                   (size != 5 || memcmp(at + 1, "char", 4) != 0)
               ? size + 1
               : 0;
}

char *dump_postgres_type(const char *type, size_t size)
{
    static const char own[] = "pg_catalog.";
    char *plain = malloc(size + 1);
    size_t length = 0;

    for (size_t at = 0; plain != NULL && at < size;) {
        size_t quoted = type[at] == '"' ? needless_quotes(type + at, size - at) : 0;

        if (quoted != 0) {
            memcpy(plain + length, type + at + 1, quoted - 2);
            length += quoted - 2;
            at += quoted;
        } else {
            plain[length++] = type[at++];
        }
        if (length == sizeof own - 1 && memcmp(plain, own, length) == 0)
            length = 0;
    }
    if (plain != NULL)
        plain[length] = '\0';
    return plain;
}

/* The type of those WORDS; a text by letters, if there is none. */
static struct dump_type known_type(enum sql_dialect dialect, const char *words)
{
    const struct known_type *types = dialect == SQL_POSTGRES ? postgres_types : mysql_types;
    size_t count = dialect == SQL_POSTGRES ? COUNT(postgres_types) : COUNT(mysql_types);

    for (size_t i = 0; i < count; i++) {
        if (fits(dialect, words, types[i].words)) {
            struct dump_type type = types[i].type;

            type.sortable = type.order != KEY_UNKNOWN && type.wraps[0] == KEY_PLAIN;
            return type;
        }
    }
    return (struct dump_type)TEXT(COLUMN_TEXT, KEY_LETTERS);
}

/* What is ordered by a collation, where that is one of bytes. PostgreSQL's char(n) without the
 * blanks that it is filled up with. */
static enum key_order order_of_bytes(const struct dump_type *type, const char *words)
{
    bool padded = type->sortable && (strcmp(words, "character") == 0 ||
                                     strcmp(words, "char") == 0 || strcmp(words, "bpchar") == 0);

    switch (type->order) {
    case KEY_LETTERS: return padded ? KEY_TRIMMED : KEY_BYTES;
    case KEY_JSON: return KEY_JSON_BYTES;
    default: return type->order;
    }
}

struct dump_type dump_type_of(enum sql_dialect dialect, const char *native, size_t size,
                              const char *collation)
{
    char words[LONGEST_WORDS];

    plain_words(native, size, words);

    struct dump_type type = known_type(dialect, words);

    if (type.value == VALUE_NUMBER && strstr(words, " zerofill") != NULL)
        type.value = VALUE_DIGITS;
    /* How PostgreSQL compares what is not known here depends on other things than the collation. */
    if ((dialect == SQL_MYSQL || type.sortable) && collation != NULL &&
        (ends_with(collation, "_bin") || dump_is_byte_order(collation)))
        type.order = order_of_bytes(&type, words);
    return type;
}
