/* SPDX-License-Identifier: MIT */
/*
 * Names that a database would cut, or refuse at the very end, when a table gets the one it is to
 * have.
 */
#include <errno.h>
#include <string.h>

#include "backends/target/create.h"
#include "fs/base/utf8.h"

#define POSTGRES_NAME_BYTES 63 /* NAMEDATALEN, without the NUL */
#define MYSQL_NAME_CHARS 64
#define MYSQL_CHAR_BYTES 3 /* names are of utf8mb3 */

static const char *why_not_mysql(const char *name)
{
    size_t size = strlen(name);
    size_t characters = 0;

    for (const char *at = name; *at != '\0'; characters++) {
        size_t length = utf8_character(at, size - (size_t)(at - name));

        if (length == 0 || length > MYSQL_CHAR_BYTES)
            return "has a character that MySQL's names cannot";
        at += length;
    }
    if (characters > MYSQL_NAME_CHARS)
        return "is longer than the 64 characters that MySQL has for one";
    return size == 0 || name[size - 1] == ' ' ? "is empty or ends in a blank, as MySQL's cannot"
                                              : NULL;
}

static const char *why_not(enum target_engine engine, const char *name)
{
    if (engine == ENGINE_MYSQL)
        return why_not_mysql(name);
    if (engine == ENGINE_SQLITE)
        return NULL;
    if (strlen(name) > POSTGRES_NAME_BYTES)
        return "is longer than the 63 bytes that PostgreSQL has for one";
    return name[0] == '\0' ? "is empty, as PostgreSQL's cannot be" : NULL;
}

int create_check_names(enum target_engine engine, const struct schema *like,
                       struct failure *failure)
{
    const char *why = why_not(engine, like->name);

    if (why != NULL)
        return failure_set(failure, EINVAL, "its name %s: rename it, or leave the table out", why);
    for (size_t i = 0; i < like->column_count; i++) {
        why = why_not(engine, like->columns[i].name);
        if (why != NULL)
            return failure_set(failure, EINVAL, "the name of its column \"%.300s\" %s",
                               like->columns[i].name, why);
    }
    return 0;
}
