/* SPDX-License-Identifier: MIT */
/*
 * What a dump says of rows that crmfs does not follow. It carries out no statement: rows that are
 * changed or taken away again later show as they came. And rows alone, without a CREATE TABLE
 * before them, do not say what their columns are. Each is told once a table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/utf8.h"

int dump_note_unknown(struct dump_reader *reader, const char *database, const char *name)
{
    struct dump_table *table;
    int error;

    if (dump_table_was_there(reader, database, name) || dump_is_of_sqlite(reader, name))
        return 0;
    error = dump_table_add(reader, database, name, &table);
    if (error != 0)
        return error;
    table->dropped = true;
    reader->names_lost = reader->names_lost || !utf8_whole(name, strlen(name));
    dump_tell(reader, EILSEQ,
              "rows of table %.200s, of which no CREATE TABLE stands before: "
              "they are left out; of a dump of data alone, make one with the schema in it",
              name);
    return 0;
}

int dump_fail_nameless(struct dump_reader *reader)
{
    int error = 0;

    for (size_t i = 0; i < reader->table_count && reader->names_lost && error == 0; i++) {
        struct dump_table *table = reader->tables[i];

        if (!table->dropped && !table->seen && table->kind == RELATION_TABLE &&
            dump_has_high_byte((const uint8_t *)table->name, strlen(table->name)))
            error = dump_table_fail(reader, table,
                                    "no rows came by the name of table %s, and some did by a name "
                                    "in a character set that is not known: they are left out",
                                    table->name);
    }
    return error;
}

bool dump_is_of_sqlite(const struct dump_reader *reader, const char *name)
{
    return reader->dialect == SQL_SQLITE && strncasecmp(name, "sqlite_", 7) == 0;
}

bool dump_is_catalogue(const struct dump_reader *reader, const char *name)
{
    return reader->dialect == SQL_SQLITE &&
           (ascii_equal(name, "sqlite_schema") || ascii_equal(name, "sqlite_master"));
}

int dump_note_virtual(struct dump_reader *reader, struct failure *failure)
{
    int error = dump_read_statement(reader, failure);
    struct sql_lexer lexer;
    struct sql_token token;

    if (error != 0)
        return error;
    lexer = dump_statement_lexer(reader);
    sql_accept(&lexer, "(");
    sql_next(&lexer);
    sql_accept(&lexer, ",");
    token = sql_next(&lexer);

    cleanup_free char *name = token.type == SQL_STRING ? sql_text(&lexer, &token) : NULL;

    dump_tell(reader, EILSEQ,
              "the virtual table %.200s is left out, as only SQLite's module "
              "makes its rows; what it keeps them in stands beside it, in tables %.200s_…",
              name != NULL ? name : "here", name != NULL ? name : "");
    return 0;
}

/* The name that stands behind any of these words. As dump_take_name. */
static int take_name_behind(struct sql_lexer *lexer, const char *const *words, size_t count,
                            char **ret_database, char **ret_name)
{
    for (size_t i = 0; i < count; i++)
        sql_accept(lexer, words[i]);
    return dump_take_name(lexer, ret_database, ret_name);
}

/* LEXER stands at INSERT or REPLACE: the name of the table that rows go into. */
static int take_extended(struct sql_lexer *lexer, char **ret_database, char **ret_name)
{
    static const char *const words[] = {"INSERT", "REPLACE",       "LOW_PRIORITY", "DELAYED",
                                        "IGNORE", "HIGH_PRIORITY", "OR",           "ROLLBACK",
                                        "ABORT",  "FAIL",          "REPLACE",      "INTO"};

    return take_name_behind(lexer, words, sizeof words / sizeof *words, ret_database, ret_name);
}

/* MySQL Workbench writes rows of a query so: INSERT INTO `` … */
static void note_nameless(struct dump_reader *reader)
{

    if (reader->nameless_told)
        return;
    reader->nameless_told = true;
    dump_tell(reader, EILSEQ,
              "what ends here puts rows into a table without a name, or with "
              "none that can be made out: they are left out, and so are those of others like it");
}

bool dump_is_cut(const struct dump_reader *reader)
{
    const struct byte_window *window = &reader->window;
    size_t size = strlen(reader->delimiter);

    return window->at == window->end &&
           (window->at < size ||
            memcmp(window->data + window->at - size, reader->delimiter, size) != 0);
}

int dump_note_query(struct dump_reader *reader)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    struct dump_table *named;
    struct dump_table *table;
    int error = take_extended(&lexer, &database, &name);

    if (error == -EILSEQ)
        note_nameless(reader);
    if (error != 0)
        return error == -EILSEQ ? 0 : error;
    named = dump_table_find(reader, database, name);
    if (named == NULL)
        return dump_note_unknown(reader, database, name);
    table = dump_table_whole(named);
    if (table == NULL)
        return 0;
    if (dump_is_cut(reader))
        return dump_table_cut(reader, table);
    return dump_table_fail(
        reader, table,
        "rows of table %s come of a statement that ends here and is not carried "
        "out, as it is no INSERT … VALUES: load the dump, and mount the database",
        table->name);
}

/* Behind the verb: words, and the first table's name. NULL: it is not known. */
static struct dump_table *find_changed(struct dump_reader *reader, struct sql_lexer *lexer)
{
    static const char *const words[] = {"LOW_PRIORITY", "QUICK", "IGNORE", "FROM", "TABLE", "ONLY"};
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;

    if (take_name_behind(lexer, words, sizeof words / sizeof *words, &database, &name) != 0)
        return NULL;
    return dump_table_find(reader, database, name);
}

/* Of which rows are one cannot be told, or not in what manner. */
static void tell_merged(struct dump_reader *reader, struct dump_table *table)
{
    if (table->merged)
        return;
    table->merged = true;
    dump_tell(reader, EILSEQ,
              "rows of table %.200s that replace others of the same key, or are left out for them "
              "(REPLACE, IGNORE, ON …): where a key is there twice, both show",
              table->name);
}

int dump_note_merged(struct dump_reader *reader, struct dump_table *table, enum same_key same_key,
                     struct failure *failure)
{
    enum same_key before = table->same_key;
    bool is_sqlite = reader->dialect == SQL_SQLITE; /* keys are known when all is read */

    if (table->failed || before == SAME_KEY_ERROR || before == same_key ||
        (!is_sqlite && table->primary.count == 0 && table->unique_count == 0))
        return 0;
    /* Some of its rows are the first, some the last of their key. */
    table->same_key = before == SAME_KEY_ROWS ? same_key : SAME_KEY_ERROR;
    if (is_sqlite)
        return 0;
    if (!dump_is_sortable(table))
        tell_merged(reader, table);
    return dump_table_tell(reader, table, failure);
}

void dump_note_change_of(struct dump_reader *reader, struct dump_table *table, const char *verb)
{

    if (table->changed_later)
        return;
    table->changed_later = true;
    dump_tell(reader, EILSEQ,
              "%s is not carried out: the rows of table %.200s show as they "
              "came before",
              verb, table->name);
}

/* What empties a table before its rows come changes nothing; UPDATE may be all its rows. */
static void note_change(struct dump_reader *reader, struct dump_table *table, const char *verb)
{
    if (table->seen || strcmp(verb, "UPDATE") == 0 || strcmp(verb, "RENAME TABLE") == 0)
        dump_note_change_of(reader, table, verb);
}

/* DELETE a FROM t a, UPDATE x JOIN t: each table that is named may be the one. */
static int note_named(struct dump_reader *reader, struct sql_lexer *lexer, const char *verb)
{
    struct sql_token token;

    while ((token = sql_next(lexer)).type != SQL_END && !sql_is(&token, "WHERE") &&
           !sql_is(&token, "SET")) {
        if (token.type != SQL_WORD && token.type != SQL_NAME)
            continue;

        cleanup_free char *name = sql_text(lexer, &token);
        struct dump_table *table = name != NULL ? dump_table_find(reader, "", name) : NULL;

        if (name == NULL)
            return -ENOMEM;
        if (table != NULL)
            note_change(reader, table, verb);
    }
    return 0;
}

int dump_note_change(struct dump_reader *reader, const char *verb)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);
    struct sql_lexer named;
    struct dump_table *table;

    sql_next(&lexer);
    named = lexer;
    table = find_changed(reader, &lexer);
    if (table != NULL)
        note_change(reader, table, verb);
    return table == NULL || strcmp(verb, "RENAME TABLE") == 0 ? note_named(reader, &named, verb)
                                                              : 0;
}

/* Whether TOKEN is what changes rows, or a string that begins with it. */
static bool is_change(const struct sql_token *token)
{
    static const char *const verbs[] = {"INSERT", "REPLACE",  "UPDATE", "DELETE",
                                        "LOAD",   "TRUNCATE", "RENAME"};
    size_t start = token->type == SQL_STRING;

    while (start != 0 && start < token->size && strchr(" \t\r\n(", token->at[start]) != NULL)
        start++;

    struct sql_token word = {SQL_WORD, token->at + start, 0};

    if (token->type != SQL_WORD && token->type != SQL_STRING)
        return false;
    while (start + word.size < token->size && ascii_lower(word.at[word.size]) >= 'a' &&
           ascii_lower(word.at[word.size]) <= 'z')
        word.size++;
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++) {
        if (sql_is(&word, verbs[i]))
            return true;
    }
    return false;
}

void dump_note_prepared(struct dump_reader *reader, struct sql_lexer lexer, bool words)
{
    struct sql_token token;

    do
        token = sql_next(&lexer);
    while (token.type != SQL_END && !((words || token.type == SQL_STRING) && is_change(&token)));
    if (token.type == SQL_END || reader->prepared_told)
        return;
    reader->prepared_told = true;
    dump_tell(reader, EILSEQ,
              "a statement that changes rows stands within what ends here, "
              "and is not carried out, nor are others like it: tables may lack rows, or have "
              "others: load the dump, and mount the database");
}

int dump_note_left_out(struct dump_reader *reader, struct sql_lexer *lexer, const char *what,
                       bool *told, int code, const char *why)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;

    (void)sql_accept_only_new(lexer);

    int error = dump_take_name(lexer, &database, &name);

    if (error != 0 || *told)
        return error == -EILSEQ ? 0 : error;
    *told = true;
    dump_tell(reader, code, "the %s %.200s is left out, and so are others: %s", what, name, why);
    return 0;
}

int dump_note_sequence(struct dump_reader *reader, struct sql_lexer *lexer)
{
    sql_accept(lexer, "SEQUENCE");
    return dump_note_left_out(reader, lexer, "sequence", &reader->sequence_told, ENOEXEC,
                              "they are no tables in a dump, as they are in a live database, nor "
                              "made by a restore");
}
