/* SPDX-License-Identifier: MIT */
/*
 * Columns that a MySQL dump adds to a table, moves or renames, before rows of it come: INSERT
 * without names is about the columns as they are then. It is carried out in the words of the
 * statement that makes the table, which is then read once more; the taker forgets the table that it
 * knew.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

/* What becomes of a column. */
struct change {
    char *old;              /* its name; NULL: it is added */
    char *name;             /* … from now on */
    char *spelled;          /* … as the dump has it */
    const char *definition; /* of size bytes; NULL: it has that which it has */
    size_t size;
    bool moves;
    char *behind; /* … behind this one; NULL: to the beginning */
};

static void release(struct change *change)
{
    free(change->old);
    free(change->name);
    free(change->spelled);
    free(change->behind);
}

/* A name; 1; 0: there is none; -ENOMEM. */
static int take_name(struct sql_lexer *lexer, char **ret_name)
{
    struct sql_token token = sql_next(lexer);

    if (token.type != SQL_NAME && token.type != SQL_WORD)
        return 0;
    *ret_name = sql_text(lexer, &token);
    return *ret_name != NULL ? 1 : -ENOMEM;
}

static int take_new_name(struct sql_lexer *lexer, struct change *change)
{
    struct sql_token token = sql_peek(lexer);

    change->spelled = strndup(token.at, token.size);
    return change->spelled != NULL ? take_name(lexer, &change->name) : -ENOMEM;
}

/*
 * The new name, type and all, and where it is put. LEXER then stands behind it. As take_name.
 */
static int take_definition(struct sql_lexer *lexer, struct change *change)
{
    struct sql_lexer item = *lexer;
    struct sql_token token;
    const char *at = sql_peek(lexer).at;
    const char *behind = at;
    int got = take_new_name(&item, change);

    if (got <= 0)
        return got;
    dump_skip_item(lexer);
    item.end = lexer->at;
    behind = item.at;
    while ((token = sql_next(&item)).type != SQL_END && !change->moves) {
        bool after = sql_is(&token, "AFTER");

        if (after || sql_is(&token, "FIRST")) {
            change->moves = true;
            got = after ? take_name(&item, &change->behind) : 1;
            continue;
        }
        if (sql_is(&token, "("))
            sql_skip_parentheses(&item);
        behind = item.at;
    }
    change->definition = at;
    change->size = (size_t)(behind - at);
    return got;
}

/* Behind the last column, unless it says where. */
static int take_added(struct sql_lexer *lexer, const struct dump_table *table,
                      struct change *change)
{
    int got = take_definition(lexer, change);

    if (got > 0 && !change->moves) {
        change->moves = true;
        change->behind = strdup(table->columns[table->column_count - 1].name);
        got = change->behind != NULL ? 1 : -ENOMEM;
    }
    return got;
}

/* What stands at LEXER. As take_name. */
static int take_change(struct sql_lexer *lexer, const struct dump_table *table,
                       struct change *change)
{
    bool adds = sql_accept(lexer, "ADD");
    bool modifies = !adds && sql_accept(lexer, "MODIFY");
    bool changes = !adds && !modifies && sql_accept(lexer, "CHANGE");
    bool renames = !adds && !modifies && !changes && sql_accept(lexer, "RENAME");
    int got;

    if (!sql_accept(lexer, "COLUMN") && !adds && !modifies && !changes)
        return 0;
    if (sql_accept(lexer, "IF") && (!sql_accept(lexer, "NOT") || adds))
        sql_accept(lexer, "EXISTS");
    if (adds)
        return take_added(lexer, table, change);
    if (modifies) {
        got = take_definition(lexer, change);
        change->old = got > 0 ? strdup(change->name) : NULL;
        return got > 0 && change->old == NULL ? -ENOMEM : got;
    }
    got = changes || renames ? take_name(lexer, &change->old) : 0;
    if (got > 0 && changes)
        return take_definition(lexer, change);
    return got > 0 && sql_accept(lexer, "TO") ? take_new_name(lexer, change) : got < 0 ? got : 0;
}

/* Whether the table has, or has not, what CHANGE is about. */
static bool is_possible(const struct dump_table *table, const struct change *change)
{
    bool same = change->old != NULL && ascii_equal(change->old, change->name);

    return (change->old == NULL || dump_table_column(table, change->old) >= 0) &&
           (same || dump_table_column(table, change->name) < 0) &&
           (change->behind == NULL || dump_table_column(table, change->behind) >= 0);
}

/* In the words of the statement. 1; 0: it has no place there; -ENOMEM. */
static int fold(struct dump_reader *reader, struct dump_table *table, const struct change *change)
{
    bool renames = change->old != NULL && !ascii_equal(change->old, change->name);
    int done = 1;

    if (change->moves)
        done = dump_fold_placed(reader, table, change->old, change->definition, change->size,
                                change->behind);
    else if (change->definition != NULL)
        done = dump_fold_column(reader, table, change->old, change->definition, change->size);
    return done > 0 && renames ? dump_fold_renamed(reader, table, change->old, change->spelled)
                               : done;
}

/* Version comments count as what stands in them: blanks in the place of their signs. */
static void open_version_comments(const struct dump_reader *reader, char *text)
{
    struct sql_lexer lexer = dump_lexer(reader, text, strlen(text));
    struct sql_token token;

    while ((token = sql_next(&lexer)).type != SQL_END) {
        char *at = text + (token.at - text);
        size_t size = 0;

        if (sql_is(&token, "*") && at[1] == '/')
            size = 2;
        else if (sql_is(&token, "/") && at[1] == '*' && (at[2] == '!' || at[2] == 'M'))
            size = 2 + strspn(at + 2, "M!0123456789");
        memset(at, ' ', size);
        lexer.at += size != 0 ? size - 1 : 0;
    }
}

/* What TABLE's statement says now. 0, and *RET_READ has columns and keys, and nothing else;
 * -EILSEQ: it makes no sense; -ENOMEM. */
static int read_again(const struct dump_reader *reader, const struct dump_table *table,
                      struct dump_table *ret_read)
{
    cleanup_free char *text = strdup(table->ddl);
    struct dump_table read = {.database = table->database};
    struct sql_lexer lexer;
    struct sql_lexer before;
    struct sql_token token;

    if (text == NULL)
        return -ENOMEM;
    open_version_comments(reader, text);
    lexer = dump_lexer(reader, text, strlen(text));
    do {
        before = lexer;
        token = sql_next(&lexer);
    } while (token.type != SQL_END && !sql_is(&token, "("));

    int error = dump_take_definitions(reader, &before, &read);

    if (error == 0 && read.column_count == 0)
        error = -EILSEQ;
    if (error != 0)
        dump_table_empty(&read);
    else
        *ret_read = read;
    return error;
}

/* READ is taken over. */
static void become(struct dump_table *table, const struct dump_table *read)
{
    dump_table_empty(table);
    table->columns = read->columns;
    table->column_count = read->column_count;
    table->primary = read->primary;
    table->uniques = read->uniques;
    table->unique_count = read->unique_count;
    table->foreigns = read->foreigns;
    table->foreign_count = read->foreign_count;
    table->collation = read->collation;
    table->charset = read->charset;
}

/* The taker knows the table as it was, and none of its rows. */
static int tell_again(struct dump_reader *reader, struct dump_table *table, struct failure *failure)
{
    bool begun = table->begun;
    int error = begun ? reader->taker->class->drop_table(reader->taker, table->number) : 0;

    table->begun = false;
    return error == 0 && begun && !dump_has_left_out(table)
               ? dump_table_tell(reader, table, failure)
               : error;
}

/* 1; 0: it could not be done, and nothing has changed; -errno. */
static int carry_out(struct dump_reader *reader, struct dump_table *table,
                     const struct change *change, struct failure *failure)
{
    cleanup_free char *ddl = strdup(table->ddl);
    struct dump_table read;
    int done = ddl != NULL ? fold(reader, table, change) : -ENOMEM;
    int error = done > 0 ? read_again(reader, table, &read) : done < 0 ? done : -EILSEQ;

    if (error == -EILSEQ) {
        free(table->ddl);
        table->ddl = steal_pointer(&ddl);
        return 0;
    }
    if (error != 0)
        return error;
    become(table, &read);
    error = tell_again(reader, table, failure);
    return error == 0 ? 1 : error;
}

int dump_reshape(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_table *table,
                 struct failure *failure)
{
    struct sql_lexer before = *lexer;
    struct change change = {.old = NULL};
    bool open = reader->dialect == SQL_MYSQL && !table->seen && !table->failed && !table->dropped &&
                table->load == NULL && table->ddl != NULL && table->column_count != 0;
    int done = open ? take_change(lexer, table, &change) : 0;

    if (done > 0)
        done = is_possible(table, &change) ? carry_out(reader, table, &change, failure) : 0;
    release(&change);
    if (done == 0)
        *lexer = before;
    return done;
}
