/* SPDX-License-Identifier: MIT */
/* What a column's native type says of its values. */
#include "backends/target/fit.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MICROSECONDS 6

/* The number number PLACE within the first parenthesis, or FALLBACK. */
static uint64_t argument(const char *native, unsigned place, uint64_t fallback)
{
    const char *at = strchr(native, '(');

    for (; at != NULL && place > 0; place--)
        at = strchr(at + 1, ',');
    if (at == NULL || at[1] < '0' || at[1] > '9') {
        at = at != NULL && at[1] == ' ' ? at + 1 : at;
        if (at == NULL || at[1] < '0' || at[1] > '9')
            return fallback;
    }
    return strtoull(at + 1, NULL, 10);
}

static bool begins(const char *native, const char *words)
{
    return strncasecmp(native, words, strlen(words)) == 0;
}

static bool has(const char *native, const char *word)
{
    return strcasestr(native, word) != NULL;
}

/* --- SQLite: affinities (https://sqlite.org/datatype3.html, 3.1) ---------------------------- */

static struct fit sqlite_fit(const char *native)
{
    struct fit fit = {.engine = ENGINE_SQLITE, .kind = FIT_NUMERIC};

    if (has(native, "INT"))
        fit.kind = FIT_NUMERIC;
    else if (has(native, "CHAR") || has(native, "CLOB") || has(native, "TEXT"))
        fit.kind = FIT_LOOSE_TEXT;
    else if (native[0] == '\0' || has(native, "BLOB") || strcasecmp(native, "ANY") == 0)
        fit.kind = FIT_ANY;
    else if (has(native, "REAL") || has(native, "FLOA") || has(native, "DOUB"))
        fit.kind = FIT_REAL;
    return fit;
}

/* --- MySQL ------------------------------------------------------------------------------------ */

static const struct {
    const char *name;
    const char *least, *most, *most_unsigned;
} mysql_integers[] = {
    {"tinyint", "128", "127", "255"},
    {"smallint", "32768", "32767", "65535"},
    {"mediumint", "8388608", "8388607", "16777215"},
    {"int", "2147483648", "2147483647", "4294967295"},
    {"bigint", "9223372036854775808", "9223372036854775807", "18446744073709551615"},
};

static void mysql_integer(struct fit *fit, const char *native)
{
    fit->kind = FIT_INTEGER;
    for (size_t i = 0; i < sizeof mysql_integers / sizeof *mysql_integers; i++) {
        if (!begins(native, mysql_integers[i].name))
            continue;
        fit->least = has(native, "unsigned") ? "0" : mysql_integers[i].least;
        fit->most =
            has(native, "unsigned") ? mysql_integers[i].most_unsigned : mysql_integers[i].most;
        return;
    }
    fit->least = "0"; /* bit, year */
    fit->year = begins(native, "year");
    fit->most = fit->year ? "2155" : "18446744073709551615";
}

/* TEXT and BLOB of four sizes. */
static uint64_t mysql_most_bytes(const char *native)
{
    if (begins(native, "tiny"))
        return 255;
    if (begins(native, "medium"))
        return (1U << 24) - 1;
    if (begins(native, "long"))
        return UINT32_MAX;
    return begins(native, "text") || begins(native, "blob") ? UINT16_MAX : 0;
}

static void mysql_text(struct fit *fit, const char *native)
{
    fit->kind = FIT_TEXT;
    fit->cut = begins(native, "char");
    if (fit->cut || begins(native, "varchar"))
        fit->most_chars = argument(native, 0, 1);
    else if (has(native, "text"))
        fit->most_bytes = mysql_most_bytes(native);
    else
        fit->kind = FIT_OTHER; /* enum, set, inet6 */
}

static void mysql_bytes(struct fit *fit, const char *native)
{
    fit->kind = FIT_BYTES;
    fit->fixed = begins(native, "binary");
    fit->most_bytes = fit->fixed || begins(native, "varbinary") ? argument(native, 0, 1)
                                                                : mysql_most_bytes(native);
}

static struct fit mysql_fit(const struct column *column, const char *native)
{
    struct fit fit = {.engine = ENGINE_MYSQL, .kind = FIT_OTHER};

    switch (column->type) {
    case COLUMN_INTEGER: mysql_integer(&fit, native); break;
    case COLUMN_DECIMAL:
        fit.kind = FIT_DECIMAL;
        fit.least = has(native, "unsigned") ? "0" : NULL;
        fit.digits = (unsigned)argument(native, 0, 10);
        fit.fraction = (unsigned)argument(native, 1, 0);
        break;
    case COLUMN_FLOAT: fit.kind = begins(native, "float") ? FIT_SINGLE : FIT_FLOAT; break;
    case COLUMN_BOOLEAN: fit.kind = FIT_BOOLEAN; break;
    case COLUMN_TEXT: mysql_text(&fit, native); break;
    case COLUMN_BYTES: mysql_bytes(&fit, native); break;
    case COLUMN_DATE: fit.kind = FIT_DATE; break;
    case COLUMN_TIME:
        fit.kind = FIT_TIME;
        fit.fraction = (unsigned)argument(native, 0, 0);
        break;
    case COLUMN_DATETIME:
    case COLUMN_TIMESTAMP:
        fit.kind = FIT_MOMENT;
        fit.fraction = (unsigned)argument(native, 0, 0);
        break;
    case COLUMN_JSON:
        fit.kind = FIT_JSON;
        fit.reordered = strcasecmp(native, "json") == 0;
        break;
    case COLUMN_UUID: fit.kind = FIT_UUID; break;
    case COLUMN_ANY: break;
    }
    return fit;
}

/* --- PostgreSQL ------------------------------------------------------------------------------- */

static void postgres_integer(struct fit *fit, const char *native)
{
    fit->kind = FIT_INTEGER;
    fit->least = begins(native, "smallint")  ? "32768"
                 : begins(native, "integer") ? "2147483648"
                 : begins(native, "oid")     ? "0"
                                             : "9223372036854775808";
    fit->most = begins(native, "smallint")  ? "32767"
                : begins(native, "integer") ? "2147483647"
                : begins(native, "oid")     ? "4294967295"
                                            : "9223372036854775807";
}

static void postgres_text(struct fit *fit, const char *native)
{
    fit->kind = strchr(native, '[') != NULL ? FIT_OTHER : FIT_TEXT;
    fit->padded = begins(native, "character(");
    if (fit->padded || begins(native, "character varying"))
        fit->most_chars = argument(native, 0, 0);
    else if (strcmp(native, "text") != 0)
        fit->kind = FIT_OTHER;
}

static struct fit postgres_fit(const struct column *column, const char *native)
{
    struct fit fit = {.engine = ENGINE_POSTGRES, .kind = FIT_OTHER};

    switch (column->type) {
    case COLUMN_INTEGER: postgres_integer(&fit, native); break;
    case COLUMN_DECIMAL:
        fit.kind = FIT_DECIMAL;
        fit.digits = (unsigned)argument(native, 0, 0);
        fit.fraction = (unsigned)argument(native, 1, 0);
        break;
    case COLUMN_FLOAT: fit.kind = begins(native, "real") ? FIT_SINGLE : FIT_FLOAT; break;
    case COLUMN_BOOLEAN: fit.kind = FIT_BOOLEAN; break;
    case COLUMN_TEXT: postgres_text(&fit, native); break;
    case COLUMN_BYTES: fit.kind = FIT_BYTES; break;
    case COLUMN_DATE: fit.kind = FIT_DATE; break;
    case COLUMN_TIME:
        fit.kind = FIT_TIME;
        fit.zone = has(native, "with time zone");
        fit.fraction = (unsigned)argument(native, 0, MICROSECONDS);
        break;
    case COLUMN_DATETIME:
    case COLUMN_TIMESTAMP:
        fit.kind = FIT_MOMENT;
        fit.zone = column->type == COLUMN_TIMESTAMP;
        fit.fraction = (unsigned)argument(native, 0, MICROSECONDS);
        break;
    case COLUMN_JSON:
        fit.kind = FIT_JSON;
        fit.reordered = begins(native, "jsonb");
        break;
    case COLUMN_UUID: fit.kind = FIT_UUID; break;
    case COLUMN_ANY: break;
    }
    return fit;
}

struct fit fit_of(enum target_engine engine, const struct column *column)
{
    const char *native = column->native_type != NULL ? column->native_type : "";

    switch (engine) {
    case ENGINE_SQLITE: return sqlite_fit(native);
    case ENGINE_MYSQL: return mysql_fit(column, native);
    case ENGINE_POSTGRES: return postgres_fit(column, native);
    }
    return (struct fit){.kind = FIT_OTHER};
}
