/* SPDX-License-Identifier: MIT */
/* What stands next in a dump, and what it is for. */
#include <errno.h>
#include <string.h>

#include "backends/source/dump_damage.h"
#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/ascii.h"

static int take_use(struct dump_reader *reader, struct sql_lexer *lexer)
{
    struct sql_token token = sql_next(lexer);

    return token.type != SQL_END ? dump_use_database(reader, sql_text(lexer, &token)) : 0;
}

/* Its table is left out. */
static int too_long(struct dump_reader *reader)
{

    dump_tell(reader, EILSEQ,
              "a statement that says what a table is like ends "
              "here and is longer than the %zu MiB that crmfs takes",
              DUMP_STATEMENT_LIMIT >> 20);
    return 0;
}

static int take_create(struct dump_reader *reader, struct sql_lexer *lexer, struct failure *failure)
{
    enum relation_kind kind;
    struct sql_token token;
    bool temporary = false;

    if (sql_accept(lexer, "OR"))
        sql_accept(lexer, "REPLACE");
    while ((token = sql_peek(lexer)).type == SQL_WORD &&
           (sql_is(&token, "TEMPORARY") || sql_is(&token, "TEMP") || sql_is(&token, "UNLOGGED") ||
            sql_is(&token, "GLOBAL") || sql_is(&token, "LOCAL"))) {
        temporary = temporary || sql_is(&token, "TEMPORARY") || sql_is(&token, "TEMP");
        sql_next(lexer);
    }
    if (temporary && sql_is(&token, "TABLE"))
        return dump_create_temporary(reader, lexer);
    if (sql_is(&token, "TABLE")) {
        int error = dump_tables_finish(reader, failure);

        if (error != 0)
            return error;
        return reader->too_long ? too_long(reader) : dump_create_table(reader, failure);
    }
    if (reader->dialect == SQL_POSTGRES &&
        (sql_is(&token, "DOMAIN") || sql_is(&token, "TYPE") || sql_is(&token, "SCHEMA") ||
         sql_is(&token, "SEQUENCE"))) {
        int error = dump_note_object(reader);

        return error == 0 && (sql_is(&token, "DOMAIN") || sql_is(&token, "TYPE"))
                   ? dump_create_domain(reader)
                   : error;
    }
    if (reader->dialect == SQL_POSTGRES && sql_accept(lexer, "DATABASE"))
        return dump_note_locale(reader, lexer);
    if (sql_is(&token, "UNIQUE") || sql_is(&token, "INDEX") || sql_is(&token, "FULLTEXT") ||
        sql_is(&token, "SPATIAL"))
        return dump_create_index(reader, failure);
    if (reader->dialect == SQL_SQLITE && sql_accept(lexer, "TRIGGER"))
        return reader->too_long ? too_long(reader) : dump_sqlite_trigger(reader, lexer);
    if (reader->dialect == SQL_POSTGRES)
        sql_accept(lexer, "CONSTRAINT");
    if (reader->dialect == SQL_POSTGRES && sql_accept(lexer, "TRIGGER"))
        return dump_add_trigger(reader, lexer);
    if (sql_is(&token, "SEQUENCE") && reader->dialect == SQL_MYSQL)
        return dump_note_sequence(reader, lexer);
    if (dump_makes_view(lexer, &kind))
        return reader->too_long ? too_long(reader) : dump_create_view(reader, lexer, kind);
    return reader->dialect == SQL_MYSQL && sql_accept(lexer, "TRIGGER")
               ? dump_note_trigger(reader, lexer)
               : 0;
}

/* ALTER [ONLINE] [IGNORE] TABLE, of MySQL's; ALTER SEQUENCE. */
static int take_alter(struct dump_reader *reader, struct sql_lexer *lexer, struct failure *failure)
{
    sql_accept(lexer, "ONLINE");
    sql_accept(lexer, "IGNORE");
    if (sql_accept(lexer, "TABLE"))
        return dump_alter_table(reader, lexer, failure);
    return sql_accept(lexer, "SEQUENCE") ? dump_alter_sequence(reader) : 0;
}

/* Whether WORD, which LEXER is behind, is of a statement behind which no rows are taken back. */
static bool commits(const struct dump_reader *reader, const struct sql_token *word,
                    struct sql_lexer lexer)
{
    static const char *const of_mysql[] = {"BEGIN", "START",  "CREATE",   "ALTER", "DROP",
                                           "LOCK",  "UNLOCK", "TRUNCATE", "RENAME"};

    if (sql_is(word, "COMMIT"))
        return true;
    if (reader->dialect == SQL_POSTGRES)
        return sql_is(word, "END") ||
               (!reader->in_transaction && (sql_is(word, "BEGIN") || sql_is(word, "START")));
    for (size_t i = 0; i < sizeof of_mysql / sizeof *of_mysql; i++) {
        if (sql_is(word, of_mysql[i]))
            return reader->dialect == SQL_MYSQL && !sql_accept(&lexer, "TEMPORARY");
    }
    return false;
}

static void note_transaction(struct dump_reader *reader, const struct sql_token *word,
                             struct sql_lexer lexer)
{
    bool begins = sql_is(word, "BEGIN") || sql_is(word, "START");

    if (commits(reader, word, lexer))
        reader->uncommitted = false;
    if (begins || sql_is(word, "COMMIT") || sql_is(word, "END") || sql_is(word, "ROLLBACK"))
        reader->in_transaction = begins;
}

/* sqlite3 ends a dump so when it could not read all of the database. */
static void note_rollback(struct dump_reader *reader)
{
    if (reader->dialect == SQL_SQLITE)
        dump_tell(reader, EIO,
                  "it ends with ROLLBACK: the database was damaged when the "
                  "dump was made, and it may lack rows and tables; look for another dump");
    else if (reader->uncommitted && !reader->rollback_told) {
        reader->rollback_told = true;
        dump_tell(reader, EILSEQ,
                  "ROLLBACK is not carried out, nor are others like it: rows that came before show "
                  "as they came, though the database that loads the dump may have none of them");
    }
}

static int take_statement(struct dump_reader *reader, struct failure *failure)
{
    static const char *const carriers[] = {"PREPARE", "EXECUTE", "BEGIN", "IF",    "CASE",
                                           "LOOP",    "WHILE",   "FOR",   "REPEAT"};
    static const char *const changes[] = {"UPDATE", "DELETE", "TRUNCATE"};
    struct sql_lexer lexer = dump_statement_lexer(reader);
    struct sql_token word = sql_next(&lexer);

    int error = dump_note_lock(reader, &word, lexer);

    if (error != 0)
        return error;
    note_transaction(reader, &word, lexer);
    if (sql_is(&word, "SET")) {
        dump_note_prepared(reader, lexer, false);
        return dump_take_set(reader, &lexer);
    }
    if (reader->loads)
        return sql_is(&word, "LOAD") ? dump_load_statement(reader) : 0;
    if (sql_is(&word, "LOAD") && !reader->session)
        return dump_note_load_data(reader, &lexer);
    if (sql_is(&word, "CREATE"))
        return take_create(reader, &lexer, failure);
    if (sql_is(&word, "UNLOCK"))
        return dump_tables_finish(reader, failure);
    if (sql_is(&word, "ALTER"))
        return take_alter(reader, &lexer, failure);
    if (sql_is(&word, "REFRESH"))
        return dump_refresh_view(reader, &lexer);
    if (sql_is(&word, "COPY") && reader->dialect == SQL_POSTGRES)
        return dump_copy(reader, failure);
    if (sql_is(&word, "USE"))
        return take_use(reader, &lexer);
    /* It stands within a version comment. */
    if (sql_is(&word, "INSERT") || sql_is(&word, "REPLACE"))
        return dump_note_query(reader);
    if (sql_is(&word, "DROP"))
        return dump_drop(reader, &lexer);
    if (sql_is(&word, "RENAME"))
        return dump_note_change(reader, "RENAME TABLE");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (sql_is(&word, changes[i]))
            return dump_note_change(reader, changes[i]);
    }
    for (size_t i = 0; i < sizeof carriers / sizeof *carriers; i++) {
        if (sql_is(&word, carriers[i]))
            dump_note_prepared(reader, lexer, true);
    }
    if (sql_is(&word, "BEGIN") && reader->dialect == SQL_SQLITE)
        reader->ended = false;
    if (sql_is(&word, "COMMIT") || sql_is(&word, "ROLLBACK"))
        reader->ended = reader->ended || reader->dialect == SQL_SQLITE;
    if (sql_is(&word, "ROLLBACK"))
        note_rollback(reader);
    return word.type == SQL_WORD || word.type == SQL_END ? 0 : dump_note_senseless(reader);
}

bool dump_is_plain(struct sql_lexer lexer)
{
    static const char *const bodies[] = {"FUNCTION", "PROCEDURE", "TRIGGER", "EVENT", "PACKAGE"};
    static const char *const compounds[] = {"BEGIN", "IF",  "CASE",   "LOOP",
                                            "WHILE", "FOR", "REPEAT", "DECLARE"};
    static const char *const made[] = {"TABLE", "VIEW", "INDEX", "SEQUENCE", "DATABASE", "SCHEMA"};
    struct sql_token token = sql_next(&lexer);

    for (size_t i = 0; i < sizeof compounds / sizeof *compounds; i++) {
        if (sql_is(&token, compounds[i]))
            return false;
    }
    if (!sql_is(&token, "CREATE") && !sql_is(&token, "ALTER"))
        return true;
    while ((token = sql_next(&lexer)).type != SQL_END) {
        for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
            if (sql_is(&token, bodies[i]))
                return false;
        }
        for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
            if (sql_is(&token, made[i]))
                return true;
        }
    }
    return true;
}

/* Whether a line for a client stands here: "DELIMITER ;;", "\connect x", ".read x". */
static bool at_client_line(const struct dump_reader *reader)
{
    switch (reader->dialect) {
    case SQL_MYSQL:
        return dump_at_word(reader, "DELIMITER") || dump_at_word(reader, "SOURCE") ||
               dump_stands_here(reader, "\\.");
    case SQL_POSTGRES: return dump_stands_here(reader, "\\");
    default: return dump_stands_here(reader, ".");
    }
}

static int take_client_line(struct dump_reader *reader, struct failure *failure)
{
    int error = dump_read_line(reader, failure);
    const char *line = (const char *)reader->statement.data;
    size_t size;

    if (error != 0)
        return error;
    if (reader->dialect == SQL_POSTGRES)
        return dump_take_psql_line(reader, line);
    if (ascii_lower(line[0]) != 'd')
        return dump_note_client_line(reader, line);
    line += strcspn(line, " \t");
    line += strspn(line, " \t");
    size = strcspn(line, " \t\r");
    if (size != 0 && size < DUMP_DELIMITER_SIZE) {
        memcpy(reader->delimiter, line, size);
        reader->delimiter[size] = '\0';
    }
    return 0;
}

static int take_nothing(struct dump_reader *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    int error = dump_note_hole(reader);

    while (error == 0 && (error = byte_window_want(window, 1, failure)) == 0 &&
           window->at < window->end && window->data[window->at] == '\0')
        window->at++;
    return error;
}

int dump_take_next(struct dump_reader *reader, struct failure *failure)
{
    int error = reader->lacks_blocks ? dump_note_hole(reader) : 0;

    if (error != 0)
        return error;
    if (reader->window.data[reader->window.at] == '\0')
        return take_nothing(reader, failure);
    if (dump_at_program_line(reader))
        return dump_take_program_line(reader, failure);
    if (at_client_line(reader))
        return take_client_line(reader, failure);
    if (!reader->loads && (dump_at_word(reader, "INSERT") || dump_at_word(reader, "REPLACE")))
        return dump_insert(reader, failure);

    error = dump_read_statement(reader, failure);

    bool has_hole = error == 0 && dump_has_hole(reader, reader->raw.data, reader->raw.size - 1);
    size_t before = reader->table_count;

    if (has_hole)
        error = dump_note_hole(reader);
    if (error == 0)
        error = take_statement(reader, failure);
    return error == 0 && has_hole ? dump_fail_made(reader, before) : error;
}
