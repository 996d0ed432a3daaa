/* SPDX-License-Identifier: MIT */
/* INSERT INTO t (a,b) VALUES (…),(…); and REPLACE. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_damage.h"
#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/memory.h"

static const struct dump_column *column_of(const struct dump_table *table, size_t shown)
{
    size_t column = shown;

    while (column < table->column_count && table->shown[column] != shown)
        column++;
    return &table->columns[column];
}

/* A value in a column; NULL where that takes none is a number, or a moment, that its database
 * chooses. As give_tuple. */
static int make_value(struct dump_insertion *insert, const struct dump_column *column,
                      const uint8_t *base, const struct dump_literal *literal, struct cell *cell)
{
    if (literal->type == LITERAL_NULL && (column->not_null || column->numbered))
        return dump_table_fail(insert->reader, insert->table,
                               "here is NULL in column %.200s of table %s, which takes none: its "
                               "database put something else there: load the dump, and mount the "
                               "database",
                               column->name, insert->table->name);
    return dump_make_cell(insert->reader, &column->type, base, literal, cell);
}

/* The row is one that was there. */
static bool was_there(const struct dump_insertion *insert, const uint8_t *base)
{
    const struct dump_literal *until;

    if (insert->row_end == SIZE_MAX)
        return false;
    until = &insert->reader->literals[insert->row_end];
    return !dump_is_for_ever((const char *)base + until->at, until->size);
}

/* 0, -EILSEQ: a value makes no sense in its column; what the taker says. */
static int give_tuple(struct dump_insertion *insert, const uint8_t *base, size_t size,
                      struct failure *failure)
{
    struct dump_reader *reader = insert->reader;
    struct dump_table *table = insert->table;
    int error = dump_cell_room(reader, base, size, insert->value_count);

    if (was_there(insert, base)) {
        reader->last = table;
        dump_note_history(reader, table);
        return error;
    }
    if (insert->listed)
        memset(reader->cells, 0, table->shown_count * sizeof *reader->cells);
    for (size_t i = 0; i < insert->value_count && error == 0; i++) {
        size_t place = insert->places[i];

        if (place != SIZE_MAX)
            error = make_value(insert, column_of(table, place), base, &reader->literals[i],
                               &reader->cells[place]);
    }
    if (table->failed)
        return error;
    if (error != 0 || table->computer == NULL)
        return error != 0 ? error : dump_give_row(reader, table, failure);
    error = dump_compute(reader, table);
    if (error == 0 && !table->failed)
        error = dump_give_row(reader, table, failure);
    dump_compute_end(table);
    return error;
}

/* As give_tuple, of what is not damaged. */
static int take_whole(struct dump_insertion *insert, const uint8_t *base, size_t size,
                      struct failure *failure)
{
    return dump_has_hole(insert->reader, base, size) ? dump_fail_hole(insert->reader, insert->table)
                                                     : give_tuple(insert, base, size, failure);
}

/* Twice what is there, so that a large row is not looked at again and again. As byte_window_more.
 */
static int read_on(struct byte_window *window, struct failure *failure)
{
    size_t size = 2 * (window->end - window->at);
    int more = byte_window_more(window, failure);
    int error;

    if (more <= 0)
        return more;
    error = byte_window_want(window, size < window->limit ? size : window->limit, failure);
    return error == 0 ? 1 : error;
}

/* The tuple at the window's place: 0, and the window behind it; -EILSEQ: makes no sense. */
static int take_tuple(struct dump_insertion *insert, struct failure *failure)
{
    struct dump_reader *reader = insert->reader;
    struct byte_window *window = &reader->window;

    for (;;) {
        const uint8_t *at = window->data + window->at;
        const uint8_t *end;
        size_t count = 0;
        int parsed = dump_parse_tuple(reader, at, window->data + window->end, reader->literals,
                                      reader->literal_capacity, &count, &end);

        if (parsed == TUPLE_BAD || (parsed == TUPLE_WHOLE && count != insert->value_count))
            return -EILSEQ;
        if (parsed == TUPLE_WHOLE) {
            int error =
                insert->table->failed ? 0 : take_whole(insert, at, (size_t)(end - at), failure);

            if (error == 0)
                window->at = (size_t)(end - window->data);
            return error;
        }

        int more = read_on(window, failure);

        if (more == 0)
            return -ENODATA;
        if (more < 0)
            return more;
    }
}

static uint8_t next_byte(const struct dump_reader *reader)
{
    return reader->window.at < reader->window.end ? reader->window.data[reader->window.at] : '\0';
}

/* What may follow the rows: ON DUPLICATE KEY UPDATE, ON CONFLICT, AS, RETURNING, the delimiter; a
 * semicolon, whatever that is. */
static bool is_end(const struct dump_reader *reader)
{
    return next_byte(reader) == (uint8_t)reader->delimiter[0] || next_byte(reader) == ';' ||
           dump_at_word(reader, "ON") || dump_at_word(reader, "AS") ||
           dump_at_word(reader, "RETURNING");
}

/* 1: a tuple stands here; 0: none, the statement ends; -EILSEQ: something else does. */
static int at_tuple(struct dump_reader *reader, struct failure *failure)
{
    const struct byte_window *window = &reader->window;

    /* Nearly always it follows at once. */
    if (window->end - window->at >= 2 && next_byte(reader) == '(')
        return 1;

    int got = dump_skip_blank(reader, failure);

    if (got <= 0)
        return got;
    if (next_byte(reader) == '(')
        return 1;
    return is_end(reader) ? 0 : -EILSEQ;
}

/* Goes on behind the comma between two tuples. 1; 0: there is none. */
static int take_comma(struct dump_reader *reader, struct failure *failure)
{
    if (next_byte(reader) != ',') {
        int got = dump_skip_blank(reader, failure);

        if (got < 0)
            return got;
    }
    if (next_byte(reader) != ',')
        return 0;
    reader->window.at++;
    return 1;
}

/* (…),(…),(…) to the delimiter. */
static int take_tuples(struct dump_insertion *insert, struct failure *failure)
{
    struct dump_reader *reader = insert->reader;
    int more = 1;

    while (more > 0) {
        int got = at_tuple(reader, failure);
        int error = got > 0 ? take_tuple(insert, failure) : got;

        if (got == 0)
            return reader->window.at == reader->window.end ? -ENODATA : -EILSEQ;
        if (error != 0)
            return error;
        more = take_comma(reader, failure);
    }
    if (more < 0)
        return more;

    int got = at_tuple(reader, failure);

    return got > 0 ? -EILSEQ : got;
}

/* A whole row was the last, and nothing says that it should be: few programs leave the end out. */
static void note_unended(const struct dump_reader *reader, const struct dump_table *table)
{

    dump_tell(reader, EILSEQ,
              "the dump ends without an end of this statement: it may have "
              "been cut short, and table %.200s lack rows",
              table->name);
}

/* The function that a value of the row at the window's place is made by; of size 0: there is none.
 */
static struct sql_token find_call(const struct dump_reader *reader)
{
    const struct byte_window *window = &reader->window;
    struct sql_lexer lexer =
        dump_lexer(reader, (const char *)window->data + window->at, window->end - window->at);
    struct sql_token before = {.type = SQL_END};
    struct sql_token token;
    size_t depth = 0;

    while ((token = sql_next(&lexer)).type != SQL_END) {
        if (sql_is(&token, "(") && before.type == SQL_WORD)
            return before;
        depth += sql_is(&token, "(");
        depth -= sql_is(&token, ")") && depth != 0;
        if (depth == 0)
            break;
        before = token;
    }
    return (struct sql_token){.type = SQL_END};
}

/* Adminer writes ST_GeomFromText('POINT(1 2)', …). */
static int refuse_row(const struct dump_insertion *insert)
{
    struct sql_token call = find_call(insert->reader);

    if (call.size == 0) {
        int error = dump_table_fail(insert->reader, insert->table,
                                    "a row of table %s makes no sense here", insert->table->name);

        /* Of programs that are known each does, as they wrote it. */
        if (insert->reader->ends)
            dump_doubt(insert->reader);
        return error;
    }
    return dump_table_fail(insert->reader, insert->table,
                           "a row of table %s has what %.*s() makes of something, which is not "
                           "carried out: load the dump, and mount the database",
                           insert->table->name, (int)(call.size < 40 ? call.size : 40), call.at);
}

/* The statement was read to its end: what stands behind the rows may be ON DUPLICATE KEY UPDATE. */
static int note_merged(const struct dump_insertion *insert, struct failure *failure)
{
    struct sql_lexer lexer = dump_statement_lexer(insert->reader);

    return sql_accept(&lexer, "ON")
               ? dump_note_merged(insert->reader, insert->table, SAME_KEY_ERROR, failure)
               : 0;
}

/* To the end of the statement, whose rows are not taken. */
static int read_rest(struct dump_reader *reader, struct failure *failure)
{
    int error = dump_read_statement(reader, failure);

    if (error == 0 && dump_has_hole(reader, reader->raw.data, reader->raw.size - 1))
        dump_doubt(reader);
    return error;
}

/* The rest of the statement is passed over, and with it whatever in it makes no sense. */
static int end_insert(struct dump_insertion *insert, int error, struct failure *failure)
{
    struct dump_reader *reader = insert->reader;

    if (error == -EILSEQ) {
        error = refuse_row(insert);
    } else if (error == -EFBIG) {
        error = dump_fail_large_row(reader, insert->table);
    } else if (error == -ENODATA) {
        reader->window.at = reader->window.end;
        error = dump_table_cut(reader, insert->table);
    }
    if (error == 0)
        error = read_rest(reader, failure);
    if (error == 0)
        error = note_merged(insert, failure);
    if (error == 0 && dump_is_cut(reader) && !reader->ends && reader->window.error == 0 &&
        !insert->table->failed)
        note_unended(reader, insert->table);
    return error;
}

/*
 * Goes behind the statement, whose rows are of a table that nothing is known of, or of a query; or,
 * where it has a hole, of whatever table.
 */
static int pass_over(struct dump_reader *reader, bool query, struct failure *failure)
{
    int error = dump_read_statement(reader, failure);

    if (error == 0 && dump_has_hole(reader, reader->raw.data, reader->raw.size - 1))
        return dump_note_hole(reader);
    return error == 0 && query ? dump_note_query(reader) : error;
}

int dump_insert(struct dump_reader *reader, struct failure *failure)
{
    cleanup(dump_head_release) struct dump_head head = {.count = 0};
    struct dump_insertion insert = {.reader = reader, .row_end = SIZE_MAX};
    int error = dump_take_head(reader, &head, failure);

    if (error == 0 && dump_is_catalogue(reader, head.name))
        return dump_note_virtual(reader, failure);
    if (error == 0)
        error = dump_find_rows(&insert, &head, failure);
    if (error == -EILSEQ || (error == 0 && insert.table == NULL))
        return pass_over(reader, error == -EILSEQ, failure);
    if (error == 0 && head.same_key != SAME_KEY_ROWS)
        error = dump_note_merged(reader, insert.table, head.same_key, failure);
    if (error == 0)
        error = dump_place_values(&insert, head.names, head.count, failure);
    if (error == 0 && head.names != NULL)
        error = dump_check_names(&insert);
    if (error == 0)
        error = dump_reserve_cells(reader, insert.table->shown_count > insert.value_count
                                               ? insert.table->shown_count
                                               : insert.value_count);
    if (error == 0)
        error = end_insert(&insert, take_tuples(&insert, failure), failure);
    free(insert.places);
    return error;
}
