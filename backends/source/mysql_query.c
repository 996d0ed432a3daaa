/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/memory.h"

int mysql_do(struct mysql_source *source, struct mysql_link *link, struct failure *failure,
             const char *format, ...)
{
    cleanup_free char *statement = NULL;
    va_list arguments;

    va_start(arguments, format);
    if (vasprintf(&statement, format, arguments) < 0)
        statement = NULL;
    va_end(arguments);
    if (statement == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    mysql_link_wait_begins(link);

    bool done = mysql_query(link->handle, statement) == 0;

    /* What gives rows after all (CHECK TABLE and its like) is not left on the line. */
    if (done)
        mysql_free_result(mysql_store_result(link->handle));
    mysql_link_wait_ends(link);
    return done ? 0 : mysql_link_failure(source, link, NULL, failure);
}

int mysql_ask(struct mysql_source *source, struct mysql_link *link, const char *query,
              MYSQL_RES **ret_rows, struct failure *failure)
{
    MYSQL_RES *rows = NULL;

    mysql_link_wait_begins(link);
    if (mysql_query(link->handle, query) == 0)
        rows = mysql_store_result(link->handle);
    mysql_link_wait_ends(link);
    if (rows == NULL)
        return mysql_link_failure(source, link, NULL, failure);
    *ret_rows = rows;
    return 0;
}

int mysql_ask_about(struct mysql_source *source, struct mysql_link *link, const char *columns,
                    const char *what, const char *database, const char *name, MYSQL_RES **ret_rows,
                    struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);

    if (buffer_print(&text, "SELECT %s FROM information_schema.%s WHERE TABLE_SCHEMA = ", columns,
                     what) != 0 ||
        mysql_add_literal(&text, database, strlen(database), false) != 0 ||
        buffer_append_text(&text, " AND TABLE_NAME = ") != 0 ||
        mysql_add_literal(&text, name, strlen(name), false) != 0 ||
        buffer_append(&text, "", 1) != 0)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    return mysql_ask(source, link, (const char *)text.data, ret_rows, failure);
}

int mysql_add_name(struct buffer *text, const char *name)
{
    int error = buffer_append(text, "`", 1);

    for (; *name != '\0' && error == 0; name++) {
        if (*name == '`')
            error = buffer_append(text, "`", 1);
        if (error == 0)
            error = buffer_append(text, name, 1);
    }
    return error == 0 ? buffer_append(text, "`", 1) : error;
}

/* In hexadecimal: nothing in it can end it, whatever the session's modes. */
int mysql_add_literal(struct buffer *text, const char *bytes, size_t size, bool binary)
{
    static const char digits[] = "0123456789abcdef";
    int error = buffer_append_text(text, binary ? "x'" : "_utf8mb4 x'");

    if (error == 0)
        error = buffer_reserve(text, size * 2 + 1);
    if (error != 0)
        return error;
    for (size_t i = 0; i < size; i++) {
        text->data[text->size++] = (uint8_t)digits[(uint8_t)bytes[i] >> 4];
        text->data[text->size++] = (uint8_t)digits[(uint8_t)bytes[i] & 15];
    }
    text->data[text->size++] = '\'';
    return 0;
}
