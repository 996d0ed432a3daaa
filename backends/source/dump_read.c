/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_damage.h"
#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/memory.h"

/* Room for a row's decoded cells, and numbers. */
#define SCRATCH_LIMIT (DUMP_ROW_TEXT_LIMIT * (DUMP_MOST_GROWTH + 1))

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

/* As much as is enough to tell what it says of itself. */
static int want_beginning(struct byte_window *window, struct failure *failure)
{
    size_t wanted = DUMP_BEGIN_BYTES;
    int error = byte_window_want(window, wanted, failure);

    while (error == 0 && !window->ended && wanted < DUMP_COMMENTS_LIMIT &&
           dump_begin_size(window->data, window->end) > window->end) {
        wanted *= 2;
        error = byte_window_want(window, wanted, failure);
    }
    return error;
}

/* A stream is about to be read: what it says of itself. */
int dump_begin(struct dump_reader *reader, struct byte_stream *stream, struct failure *failure)
{
    static const char *const kinds[] = {
        [SQL_MYSQL] = "mysql", [SQL_POSTGRES] = "postgresql", [SQL_SQLITE] = "sqlite"};
    struct byte_window *window = &reader->window;
    int error;

    *window = BYTE_WINDOW(stream, DUMP_ROW_TEXT_LIMIT);
    error = want_beginning(window, failure);
    if (error != 0)
        return error;
    if (window->end >= 3 && memcmp(window->data, "\xef\xbb\xbf", 3) == 0)
        window->at = 3;

    const char *text = window->end != 0 ? (const char *)window->data + window->at : "";
    size_t size = window->end - window->at;

    if (size > dump_begin_size(text, size))
        size = dump_begin_size(text, size);
    reader->dialect = size != 0 && !reader->session ? dump_dialect_of(text, size) : SQL_MYSQL;
    if (reader->taker->class->kind != NULL && (size != 0 || reader->session))
        reader->taker->class->kind(reader->taker, kinds[reader->dialect]);
    reader->ends = size != 0 && !reader->session && dump_says_its_end(text, size, reader->dialect);
    reader->ends_dated = reader->ends && dump_ends_dated(text, size, reader->dialect);
    reader->ends_checked = reader->ends && dump_ends_checked(text, size);
    reader->ends_late = reader->ends && dump_is_cluster(text, size);
    reader->in_turn = reader->ends && reader->dialect == SQL_MYSQL && dump_is_in_turn(text, size);
    reader->guessed = size != 0 && !reader->session && reader->dialect == SQL_MYSQL &&
                      !dump_is_surely_of_mysql(text, size);
    reader->of_shell = dump_is_of_shell(text, size);
    reader->backslash = reader->dialect == SQL_MYSQL;
    reader->ansi_quotes = reader->dialect != SQL_MYSQL;
    reader->kept_backslash = reader->backslash;
    reader->kept_ansi_quotes = reader->ansi_quotes;
    reader->zone[0] = reader->kept_zone[0] = '\0';
    reader->zone_said = false;
    reader->charset = dump_charset_wished(reader);
    reader->own_bytes = false;
    reader->pairs = reader->charset != NULL ? dump_charset_pairs(reader->wish) : SQL_PAIRS_NONE;
    reader->kept_charset = reader->charset;
    reader->kept_own_bytes = false;
    reader->kept_pairs = reader->pairs;
    reader->last = NULL;
    reader->locked = NULL;
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
        .charset = reader->charset,
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

    dump_tell(reader, EIO,
              "table %.300s has bytes that were taken for text when the "
              "dump was written as UTF-16, and are others now; look for a dump that is not, as "
              "--result-file makes it, or --hex-blob",
              table->name);
    table->mangled = true;
}

static void tell_escaped(struct dump_reader *reader, const struct dump_table *table)
{

    dump_tell(reader, ENOTUNIQ,
              "nothing says whose dump this is: a backslash in table %.300s "
              "is taken for MySQL's, which is none of the text; in another database it would be: "
              "then load the dump there, and mount the database",
              table->name);
    reader->escape_told = true;
}

int dump_fail_large_row(struct dump_reader *reader, struct dump_table *table)
{
    return dump_table_fail(reader, table,
                           "a row of table %s is larger than the %zu MiB that crmfs takes",
                           table->name, STREAM_ROW_LIMIT >> 20);
}

/* Its spelling may be longer than its values. */
static bool is_row_large(const struct dump_reader *reader, const struct dump_table *table)
{
    uint64_t size = 0;

    for (size_t i = 0; i < table->shown_count; i++)
        size += reader->cells[i].class != CELL_NULL ? reader->cells[i].size : 0;
    return size > STREAM_ROW_LIMIT;
}

int dump_give_row(struct dump_reader *reader, struct dump_table *table, struct failure *failure)
{
    if (reader->mangled && !table->mangled)
        tell_mangled(reader, table);
    reader->mangled = false;
    if (reader->garbled)
        dump_tell_garbled(reader, table);
    reader->garbled = false;
    if (reader->seems_utf8)
        dump_tell_utf8(reader, table);
    reader->seems_utf8 = false;
    if (reader->escaped && reader->guessed && !reader->escape_told)
        tell_escaped(reader, table);
    reader->last = table;
    if (table->versioned && dump_is_history(reader, table)) {
        dump_note_history(reader, table);
        return 0;
    }
    if (is_row_large(reader, table))
        return dump_fail_large_row(reader, table);
    table->rows++;
    reader->uncommitted = true;
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
    if (error == 0)
        error = dump_fail_nameless(reader);
    return error == 0 ? dump_tell_left_out(reader) : error;
}

/* The dump breaks off. The table that came last may have had more rows, and those that are awaited
 * any. */
int dump_note_cut(struct dump_reader *reader)
{
    int error = 0;

    for (size_t i = 0; i < reader->table_count && error == 0; i++) {
        const struct dump_table *table = reader->tables[i];
        struct dump_table *whole = dump_table_whole(reader->tables[i]);

        if (whole != NULL &&
            (dump_is_awaited(reader, table) || (table == reader->last && !table->finished)))
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
    free(reader->created);
    for (size_t i = 0; i < reader->domain_count; i++) {
        free(reader->domains[i].name);
        free(reader->domains[i].base);
        free(reader->domains[i].collation);
        key_labels_release(reader->domains[i].labels);
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
            int error = dump_take_next(reader, failure);

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

    if (error == 0)
        error = dump_fail_lacking(reader);
    if (error == 0 && cut)
        error = dump_note_cut(reader);
    if (error == 0)
        error = dump_fail_doubted(reader);
    if (error == 0 && !cut)
        error = dump_leave_out_rows(reader);
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

int dump_read(struct byte_stream *stream, enum text_set set, const char *charset,
              struct row_taker *taker, struct failure *failure)
{
    struct dump_reader reader;
    struct dump_wide wide;
    struct failure own = {0};
    int error = 0;

    dump_set_up(&reader, taker);
    reader.wide = text_set_is_wide(set);
    reader.wish = reader.wide ? NULL : charset;
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

int dump_read_lacking(struct byte_stream *stream, const struct pg_list *list,
                      struct row_taker *taker, struct failure *failure)
{
    struct dump_reader reader;
    struct failure own = {0};

    dump_set_up(&reader, taker);
    reader.list = list;

    int error = read_whole(&reader, stream, &own);

    dump_release(&reader);
    if (error != 0 && failure != NULL)
        *failure = own;
    return error;
}
