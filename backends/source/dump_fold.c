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

/* The same, and 1. */
static int replace(struct dump_table *table, const char *from, const char *to, const char *text)
{
    int error = splice(table, from, to, text);

    return error != 0 ? error : 1;
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

/* TEXT, behind what names it, as the last definition of all, if there is place for it. 0, -ENOMEM.
 */
static int append_definition(const struct dump_reader *reader, struct dump_table *table,
                             const char *constraint, const char *text)
{
    cleanup_free char *definition = NULL;
    struct sql_lexer lexer;

    if (!enter(reader, table, &lexer) || !pass_all(&lexer))
        return 0;

    size_t blank = strspn(lexer.at, " \t\r\n");
    const char *end = memchr(lexer.at, '\n', blank) == NULL ? "\n" : "";

    if (asprintf(&definition, ",\n  %s%s%s", constraint, text, end) < 0) {
        definition = NULL;
        return -ENOMEM;
    }
    return splice(table, lexer.at, lexer.at, definition);
}

int dump_fold_key(struct dump_reader *reader, struct dump_table *table, const char *text,
                  size_t size)
{
    cleanup_free char *constraint = NULL;

    if (!may_fold(reader, table, text, size))
        return 0;

    cleanup_free char *line = on_one_line(reader, text, size);

    if (line == NULL)
        return -ENOMEM;
    if (!lacks_name(line))
        return append_definition(reader, table, "", line);
    if (strchr(table->name, '`') != NULL)
        return 0;
    if (asprintf(&constraint, "CONSTRAINT `%s_ibfk_%zu` ", table->name, table->foreign_count) < 0) {
        constraint = NULL;
        return -ENOMEM;
    }
    return append_definition(reader, table, constraint, line);
}

/* A definition in the statement: a column, a key … */
struct definition {
    struct sql_token name; /* its first word */
    const char *end;       /* before the comma or parenthesis behind it */
    const char *before;    /* the comma before it; NULL: it is the first */
    bool last;
};

/* The next one, which LEXER stands before, and then behind its comma. Whether there is one. */
static bool next_definition(struct sql_lexer *lexer, struct definition *definition)
{
    definition->name = sql_peek(lexer);
    if (!pass(lexer))
        return false;
    definition->end = lexer->at;
    definition->last = !sql_accept(lexer, ",");
    return true;
}

/* The column NAME in the table's statement. 1; 0: it has none; -ENOMEM. */
static int find_definition(const struct dump_reader *reader, const struct dump_table *table,
                           const char *name, struct definition *definition)
{
    struct sql_lexer lexer;
    const char *before = NULL;

    if (!enter(reader, table, &lexer))
        return 0;
    while (next_definition(&lexer, definition)) {
        cleanup_free char *own = sql_text(&lexer, &definition->name);

        if (own == NULL)
            return -ENOMEM;
        definition->before = before;
        if (ascii_equal(own, name))
            return 1;
        if (definition->last)
            return 0;
        before = lexer.at - 1;
    }
    return 0;
}

/*
 * A key that the column's definition makes of it stays, whatever the next one says: as definitions
 * of their own. As find_definition.
 */
static int keep_keys(const struct dump_reader *reader, struct dump_table *table,
                     const struct definition *column)
{
    size_t size = (size_t)(column->end - column->name.at);
    cleanup_free char *text = strndup(column->name.at, size);
    cleanup_free char *key = NULL;
    bool primary = false;
    bool unique = false;
    struct sql_token token;
    int error = 0;

    if (asprintf(&key, "KEY (%.*s)", (int)column->name.size, column->name.at) < 0)
        key = NULL;
    if (text == NULL || key == NULL)
        return -ENOMEM;

    struct sql_lexer lexer = dump_lexer(reader, text, size);

    sql_next(&lexer);
    while ((token = sql_next(&lexer)).type != SQL_END) {
        if (sql_is(&token, "("))
            sql_skip_parentheses(&lexer);
        primary = primary || sql_is(&token, "PRIMARY") || (sql_is(&token, "KEY") && !unique);
        unique = unique || sql_is(&token, "UNIQUE");
    }
    if (primary)
        error = append_definition(reader, table, "PRIMARY ", key);
    if (error == 0 && unique)
        error = append_definition(reader, table, "UNIQUE ", key);
    return error;
}

/* The column NAME, whose keys have been kept. As find_definition. */
static int find_replaced(const struct dump_reader *reader, struct dump_table *table,
                         const char *name, struct definition *definition)
{
    int found = find_definition(reader, table, name, definition);

    if (found <= 0)
        return found;

    int error = keep_keys(reader, table, definition);

    return error != 0 ? error : find_definition(reader, table, name, definition);
}

int dump_fold_column(struct dump_reader *reader, struct dump_table *table, const char *name,
                     const char *text, size_t size)
{
    struct definition old;

    if (!may_fold(reader, table, text, size))
        return 0;

    cleanup_free char *line = on_one_line(reader, text, size);
    int found = line != NULL ? find_replaced(reader, table, name, &old) : -ENOMEM;

    return found <= 0 ? found : replace(table, old.name.at, old.end, line);
}

/* 1; 0: there is none, or nothing else; -ENOMEM. */
static int take_out(const struct dump_reader *reader, struct dump_table *table, const char *name)
{
    struct definition old;
    int found = find_replaced(reader, table, name, &old);

    if (found <= 0)
        return found;
    /* With the comma behind it, and the blanks to what follows, or with that before it. */
    if (!old.last)
        return replace(table, old.name.at, old.end + 1 + strspn(old.end + 1, " \t\r\n"), "");
    return old.before != NULL ? replace(table, old.before, old.end, "") : 0;
}

int dump_fold_placed(struct dump_reader *reader, struct dump_table *table, const char *old,
                     const char *text, size_t size, const char *behind)
{
    struct definition beside = {.last = false};
    cleanup_free char *placed = NULL;
    struct sql_lexer lexer;
    bool first = behind == NULL;

    if (!may_fold(reader, table, text, size) ||
        (behind != NULL && old != NULL && ascii_equal(behind, old)))
        return 0;

    cleanup_free char *line = on_one_line(reader, text, size);
    int found = line == NULL     ? -ENOMEM
                : behind != NULL ? find_definition(reader, table, behind, &beside)
                                 : 1;

    if (found > 0 && old != NULL)
        found = take_out(reader, table, old);
    if (found > 0 && behind != NULL)
        found = find_definition(reader, table, behind, &beside);
    else if (found > 0)
        found = enter(reader, table, &lexer) && next_definition(&lexer, &beside);
    if (found <= 0)
        return found;
    if (asprintf(&placed, first ? "%s,\n  " : ",\n  %s", line) < 0) {
        placed = NULL;
        return -ENOMEM;
    }
    return first ? replace(table, beside.name.at, beside.name.at, placed)
                 : replace(table, beside.end, beside.end, placed);
}

/* Where OLD stands as a column of the key that LEXER stands before; of size 0: nowhere. */
static int find_in_key(struct sql_lexer *lexer, const char *old, struct sql_token *ret_token)
{
    struct sql_token token;

    do {
        token = sql_next(lexer);
        if (token.type == SQL_END || sql_is(&token, ","))
            return 0;
    } while (!sql_is(&token, "("));
    while ((token = sql_next(lexer)).type != SQL_END && !sql_is(&token, ")")) {
        if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
        if (token.type != SQL_NAME && token.type != SQL_WORD)
            continue;

        cleanup_free char *name = sql_text(lexer, &token);

        if (name == NULL)
            return -ENOMEM;
        *ret_token = token;
        if (ascii_equal(name, old))
            return 1;
    }
    return 0;
}

static bool is_key(const struct sql_token *token)
{
    static const char *const words[] = {"PRIMARY",    "UNIQUE",  "KEY",      "INDEX",
                                        "CONSTRAINT", "FOREIGN", "FULLTEXT", "SPATIAL"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (sql_is(token, words[i]))
            return true;
    }
    return false;
}

/* In the definition, which LEXER stands before: its own name, or that of a key's column. As above.
 */
static int find_name(struct sql_lexer *lexer, const struct definition *definition, const char *old,
                     struct sql_token *ret_token)
{
    cleanup_free char *own = NULL;

    if (is_key(&definition->name))
        return find_in_key(lexer, old, ret_token);
    own = sql_text(lexer, &definition->name);
    *ret_token = definition->name;
    return own == NULL ? -ENOMEM : ascii_equal(own, old);
}

int dump_fold_renamed(struct dump_reader *reader, struct dump_table *table, const char *old,
                      const char *name)
{
    struct definition definition = {.last = false};
    struct sql_lexer lexer;

    if (!may_fold(reader, table, name, strlen(name)) || !enter(reader, table, &lexer))
        return 0;
    while (!definition.last) {
        struct sql_lexer within = lexer;
        struct sql_token token;

        if (!next_definition(&lexer, &definition))
            return 0;

        size_t start = (size_t)(within.at - table->ddl);
        int found = find_name(&within, &definition, old, &token);

        if (found > 0)
            found = replace(table, token.at, token.at + token.size, name);
        if (found < 0)
            return found;
        if (found == 0)
            continue;
        /* Once more from here: the text is another. */
        lexer = dump_lexer(reader, table->ddl + start, strlen(table->ddl + start));
        definition.last = false;
    }
    return 1;
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
