/* SPDX-License-Identifier: MIT */
/*
 * The servers' types. How a value arrives in the text protocol says how it is read;
 * where that text has fewer digits than the value (FLOAT always, DOUBLE with a number of
 * decimals), the value is asked for as a double, which the servers write in full.
 */
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"

static const struct {
    const char *name; /* as DATA_TYPE has it */
    enum column_type type;
    enum mysql_reading reading;
    enum mysql_keying keying;
    bool is_long;
} types[] = {
    {"tinyint", COLUMN_INTEGER, READ_NUMBER, KEY_INTEGER, false},
    {"smallint", COLUMN_INTEGER, READ_NUMBER, KEY_INTEGER, false},
    {"mediumint", COLUMN_INTEGER, READ_NUMBER, KEY_INTEGER, false},
    {"int", COLUMN_INTEGER, READ_NUMBER, KEY_INTEGER, false},
    {"bigint", COLUMN_INTEGER, READ_NUMBER, KEY_INTEGER, false},
    {"year", COLUMN_INTEGER, READ_NUMBER, KEY_NUMBER, false},
    {"bit", COLUMN_INTEGER, READ_BITS, KEY_NONE, false},
    {"decimal", COLUMN_DECIMAL, READ_NUMBER, KEY_NUMBER, false},
    {"float", COLUMN_FLOAT, READ_FLOAT, KEY_NONE, false},
    {"double", COLUMN_FLOAT, READ_DOUBLE, KEY_NONE, false},
    {"char", COLUMN_TEXT, READ_TEXT, KEY_TEXT, false},
    {"varchar", COLUMN_TEXT, READ_TEXT, KEY_TEXT, false},
    {"tinytext", COLUMN_TEXT, READ_TEXT, KEY_NONE, false},
    {"text", COLUMN_TEXT, READ_TEXT, KEY_NONE, false},
    {"mediumtext", COLUMN_TEXT, READ_TEXT, KEY_NONE, true},
    {"longtext", COLUMN_TEXT, READ_TEXT, KEY_NONE, true},
    {"enum", COLUMN_TEXT, READ_TEXT, KEY_NONE, false},
    {"set", COLUMN_TEXT, READ_TEXT, KEY_NONE, false},
    {"binary", COLUMN_BYTES, READ_BYTES, KEY_BYTES, false},
    {"varbinary", COLUMN_BYTES, READ_BYTES, KEY_BYTES, false},
    {"tinyblob", COLUMN_BYTES, READ_BYTES, KEY_NONE, false},
    {"blob", COLUMN_BYTES, READ_BYTES, KEY_NONE, false},
    {"mediumblob", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"longblob", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"vector", COLUMN_BYTES, READ_BYTES, KEY_NONE, false},
    {"date", COLUMN_DATE, READ_TEXT, KEY_TEXT, false},
    {"time", COLUMN_TIME, READ_TEXT, KEY_TEXT, false},
    {"datetime", COLUMN_DATETIME, READ_TEXT, KEY_TEXT, false},
    {"timestamp", COLUMN_TIMESTAMP, READ_TEXT, KEY_TEXT, false},
    {"json", COLUMN_JSON, READ_TEXT, KEY_NONE, true},
    {"uuid", COLUMN_UUID, READ_TEXT, KEY_TEXT, false},
    {"inet4", COLUMN_TEXT, READ_TEXT, KEY_TEXT, false},
    {"inet6", COLUMN_TEXT, READ_TEXT, KEY_TEXT, false},
    {"geometry", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"point", COLUMN_BYTES, READ_BYTES, KEY_NONE, false},
    {"linestring", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"polygon", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"multipoint", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"multilinestring", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"multipolygon", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"geometrycollection", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
    {"geomcollection", COLUMN_BYTES, READ_BYTES, KEY_NONE, true},
};

/* A character has four bytes at most. */
static bool outgrows(const char *data_type, const char *column_type, bool is_long)
{
    const char *length = strchr(column_type, '(');

    if (strcmp(data_type, "varchar") == 0 || strcmp(data_type, "varbinary") == 0)
        return length == NULL || strtoul(length + 1, NULL, 10) > MYSQL_SORTED_BYTES / 4;
    return is_long || strcmp(data_type, "text") == 0 || strcmp(data_type, "blob") == 0 ||
           strcmp(data_type, "vector") == 0;
}

enum column_type mysql_column_type(const char *data_type, const char *column_type,
                                   const char *charset, struct mysql_column *ret_column)
{
    struct mysql_column column = {
        .reading = READ_TEXT,
        .is_text = charset != NULL,
        .converted = charset != NULL && strncmp(charset, "utf8", 4) != 0,
    };
    enum column_type type = COLUMN_ANY;

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strcmp(types[i].name, data_type) != 0)
            continue;
        type = types[i].type;
        column.reading = types[i].reading;
        column.keying = types[i].keying;
        column.is_long = types[i].is_long;
        break;
    }
    /* MySQL has JSON in UTF-8, and says that it has no character set. */
    if (type == COLUMN_JSON)
        column.is_text = true;
    column.recast = column.reading == READ_FLOAT ||
                    (column.reading == READ_DOUBLE && strchr(column_type, '(') != NULL);
    column.outgrows = outgrows(data_type, column_type, column.is_long);
    *ret_column = column;
    return type;
}
