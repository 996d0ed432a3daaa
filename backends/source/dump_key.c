/* SPDX-License-Identifier: MIT */
/* Keys: what CREATE TABLE, ALTER TABLE … ADD and CREATE UNIQUE INDEX say of them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/memory.h"

#define KEY_COLUMNS_LIMIT 64

/* "(`a`,`b`(10) DESC)" as columns of the table; a key over an expression or a prefix has none. */
static int take_key(struct sql_lexer *lexer, const struct dump_table *table, struct dump_key *key)
{
    size_t columns[KEY_COLUMNS_LIMIT];
    size_t count = 0;
    bool usable = sql_accept(lexer, "(");

    while (usable) {
        struct sql_token token = sql_next(lexer);
        cleanup_free char *name =
            token.type == SQL_WORD || token.type == SQL_NAME ? sql_text(lexer, &token) : NULL;
        ssize_t column = name != NULL ? dump_table_column(table, name) : -1;

        usable = column >= 0 && count < KEY_COLUMNS_LIMIT;
        if (!usable)
            break;
        columns[count++] = (size_t)column;
        /* The beginning of a column orders nothing, but for the primary key, which is unique. */
        if (sql_accept(lexer, "(")) {
            sql_skip_parentheses(lexer);
            usable = key == &table->primary;
        }
        if (!sql_accept(lexer, "ASC"))
            sql_accept(lexer, "DESC");
        if (!usable || sql_accept(lexer, ")"))
            break;
        if (!sql_accept(lexer, ",")) {
            usable = false;
            break;
        }
    }
    if (!usable)
        return -EILSEQ;
    free(key->columns);
    key->columns = allocate_array(count, sizeof *key->columns);
    if (key->columns == NULL)
        return -ENOMEM;
    memcpy(key->columns, columns, count * sizeof *columns);
    key->count = count;
    return 0;
}

static void set_primary(struct dump_table *table)
{
    for (size_t i = 0; i < table->primary.count; i++)
        table->columns[table->primary.columns[i]].not_null = true;
    table->changed = true;
}

/* Without one, the other table is where TABLE is. */
static int take_targets(struct sql_lexer *lexer, const struct dump_table *table,
                        struct dump_foreign_key *foreign)
{
    cleanup_free char *database = NULL;
    int error = dump_take_name(lexer, &database, &foreign->target_table);

    if (error == 0) {
        foreign->target_database = strdup(database[0] != '\0' ? database : table->database);
        error = foreign->target_database != NULL ? 0 : -ENOMEM;
    }
    if (error != 0 || !sql_accept(lexer, "("))
        return error;
    foreign->target_columns = allocate_array(KEY_COLUMNS_LIMIT, sizeof(char *));
    if (foreign->target_columns == NULL)
        return -ENOMEM;
    do {
        struct sql_token token = sql_next(lexer);

        if (foreign->target_count == KEY_COLUMNS_LIMIT || token.type == SQL_END)
            return -EILSEQ;
        foreign->target_columns[foreign->target_count] = sql_text(lexer, &token);
        if (foreign->target_columns[foreign->target_count++] == NULL)
            return -ENOMEM;
    } while (sql_accept(lexer, ","));
    return sql_accept(lexer, ")") ? 0 : -EILSEQ;
}

static int take_foreign(struct sql_lexer *lexer, struct dump_table *table)
{
    struct dump_foreign_key *foreign = dump_table_add_foreign(table);
    struct sql_token token = sql_peek(lexer);

    if (foreign == NULL)
        return -ENOMEM;
    if (!sql_is(&token, "("))
        sql_next(lexer); /* the index's name */

    int error = take_key(lexer, table, &foreign->key);

    if (error == 0 && sql_accept(lexer, "REFERENCES"))
        error = take_targets(lexer, table, foreign);
    if (error == 0 && foreign->target_table != NULL) {
        table->changed = true;
        return 0;
    }
    /* What cannot be made out has no columns, and is not shown. */
    foreign->key.count = 0;
    return error == -ENOMEM ? error : 0;
}

/* Behind UNIQUE there may be other words. */
static bool is_key_name(const struct sql_token *token)
{
    static const char *const words[] = {"KEY", "INDEX", "NULLS", "NOT", "DISTINCT", "USING"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (sql_is(token, words[i]))
            return false;
    }
    return token->type == SQL_NAME || token->type == SQL_WORD;
}

/* CONSTRAINT: its name, when one stood before. */
static int take_unique(struct sql_lexer *lexer, struct dump_table *table,
                       const struct sql_token *constraint)
{
    struct dump_key key = {.count = 0};
    struct sql_token token = sql_peek(lexer);

    while (token.type != SQL_END && !sql_is(&token, "(") && !sql_is(&token, ",")) {
        sql_next(lexer); /* KEY, INDEX, the name, NULLS NOT DISTINCT, USING BTREE */
        if (is_key_name(&token) && key.name == NULL)
            key.name = sql_text(lexer, &token);
        token = sql_peek(lexer);
    }

    int error = take_key(lexer, table, &key);

    if (error == 0) {
        if (key.name == NULL && constraint->type != SQL_END)
            key.name = sql_text(lexer, constraint);
        struct dump_key *added = dump_table_add_unique(table);

        if (added == NULL) {
            free(key.columns);
            free(key.name);
            return -ENOMEM;
        }
        *added = key;
        table->changed = true;
    } else {
        free(key.name);
    }
    return error == -EILSEQ ? 0 : error;
}

static void skip_item(struct sql_lexer *lexer)
{
    for (struct sql_token token = sql_peek(lexer);
         token.type != SQL_END && !sql_is(&token, ",") && !sql_is(&token, ")");
         token = sql_peek(lexer)) {
        sql_next(lexer);
        if (sql_is(&token, "("))
            sql_skip_parentheses(lexer);
    }
}

static bool is_either(const struct sql_token *token, const char *word, const char *other)
{
    return sql_is(token, word) || sql_is(token, other);
}

/*
 * Whether something else than a key or a column stands at TOKEN, which LEXER is behind. Of these
 * words only some are reserved: bare names may be the others, as in pg_dump's "key text".
 */
static bool is_other_item(const struct sql_token *token, const struct sql_lexer *lexer)
{
    struct sql_token next = sql_peek(lexer);

    if (is_either(token, "CHECK", "LIKE"))
        return true;
    if (sql_is(token, "EXCLUDE"))
        return is_either(&next, "USING", "(");
    if (sql_is(token, "PERIOD"))
        return sql_is(&next, "FOR");
    if (sql_is(token, "VECTOR"))
        return is_either(&next, "KEY", "INDEX");
    return lexer->dialect == SQL_MYSQL &&
           (is_either(token, "KEY", "INDEX") || is_either(token, "FULLTEXT", "SPATIAL"));
}

/* PostgreSQL's NOT NULL name, since 18. */
static int take_not_null(struct sql_lexer *lexer, struct dump_table *table)
{
    struct sql_token token;
    ssize_t column;

    sql_accept(lexer, "NULL");
    token = sql_next(lexer);

    cleanup_free char *name = token.type != SQL_END ? sql_text(lexer, &token) : NULL;

    if (name == NULL)
        return token.type != SQL_END ? -ENOMEM : 0;
    column = dump_table_column(table, name);
    if (column >= 0)
        table->columns[column].not_null = table->changed = true;
    return 0;
}

static int take_primary(struct sql_lexer *lexer, struct dump_table *table)
{
    struct sql_token token;
    int error;

    sql_accept(lexer, "KEY");
    while ((token = sql_peek(lexer)).type != SQL_END && !sql_is(&token, "("))
        sql_next(lexer); /* USING BTREE */
    error = take_key(lexer, table, &table->primary);
    if (error == 0)
        set_primary(table);
    return error == -EILSEQ ? 0 : error;
}

int dump_take_constraint(struct sql_lexer *lexer, struct dump_table *table)
{
    struct sql_token constraint = {.type = SQL_END};
    struct sql_lexer before = *lexer;
    struct sql_token token;
    int error = 0;

    if (sql_accept(lexer, "CONSTRAINT")) {
        token = sql_peek(lexer);
        if (!sql_is(&token, "PRIMARY") && !sql_is(&token, "UNIQUE") && !sql_is(&token, "FOREIGN") &&
            !sql_is(&token, "CHECK"))
            constraint = sql_next(lexer);
    }
    token = sql_next(lexer);
    if (sql_is(&token, "PRIMARY")) {
        error = take_primary(lexer, table);
    } else if (sql_is(&token, "UNIQUE")) {
        error = take_unique(lexer, table, &constraint);
    } else if (sql_is(&token, "FOREIGN")) {
        sql_accept(lexer, "KEY");
        error = take_foreign(lexer, table);
    } else if (sql_is(&token, "NOT") && lexer->dialect == SQL_POSTGRES) {
        error = take_not_null(lexer, table);
    } else if (constraint.type == SQL_END && !is_other_item(&token, lexer)) {
        *lexer = before;
        return 0;
    }
    skip_item(lexer);
    return error != 0 ? error : 1;
}

/* --- what comes afterwards ---------------------------------------------------------------- */

static struct dump_table *find_table(struct dump_reader *reader, struct sql_lexer *lexer)
{
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;

    if (dump_take_name(lexer, &database, &name) != 0)
        return NULL;
    return dump_table_find(reader, database, name);
}

/* Constraints, and what columns are by themselves; not whose the table is, or where it stands. */
static bool is_addition(struct sql_lexer lexer)
{
    struct sql_token token;

    if (sql_accept(&lexer, "ADD"))
        return sql_accept(&lexer, "CONSTRAINT");
    if (!sql_accept(&lexer, "ALTER"))
        return false;
    sql_accept(&lexer, "COLUMN");
    sql_next(&lexer);
    token = sql_next(&lexer);
    if (sql_is(&token, "ADD"))
        return sql_accept(&lexer, "GENERATED");
    return sql_is(&token, "SET") && sql_accept(&lexer, "DEFAULT");
}

static int take_added(struct dump_reader *reader, struct sql_lexer *lexer, struct dump_table *table)
{
    const char *text = sql_peek(lexer).at;
    int got = dump_take_constraint(lexer, table);

    /* A column; or MySQL's ADD PARTITION, which is of no matter. */
    if (got == 0 && !sql_accept(lexer, "PARTITION"))
        dump_note_change_of(reader, table, "ALTER TABLE … ADD");
    return got == 1 ? dump_fold_key(reader, table, text, (size_t)(lexer->at - text)) : got;
}

static int take_modified(struct dump_reader *reader, struct sql_lexer *lexer,
                         struct dump_table *table)
{
    struct sql_token token;

    sql_accept(lexer, "COLUMN");
    token = sql_peek(lexer);

    cleanup_free char *name = sql_text(lexer, &token);

    skip_item(lexer);
    return name != NULL
               ? dump_fold_column(reader, table, name, token.at, (size_t)(lexer->at - token.at))
               : -ENOMEM;
}

/* Behind RENAME, DROP: whether it is of the table itself, or of a column; what TOKEN says is not.
 */
static bool is_of_columns(const struct sql_token *token)
{
    static const char *const others[] = {"KEY",     "INDEX", "CONSTRAINT", "PRIMARY",
                                         "FOREIGN", "CHECK", "PARTITION",  "PERIOD"};

    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        if (sql_is(token, others[i]))
            return false;
    }
    return token->type != SQL_END;
}

/* Other columns, or another name: rows that came before are not changed for it. */
static bool changes_columns(struct sql_lexer lexer)
{
    bool changes = sql_accept(&lexer, "CHANGE");
    bool takes = sql_accept(&lexer, "RENAME") || sql_accept(&lexer, "DROP");
    struct sql_token token = sql_peek(&lexer);

    return changes || (takes && is_of_columns(&token));
}

/* LEXER stands before one of the things that ALTER TABLE does, and then behind it. */
static int take_alteration(struct dump_reader *reader, struct sql_lexer *lexer,
                           struct dump_table *table)
{
    struct sql_token token = sql_peek(lexer);
    int error = 0;

    if (changes_columns(*lexer))
        dump_note_change_of(reader, table, "ALTER TABLE");
    if (sql_accept(lexer, "ADD"))
        error = take_added(reader, lexer, table);
    else if (sql_accept(lexer, "ATTACH"))
        error = dump_attach(reader, lexer, table);
    else if (sql_accept(lexer, "MODIFY"))
        error = take_modified(reader, lexer, table);
    else if (sql_is(&token, "AUTO_INCREMENT")) {
        skip_item(lexer);
        error = dump_fold_option(reader, table, token.at, (size_t)(lexer->at - token.at));
    }
    skip_item(lexer);
    return error < 0 ? error : 0;
}

int dump_alter_table(struct dump_reader *reader, struct failure *failure)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);

    (void)failure;
    sql_next(&lexer);
    sql_next(&lexer);
    if (sql_accept(&lexer, "IF"))
        sql_accept(&lexer, "EXISTS");
    sql_accept(&lexer, "ONLY");

    struct dump_table *table = find_table(reader, &lexer);

    if (table == NULL)
        return 0;
    if (is_addition(lexer)) {
        int error = dump_ddl_add(reader, table);

        if (error != 0)
            return error;
    }
    do {
        int error = take_alteration(reader, &lexer, table);

        if (error != 0)
            return error;
    } while (sql_accept(&lexer, ","));
    return 0;
}

/* MySQL's, as CREATE TABLE would have it. LEXER stands before the columns. KIND may be empty. */
static int fold_index(struct dump_reader *reader, struct dump_table *table,
                      const struct sql_lexer *lexer, const struct sql_token *kind,
                      const struct sql_token *name)
{
    cleanup_free char *text = NULL;
    int size = asprintf(&text, "%.*s%sKEY %.*s %.*s", (int)kind->size, kind->at,
                        kind->size != 0 ? " " : "", (int)name->size, name->at,
                        (int)(lexer->end - lexer->at), lexer->at);

    if (size < 0) {
        text = NULL;
        return -ENOMEM;
    }
    return dump_fold_key(reader, table, text, (size_t)size);
}

int dump_create_index(struct dump_reader *reader, struct failure *failure)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);
    struct dump_key key = {.count = 0};
    struct sql_token token;

    (void)failure;
    if (reader->dialect == SQL_SQLITE)
        return dump_sqlite_index(reader, (const char *)reader->statement.data);

    struct sql_token kind = {.at = ""};
    struct sql_token name = {.at = ""};

    while ((token = sql_next(&lexer)).type != SQL_END && !sql_is(&token, "ON")) {
        if (sql_is(&token, "UNIQUE") || sql_is(&token, "FULLTEXT") || sql_is(&token, "SPATIAL"))
            kind = token;
        else if (sql_is(&token, "USING"))
            sql_next(&lexer);
        else
            name = token;
    }
    sql_accept(&lexer, "ONLY");

    struct dump_table *table = find_table(reader, &lexer);

    if (table == NULL)
        return 0;
    if (dump_ddl_add(reader, table) != 0)
        return -ENOMEM;
    while ((token = sql_peek(&lexer)).type != SQL_END && !sql_is(&token, "("))
        sql_next(&lexer);

    int error = fold_index(reader, table, &lexer, &kind, &name);

    if (error != 0 || !sql_is(&kind, "UNIQUE"))
        return error;
    error = take_key(&lexer, table, &key);

    /* A partial index orders a part of the rows only. */
    while (error == 0 && (token = sql_next(&lexer)).type != SQL_END)
        error = sql_is(&token, "WHERE") ? -EILSEQ : 0;

    struct dump_key *added = error == 0 ? dump_table_add_unique(table) : NULL;

    if (added == NULL) {
        free(key.columns);
        return error == -EILSEQ ? 0 : error != 0 ? error : -ENOMEM;
    }
    key.name = sql_text(&lexer, &name);
    *added = key;
    table->changed = true;
    return 0;
}
