/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/memory.h"

/* Room for a row's decoded cells, and numbers. */
#define SCRATCH_LIMIT (STREAM_ROW_LIMIT * (DUMP_MOST_GROWTH + 1))

void dump_set_up(struct dump_reader *reader, struct row_taker *taker)
{
    *reader = (struct dump_reader){
        .taker = taker,
        .place = "the dump",
        .statement = BUFFER(2 * DUMP_STATEMENT_LIMIT),
        .raw = BUFFER(2 * DUMP_STATEMENT_LIMIT),
        .scratch = BUFFER(SCRATCH_LIMIT),
    };
}

/* A stream is about to be read: what it says of itself. */
int dump_begin(struct dump_reader *reader, struct byte_stream *stream, struct failure *failure)
{
    static const char *const kinds[] = {
        [SQL_MYSQL] = "mysql", [SQL_POSTGRES] = "postgresql", [SQL_SQLITE] = "sqlite"};
    struct byte_window *window = &reader->window;
    int error;

    *window = BYTE_WINDOW(stream, STREAM_ROW_LIMIT);
    error = byte_window_want(window, DUMP_BEGIN_BYTES, failure);
    if (error != 0)
        return error;
    if (window->end >= 3 && memcmp(window->data, "\xef\xbb\xbf", 3) == 0)
        window->at = 3;

    const char *text = window->end != 0 ? (const char *)window->data + window->at : "";
    size_t size = window->end - window->at;

    if (size > DUMP_BEGIN_BYTES)
        size = DUMP_BEGIN_BYTES;
    reader->dialect = size != 0 && !reader->session ? dump_dialect_of(text, size) : SQL_MYSQL;
    if (reader->taker->class->kind != NULL && (size != 0 || reader->session))
        reader->taker->class->kind(reader->taker, kinds[reader->dialect]);
    reader->ends = size != 0 && !reader->session && dump_says_its_end(text, size, reader->dialect);
    reader->ends_late = reader->ends && dump_is_cluster(text, size);
    reader->in_turn = reader->ends && reader->dialect == SQL_MYSQL && dump_is_in_turn(text, size);
    reader->backslash = reader->dialect == SQL_MYSQL;
    reader->ansi_quotes = reader->dialect != SQL_MYSQL;
    reader->kept_backslash = reader->backslash;
    reader->kept_ansi_quotes = reader->ansi_quotes;
    reader->zone[0] = reader->kept_zone[0] = '\0';
    reader->charset = NULL;
    reader->own_bytes = false;
    reader->pairs = SQL_PAIRS_NONE;
    reader->last = NULL;
    reader->has_rows = false;
    reader->apart = false;
    strcpy(reader->delimiter, ";");
    if (reader->database == NULL)
        reader->database = strdup(reader->dialect == SQL_POSTGRES ? "public" : "");
    if (reader->database == NULL)
        return -ENOMEM;
    return reader->names != NULL ? 0 : name_map_create(&reader->names);
}

/* --- statements --------------------------------------------------------------------------- */

struct sql_lexer dump_lexer(const struct dump_reader *reader, const char *text, size_t size)
{
    return (struct sql_lexer){
        .dialect = reader->dialect,
        .pairs = reader->pairs,
        .backslash = reader->backslash,
        .ansi_quotes = reader->ansi_quotes,
        .at = text,
        .end = text + size,
    };
}

struct sql_lexer dump_statement_lexer(const struct dump_reader *reader)
{
    return dump_lexer(reader, (const char *)reader->statement.data, reader->statement.size - 1);
}

int dump_reserve_cells(struct dump_reader *reader, size_t count)
{
    if (count <= reader->cell_capacity)
        return 0;

    struct cell *cells = reallocarray(reader->cells, count, sizeof *cells);

    if (cells != NULL)
        reader->cells = cells;

    struct dump_literal *literals = reallocarray(reader->literals, count, sizeof *literals);

    if (literals != NULL)
        reader->literals = literals;
    if (cells == NULL || literals == NULL)
        return -ENOMEM;
    reader->cell_capacity = count;
    reader->literal_capacity = count;
    return 0;
}

static void tell_mangled(struct dump_reader *reader, struct dump_table *table)
{
    struct failure why;

    failure_set(&why, EIO,
                "line %llu of %.300s: table %.300s has bytes that were taken for text when the "
                "dump was written as UTF-16, and are others now; look for a dump that is not, as "
                "--result-file makes it, or --hex-blob",
                (unsigned long long)byte_window_line(&reader->window), reader->place, table->name);
    reader->taker->class->trouble(reader->taker, &why);
    table->mangled = true;
}

int dump_give_row(struct dump_reader *reader, struct dump_table *table, struct failure *failure)
{
    if (reader->mangled && !table->mangled)
        tell_mangled(reader, table);
    reader->mangled = false;
    reader->last = table;
    table->rows++;
    return reader->taker->class->row(reader->taker, table->number, reader->cells, failure);
}

/* DATABASE is taken over; NULL: no memory. */
int dump_use_database(struct dump_reader *reader, char *database)
{
    if (database == NULL)
        return -ENOMEM;
    if (strcmp(database, reader->database) != 0)
        reader->database_count += reader->database[0] == '\0' && reader->table_count != 0 ? 2 : 1;
    free(reader->database);
    reader->database = database;
    return 0;
}

static int take_use(struct dump_reader *reader, struct sql_lexer *lexer)
{
    struct sql_token token = sql_next(lexer);

    return token.type != SQL_END ? dump_use_database(reader, sql_text(lexer, &token)) : 0;
}

/* Its table is left out. */
static int too_long(struct dump_reader *reader)
{
    struct failure why;

    failure_set(&why, EILSEQ,
                "line %llu of the dump: a statement that says what a table is like ends "
                "here and is longer than the %zu MiB that crmfs takes",
                (unsigned long long)byte_window_line(&reader->window), DUMP_STATEMENT_LIMIT >> 20);
    reader->taker->class->trouble(reader->taker, &why);
    return 0;
}

static int take_create(struct dump_reader *reader, struct sql_lexer *lexer, struct failure *failure)
{
    enum relation_kind kind;
    struct sql_token token;

    if (sql_accept(lexer, "OR"))
        sql_accept(lexer, "REPLACE");
    while ((token = sql_peek(lexer)).type == SQL_WORD &&
           (sql_is(&token, "TEMPORARY") || sql_is(&token, "TEMP") || sql_is(&token, "UNLOGGED") ||
            sql_is(&token, "GLOBAL") || sql_is(&token, "LOCAL")))
        sql_next(lexer);
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

        return error == 0 && sql_is(&token, "DOMAIN") ? dump_create_domain(reader) : error;
    }
    if (sql_is(&token, "UNIQUE") || sql_is(&token, "INDEX") || sql_is(&token, "FULLTEXT") ||
        sql_is(&token, "SPATIAL"))
        return dump_create_index(reader, failure);
    if (dump_makes_view(lexer, &kind))
        return reader->too_long ? too_long(reader) : dump_create_view(reader, lexer, kind);
    return 0;
}

/* sqlite3 ends a dump so when it could not read all of the database. */
static void note_rollback(struct dump_reader *reader)
{
    struct failure why;

    failure_set(&why, EIO,
                "line %llu of %.300s: it ends with ROLLBACK: the database was damaged when the "
                "dump was made, and it may lack rows and tables; look for another dump",
                (unsigned long long)byte_window_line(&reader->window), reader->place);
    reader->taker->class->trouble(reader->taker, &why);
}

static int take_statement(struct dump_reader *reader, struct failure *failure)
{
    static const char *const changes[] = {"UPDATE", "DELETE", "TRUNCATE"};
    struct sql_lexer lexer = dump_statement_lexer(reader);
    struct sql_token word = sql_next(&lexer);

    if (sql_is(&word, "SET"))
        return dump_take_set(reader, &lexer);
    if (reader->loads)
        return sql_is(&word, "LOAD") ? dump_load_statement(reader) : 0;
    if (sql_is(&word, "CREATE"))
        return take_create(reader, &lexer, failure);
    if (sql_is(&word, "UNLOCK"))
        return dump_tables_finish(reader, failure);
    if (sql_is(&word, "ALTER") && sql_accept(&lexer, "TABLE"))
        return dump_alter_table(reader, failure);
    if (sql_is(&word, "ALTER") && sql_accept(&lexer, "SEQUENCE"))
        return dump_alter_sequence(reader);
    if (sql_is(&word, "REFRESH"))
        return dump_refresh_view(reader, &lexer);
    if (sql_is(&word, "COPY") && reader->dialect == SQL_POSTGRES)
        return dump_copy(reader, failure);
    if (sql_is(&word, "USE"))
        return take_use(reader, &lexer);
    if (sql_is(&word, "DROP"))
        return dump_drop(reader, &lexer);
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        if (sql_is(&word, changes[i]))
            return dump_note_change(reader, changes[i]);
    }
    if (sql_is(&word, "BEGIN") && reader->dialect == SQL_SQLITE)
        reader->ended = false;
    if (sql_is(&word, "COMMIT") || sql_is(&word, "ROLLBACK"))
        reader->ended = reader->ended || reader->dialect == SQL_SQLITE;
    if (sql_is(&word, "ROLLBACK") && reader->dialect == SQL_SQLITE)
        note_rollback(reader);
    return 0;
}

/* "DELIMITER ;;" is a line for MySQL's client; "\connect x" one for PostgreSQL's. */
static int take_client_line(struct dump_reader *reader, struct failure *failure)
{
    int error = dump_read_line(reader, failure);
    const char *line = (const char *)reader->statement.data;
    size_t size;

    if (error != 0)
        return error;
    if (reader->dialect == SQL_POSTGRES)
        return dump_take_psql_line(reader, line);
    line += strcspn(line, " \t");
    line += strspn(line, " \t");
    size = strcspn(line, " \t\r");
    if (size != 0 && size < DUMP_DELIMITER_SIZE) {
        memcpy(reader->delimiter, line, size);
        reader->delimiter[size] = '\0';
    }
    return 0;
}

/*
 * What a crash, or a full disk, leaves of a file that was not written whole. Behind the end it is
 * padding.
 */
static int take_nothing(struct dump_reader *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    struct dump_table *table = reader->last != NULL ? dump_table_whole(reader->last) : NULL;
    struct failure why;
    int error = 0;

    if (!reader->ended) {
        failure_set(&why, EIO, "line %llu of %.300s: here are zeros instead of statements",
                    (unsigned long long)byte_window_line(window), reader->place);
        reader->taker->class->trouble(reader->taker, &why);
        error = table != NULL ? dump_table_fail(reader, table,
                                                "here are zeros instead of statements, and table "
                                                "%s may lack rows",
                                                table->name)
                              : 0;
    }
    while (error == 0 && (error = byte_window_want(window, 1, failure)) == 0 &&
           window->at < window->end && window->data[window->at] == '\0')
        window->at++;
    return error;
}

static int take_next(struct dump_reader *reader, struct failure *failure)
{
    if (reader->window.data[reader->window.at] == '\0')
        return take_nothing(reader, failure);
    if ((reader->dialect == SQL_MYSQL && dump_at_word(reader, "DELIMITER")) ||
        (reader->dialect == SQL_POSTGRES && reader->window.data[reader->window.at] == '\\'))
        return take_client_line(reader, failure);
    if (!reader->loads && strcmp(reader->delimiter, ";") == 0 &&
        (dump_at_word(reader, "INSERT") || dump_at_word(reader, "REPLACE")))
        return dump_insert(reader, failure);

    int error = dump_read_statement(reader, failure);

    return error != 0 ? error : take_statement(reader, failure);
}

/* --- the end ------------------------------------------------------------------------------ */

/* What became known after the tables were told of. */
int dump_tell_changes(struct dump_reader *reader, struct failure *failure)
{
    int error = reader->dialect == SQL_SQLITE ? dump_sqlite_end(reader, failure) : 0;

    if (error == 0)
        error = dump_ddl_settle(reader);

    bool renamed =
        reader->is_cluster || (reader->dialect == SQL_MYSQL && reader->database_count > 1);

    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        struct dump_table *table = reader->tables[i];

        if (table->dropped || (table->begun && !table->changed && !renamed))
            continue;
        /* Without a row there is no value that would be missing. */
        for (size_t j = 0; j < table->column_count && !table->begun; j++)
            table->columns[j].left_out = false;
        error = dump_table_tell(reader, table, failure);
    }
    return error == 0 ? dump_tell_left_out(reader) : error;
}

/*
 * The dump breaks off. The table that came last may have had more rows; and PostgreSQL's dumps,
 * and those that are put together of two, have all tables first, and then their rows.
 */
int dump_note_cut(struct dump_reader *reader)
{
    int error = 0;

    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        const struct dump_table *table = reader->tables[i];
        struct dump_table *whole = dump_table_whole(reader->tables[i]);
        /* The rows of what has partitions are theirs. */
        bool awaited = (reader->dialect == SQL_POSTGRES || reader->apart) && !table->seen &&
                       table->part_count == 0;

        if (whole != NULL && (awaited || (table == reader->last && !table->finished)))
            error = dump_table_cut(reader, whole);
    }
    return error;
}

void dump_release(struct dump_reader *reader)
{
    for (size_t i = 0; i < reader->table_count; i++)
        dump_table_free(reader->tables[i]);
    free((void *)reader->tables);
    name_map_free(reader->names);
    free(reader->database);
    free(reader->connected);
    for (size_t i = 0; i < reader->domain_count; i++) {
        free(reader->domains[i].name);
        free(reader->domains[i].base);
    }
    free(reader->domains);
    name_map_free(reader->object_names);
    for (size_t i = 0; i < reader->object_count; i++) {
        free(reader->objects[i].name);
        free(reader->objects[i].text);
    }
    free(reader->objects);
    free(reader->cells);
    free(reader->literals);
    buffer_release(&reader->scratch);
    buffer_release(&reader->statement);
    buffer_release(&reader->raw);
    byte_window_release(&reader->window);
    sqlite3_close(reader->sqlite);
    if (reader->converter_of != NULL)
        iconv_close(reader->converter);
}

int dump_read_all(struct dump_reader *reader, struct failure *failure)
{
    int got = 1;

    while (got > 0) {
        got = dump_skip_blank(reader, failure);
        if (got > 0) {
            int error = take_next(reader, failure);

            got = error != 0 ? error : 1;
        }
    }
    return got;
}

/* All of the stream, and what it came to. */
static int read_whole(struct dump_reader *reader, struct byte_stream *stream, struct failure *own)
{
    int error = dump_begin(reader, stream, own);

    if (error == 0)
        error = dump_read_all(reader, own);

    /* What was read whole counts, whatever the rest is like. */
    bool broken = reader->window.error != 0;
    bool cut = broken || (reader->ends && !reader->ended);

    if (error == 0 && cut)
        error = dump_note_cut(reader);
    if (error == 0)
        error = dump_tell_changes(reader, own);
    if (error == 0 && broken)
        error = failure_set(own, -reader->window.error, "%s", reader->window.failure.text);
    else if (error == 0 && cut)
        error = failure_set(own, EIO,
                            "line %llu of the dump: it ends without the line that says it is "
                            "complete: it was cut short",
                            (unsigned long long)byte_window_line(&reader->window));
    return error;
}

int dump_read(struct byte_stream *stream, enum text_set set, struct row_taker *taker,
              struct failure *failure)
{
    struct dump_reader reader;
    struct dump_wide wide;
    struct failure own = {0};
    int error = 0;

    dump_set_up(&reader, taker);
    reader.wide = text_set_is_wide(set);
    if (reader.wide)
        error = dump_wide_begin(&wide, stream, set, &own);
    if (error == 0)
        error = read_whole(&reader, reader.wide ? &wide.stream : stream, &own);
    dump_release(&reader);
    if (reader.wide)
        dump_wide_end(&wide);
    if (error != 0 && failure != NULL)
        *failure = own;
    return error;
}
