/* SPDX-License-Identifier: MIT */
/*
 * Declared types. SQLite takes any words for a type, so only those that other
 * databases give a meaning are known here; what a cell holds is its own affair.
 */
#include <stddef.h>
#include <string.h>

#include "backends/source/sqlite_internal.h"
#include "fs/base/ascii.h"

#define LONGEST_WORDS 64

/* The words before the parenthesis, in capitals; the first that fits counts. */
static const struct {
    const char *words;
    enum column_type type;
} known[] = {
    {"BLOB", COLUMN_BYTES},
    {"TINYBLOB", COLUMN_BYTES},
    {"MEDIUMBLOB", COLUMN_BYTES},
    {"LONGBLOB", COLUMN_BYTES},
    {"BINARY", COLUMN_BYTES},
    {"VARBINARY", COLUMN_BYTES},
    {"BYTEA", COLUMN_BYTES},
    {"JSON", COLUMN_JSON},
    {"JSONB", COLUMN_JSON},
    /* As crmfs makes them: what is a number to SQLite is kept as it is written. */
    {"JSON TEXT", COLUMN_JSON},
    {"DECIMAL TEXT", COLUMN_DECIMAL},
    {"UUID", COLUMN_UUID},
    {"GUID", COLUMN_UUID},
    {"UNIQUEIDENTIFIER", COLUMN_UUID},
    {"BOOL", COLUMN_BOOLEAN},
    {"BOOLEAN", COLUMN_BOOLEAN},
    {"DATE", COLUMN_DATE},
    {"TIME", COLUMN_TIME},
    {"TIME WITH TIME ZONE", COLUMN_TIME},
    {"TIME WITHOUT TIME ZONE", COLUMN_TIME},
    {"DATETIME", COLUMN_DATETIME},
    {"DATETIME2", COLUMN_DATETIME},
    {"SMALLDATETIME", COLUMN_DATETIME},
    {"TIMESTAMP WITHOUT TIME ZONE", COLUMN_TIMESTAMP},
    {"TIMESTAMP WITH TIME ZONE", COLUMN_TIMESTAMP},
    {"TIMESTAMP", COLUMN_TIMESTAMP},
    {"TIMESTAMPTZ", COLUMN_TIMESTAMP},
    {"DECIMAL", COLUMN_DECIMAL},
    {"DEC", COLUMN_DECIMAL},
    {"NUMERIC", COLUMN_DECIMAL},
    {"NUMBER", COLUMN_DECIMAL},
    {"MONEY", COLUMN_DECIMAL},
    {"STRING", COLUMN_TEXT},
    {"POINT", COLUMN_ANY},
    {"INTERVAL", COLUMN_ANY},
    {"ANY", COLUMN_ANY},
};

/* As SQLite derives an affinity: the first that occurs anywhere in the words. */
static const struct {
    const char *part;
    enum column_type type;
} parts[] = {
    {"INT", COLUMN_INTEGER}, {"CHAR", COLUMN_TEXT},  {"CLOB", COLUMN_TEXT},
    {"TEXT", COLUMN_TEXT},   {"BLOB", COLUMN_ANY},   {"REAL", COLUMN_FLOAT},
    {"FLOA", COLUMN_FLOAT},  {"DOUB", COLUMN_FLOAT}, {"BOOL", COLUMN_BOOLEAN},
};

enum column_type sqlite_column_type(const char *declared)
{
    char words[LONGEST_WORDS];
    size_t length = 0;

    declared += strspn(declared, " \t\r\n");
    for (; *declared != '\0' && *declared != '(' && length < sizeof words - 1; declared++) {
        char lower = ascii_lower(*declared);

        words[length++] = lower >= 'a' && lower <= 'z' ? (char)(lower - 'a' + 'A') : lower;
    }
    while (length > 0 && strchr(" \t\r\n", words[length - 1]) != NULL)
        length--;
    words[length] = '\0';
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strcmp(words, known[i].words) == 0)
            return known[i].type;
    }
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        if (strstr(words, parts[i].part) != NULL)
            return parts[i].type;
    }
    return COLUMN_ANY;
}
