/* SPDX-License-Identifier: MIT */
#include "backends/target/postgres_refusal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What the server says of a row: its words, without what is said of where it stood. */
static void take_words(const PGresult *result, char words[REFUSAL_WORDS])
{
    const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *detail = PQresultErrorField(result, PG_DIAG_MESSAGE_DETAIL);

    snprintf(words, REFUSAL_WORDS, "%.200s%s%.150s",
             primary != NULL ? primary : "the server refuses it", detail != NULL ? ": " : "",
             detail != NULL ? detail : "");
}

/* Of what the server says of where it was, innermost first ("JSON data, line 1: …"): "COPY …". */
static const char *copy_context(const PGresult *result)
{
    const char *context = PQresultErrorField(result, PG_DIAG_CONTEXT);
    const char *line = context != NULL ? strstr(context, "\nCOPY ") : NULL;

    return context == NULL || strncmp(context, "COPY ", 5) == 0 ? context : line;
}

/* "COPY stage, line 5, column name: …": 5; 0: it does not say. */
static size_t line_of(const PGresult *result)
{
    const char *context = copy_context(result);
    const char *line = context != NULL ? strstr(context, ", line ") : NULL;

    return line != NULL ? strtoul(line + 7, NULL, 10) : 0;
}

/* "COPY stage, line 5, column name: …": the name; the column that a constraint is of; or "". */
static void column_of(const PGresult *result, char name[REFUSAL_COLUMN])
{
    const char *context = copy_context(result);
    const char *column = context != NULL ? strstr(context, ", column ") : NULL;
    const char *field = PQresultErrorField(result, PG_DIAG_COLUMN_NAME);

    snprintf(name, REFUSAL_COLUMN, "%.*s",
             column != NULL ? (int)strcspn(column + 9, ":") : REFUSAL_COLUMN - 1,
             column != NULL  ? column + 9
             : field != NULL ? field
                             : "");
}

/* Whether it is the rows that are wrong. */
static bool is_of_rows(const PGresult *result)
{
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);

    return state != NULL && (strncmp(state, "22", 2) == 0 || strncmp(state, "23", 2) == 0 ||
                             strcmp(state, "P0001") == 0);
}

bool postgres_refusal_read(const PGresult *result, struct refusal *ret_refusal)
{
    if (!is_of_rows(result))
        return false;
    take_words(result, ret_refusal->words);
    column_of(result, ret_refusal->column);
    ret_refusal->line = line_of(result);
    return true;
}
