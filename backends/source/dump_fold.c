/* SPDX-License-Identifier: MIT */
/*
 * What a MySQL dump says of a table after its CREATE TABLE, written into that: phpMyAdmin takes
 * keys and AUTO_INCREMENT out of what SHOW CREATE TABLE says, and adds them behind the rows.
 * Without them the statement would make another table.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

/* More than any table of MySQL's has: 4,096 columns, 64 indexes. What is beyond is passed over. */
#define FOLDS_MOST 5000
#define FOLD_BYTES_MOST ((size_t)512 << 10)

/* TEXT takes the place of what stands from FROM to TO in the statement. */
static int splice(struct dump_table *table, const char *from, const char *to, const char *text)
{
    char *whole;

    if (asprintf(&whole, "%.*s%s%s", (int)(from - table->ddl), table->ddl, text, to) < 0)
        return -ENOMEM;
    free(table->ddl);
    table->ddl = whole;
    table->changed = true;
    return 0;
}

/* Whether TEXT may be folded into the table's statement, which is a string: no NUL in it. */
static bool may_fold(const struct dump_reader *reader, struct dump_table *table, const char *text,
                     size_t size)
{
    return reader->dialect == SQL_MYSQL && table->ddl != NULL && table->folds++ < FOLDS_MOST &&
           size <= FOLD_BYTES_MOST && strlen(table->ddl) <= FOLD_BYTES_MOST - size &&
           memchr(text, '\0', size) == NULL;
}

/* LEXER stands behind "CREATE TABLE name (". */
static bool enter(const struct dump_reader *reader, const struct dump_table *table,
                  struct sql_lexer *lexer)
{
    struct sql_token token;

    *lexer = dump_lexer(reader, table->ddl, strlen(table->ddl));
    do {
        token = sql_next(lexer);
    } while (token.type != SQL_END && !sql_is(&token, "("));
    return token.type != SQL_END;
}

/* Goes over one definition, to the comma or parenthesis behind it; whether it stops there. */
static bool pass(struct sql_lexer *lexer)
{
    for (;;) {
        struct sql_token token = sql_peek(lexer);

        if (token.type == SQL_END)
            return false;
        if (sql_is(&token, ",") || sql_is(&token, ")"))
            return true;
        sql_next(lexer);
        if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
    }
}

/* Goes over all definitions; whether LEXER stands before the parenthesis that ends them. */
static bool pass_all(struct sql_lexer *lexer)
{
    while (pass(lexer)) {
        if (!sql_accept(lexer, ","))
            return true;
    }
    return false;
}

/*
 * TEXT, which has no NUL, on one line, the caller's: SHOW CREATE TABLE gives a line to each
 * definition. NULL: no memory. A line end within a name or a string stays.
 */
static char *on_one_line(const struct dump_reader *reader, const char *text, size_t size)
{
    struct sql_lexer lexer = dump_lexer(reader, text, size);
    char *line = strndup(text, size);
    const char *behind = text;

    for (const char *at = text; line != NULL && at < text + size; at = behind) {
        struct sql_token token = sql_next(&lexer);

        for (; at < token.at && at < text + size; at++) {
            if (*at == '\n' || *at == '\r')
                line[at - text] = ' ';
        }
        if (token.type == SQL_END)
            break;
        behind = token.at + token.size;
    }
    return line;
}

/* SHOW CREATE TABLE has a name for each foreign key: InnoDB's own where none was given. */
static bool lacks_name(const char *text)
{
    static const char foreign[] = "FOREIGN ";

    return strncasecmp(text, foreign, sizeof foreign - 1) == 0;
}

int dump_fold_key(struct dump_reader *reader, struct dump_table *table, const char *text,
                  size_t size)
{
    cleanup_free char *definition = NULL;
    struct sql_lexer lexer;
    size_t blank;
    bool whole;

    if (!may_fold(reader, table, text, size))
        return 0;

    cleanup_free char *line = on_one_line(reader, text, size);

    if (line == NULL)
        return -ENOMEM;
    whole = enter(reader, table, &lexer) && pass_all(&lexer);
    if (!whole || (lacks_name(line) && strchr(table->name, '`') != NULL))
        return 0;
    blank = strspn(lexer.at, " \t\r\n");

    const char *end = memchr(lexer.at, '\n', blank) == NULL ? "\n" : "";
    int printed = lacks_name(line) ? asprintf(&definition, ",\n  CONSTRAINT `%s_ibfk_%zu` %s%s",
                                              table->name, table->foreign_count, line, end)
                                   : asprintf(&definition, ",\n  %s%s", line, end);

    if (printed < 0) {
        definition = NULL;
        return -ENOMEM;
    }
    return splice(table, lexer.at, lexer.at, definition);
}

int dump_fold_column(struct dump_reader *reader, struct dump_table *table, const char *name,
                     const char *text, size_t size)
{
    struct sql_lexer lexer;
    bool more;

    if (!may_fold(reader, table, text, size))
        return 0;

    cleanup_free char *line = on_one_line(reader, text, size);

    if (line == NULL)
        return -ENOMEM;
    more = enter(reader, table, &lexer);
    while (more) {
        struct sql_token token = sql_peek(&lexer);
        cleanup_free char *own = sql_text(&lexer, &token);

        if (own == NULL)
            return -ENOMEM;
        if (!pass(&lexer))
            return 0;
        if (ascii_equal(own, name))
            return splice(table, token.at, lexer.at, line);
        more = sql_accept(&lexer, ",");
    }
    return 0;
}

/* The first place for it: PARTITION BY, perhaps in a version comment, has none behind it. */
int dump_fold_option(struct dump_reader *reader, struct dump_table *table, const char *text,
                     size_t size)
{
    cleanup_free char *option = NULL;
    struct sql_lexer lexer;

    if (!may_fold(reader, table, text, size) || !enter(reader, table, &lexer) || !pass_all(&lexer))
        return 0;
    sql_next(&lexer);
    if (asprintf(&option, " %.*s", (int)size, text) < 0) {
        option = NULL;
        return -ENOMEM;
    }
    return splice(table, lexer.at, lexer.at, option);
}
