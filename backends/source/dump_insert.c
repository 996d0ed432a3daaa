/* SPDX-License-Identifier: MIT */
/* INSERT INTO t (a,b) VALUES (…),(…); and REPLACE. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

struct insert {
    struct dump_reader *reader;
    const struct dump_table *named; /* the table, or a partition of it */
    struct dump_table *table;
    bool listed; /* columns were named: some may be missing, or twice there */
    size_t value_count;
    size_t *places;      /* value I goes to shown column places[I], or nowhere: SIZE_MAX */
    const char *unknown; /* a column that is named, and not there; NULL */
};

/* A table that no CREATE TABLE was for: its columns are those that the first INSERT names. */
static int make_table(struct dump_reader *reader, const char *database, const char *name,
                      char **names, size_t count, struct dump_table **ret_table,
                      struct failure *failure)
{
    struct dump_table *table;
    int error = dump_table_add(reader, database, name, &table);

    if (error != 0)
        return error;
    table->named_by_rows = true;
    table->columns = allocate_array(count, sizeof *table->columns);
    for (; table->columns != NULL && table->column_count < count; table->column_count++) {
        struct dump_column *column = &table->columns[table->column_count];

        *column = (struct dump_column){
            .name = strdup(names[table->column_count]),
            .native = strdup(""),
            .type = {.type = COLUMN_ANY, .value = VALUE_ANY},
        };
        if (column->name == NULL || column->native == NULL)
            return -ENOMEM;
    }
    *ret_table = table;
    return table->columns != NULL ? dump_table_tell(reader, table, failure) : -ENOMEM;
}

/* The first tuple's number of values; 0: it cannot be told. */
static int count_values(struct dump_reader *reader, size_t most, size_t *ret_count,
                        struct failure *failure)
{
    struct byte_window *window = &reader->window;
    int got = dump_skip_blank(reader, failure);

    *ret_count = 0;
    if (got <= 0 || window->data[window->at] != '(')
        return got < 0 ? got : 0;

    int error = dump_reserve_cells(reader, most);

    while (error == 0) {
        const uint8_t *end;
        int parsed = dump_parse_tuple(reader, window->data + window->at, window->data + window->end,
                                      reader->literals, reader->literal_capacity, ret_count, &end);

        if (parsed != TUPLE_MORE)
            return 0;
        got = byte_window_more(window, failure);
        if (got <= 0)
            return got;
    }
    return error;
}

/* How many values a tuple without names has; that of every column, if nothing else is known. */
static int count_in_turn(const struct insert *insert, size_t *ret_count, struct failure *failure)
{
    const struct dump_table *table = insert->named;
    size_t plain = 0;

    for (size_t i = 0; i < table->column_count; i++)
        plain += !table->columns[i].generated && !table->columns[i].invisible;
    *ret_count = table->column_count;
    return plain != table->column_count
               ? count_values(insert->reader, table->column_count, ret_count, failure)
               : 0;
}

/*
 * Values without names: of all columns; without the generated ones, if the dump has no values of
 * these; or, if there are only so many, of those to be seen.
 */
static int place_in_turn(struct insert *insert, struct failure *failure)
{
    const struct dump_table *table = insert->named;
    size_t values = 0;
    size_t seen = 0;
    int error = count_in_turn(insert, &values, failure);

    if (error != 0)
        return error;
    for (size_t i = 0; i < table->column_count; i++)
        seen += !table->columns[i].left_out && !table->columns[i].invisible &&
                !table->columns[i].computed;

    bool all = values == table->column_count;

    for (size_t i = 0; i < table->column_count; i++) {
        const struct dump_column *column = &table->columns[i];

        if (all ||
            (!column->left_out && !column->computed && !(values == seen && column->invisible)))
            insert->places[insert->value_count++] = dump_table_place(table, i, insert->table);
    }
    insert->listed = table != insert->table || values == seen;
    return 0;
}

/* SQLite's own names of what every row has: its .dump can be asked to say it. */
static bool is_row_number(const struct dump_reader *reader, const char *name)
{
    return reader->dialect == SQL_SQLITE &&
           (ascii_equal(name, "rowid") || ascii_equal(name, "oid") || ascii_equal(name, "_rowid_"));
}

/* Which value goes where. */
static int place_values(struct insert *insert, char **names, size_t count, struct failure *failure)
{
    const struct dump_table *table = insert->named;
    size_t most = names != NULL ? count : table->column_count;

    insert->listed = names != NULL;
    insert->places = allocate_array(most, sizeof *insert->places);
    if (insert->places == NULL)
        return -ENOMEM;
    if (names == NULL)
        return place_in_turn(insert, failure);
    for (size_t i = 0; i < count; i++) {
        ssize_t column = dump_table_column(table, names[i]);

        insert->places[i] =
            column >= 0 ? dump_table_place(table, (size_t)column, insert->table) : SIZE_MAX;
        if (column < 0 && !is_row_number(insert->reader, names[i]))
            insert->unknown = names[i];
    }
    insert->value_count = count;
    return 0;
}

/* Without names: COUNT values are those of all columns but the generated ones. */
static bool has_invisible(const struct dump_table *table, size_t count)
{
    size_t stored = 0;
    size_t seen = 0;

    for (size_t i = 0; i < table->column_count; i++) {
        stored += !table->columns[i].generated;
        seen += !table->columns[i].generated && !table->columns[i].invisible;
    }
    return count == stored && stored != seen;
}

/*
 * The first tuple tells whether the dump has the values of the generated columns, and of those that
 * are invisible: MariaDB's has them; others leave them out, or say DEFAULT.
 */
static int begin_table(struct insert *insert, const struct dump_head *head, struct failure *failure)
{
    struct dump_reader *reader = insert->reader;
    const struct dump_table *named = insert->named;
    struct dump_table *table = insert->table;
    size_t most = head->names != NULL ? head->count : named->column_count;
    size_t count = 0;
    int error = count_values(reader, most, &count, failure);

    for (size_t i = 0; i < count && count == most; i++) {
        const char *name = head->names != NULL ? head->names[i] : named->columns[i].name;
        ssize_t column = dump_table_column(table, name);

        if (column >= 0 && reader->literals[i].type != LITERAL_DEFAULT)
            table->columns[column].left_out = false;
    }
    if (head->names == NULL && has_invisible(named, count)) {
        for (size_t i = 0; i < table->column_count; i++)
            table->columns[i].left_out = table->columns[i].generated;
    }
    if (error == 0 && reader->dialect == SQL_SQLITE && dump_has_left_out(table))
        error = dump_compute_begin(reader, table);
    return error != 0 ? error : dump_table_tell(reader, table, failure);
}

static const struct dump_type *type_of(const struct dump_table *table, size_t shown)
{
    size_t column = shown;

    while (column < table->column_count && table->shown[column] != shown)
        column++;
    return &table->columns[column].type;
}

/* 0, -EILSEQ: a value makes no sense in its column; what the taker says. */
static int give_tuple(struct insert *insert, const uint8_t *base, size_t size,
                      struct failure *failure)
{
    struct dump_reader *reader = insert->reader;
    struct dump_table *table = insert->table;
    int error = dump_cell_room(reader, size, insert->value_count);

    if (insert->listed)
        memset(reader->cells, 0, table->shown_count * sizeof *reader->cells);
    for (size_t i = 0; i < insert->value_count && error == 0; i++) {
        size_t place = insert->places[i];

        if (place != SIZE_MAX)
            error = dump_make_cell(reader, type_of(table, place), base, &reader->literals[i],
                                   &reader->cells[place]);
    }
    if (error != 0 || table->computer == NULL)
        return error != 0 ? error : dump_give_row(reader, table, failure);
    error = dump_compute(reader, table);
    if (error == 0 && !table->failed)
        error = dump_give_row(reader, table, failure);
    dump_compute_end(table);
    return error;
}

/* The tuple at the window's place: 0, and the window behind it; -EILSEQ: makes no sense. */
static int take_tuple(struct insert *insert, struct failure *failure)
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
                insert->table->failed ? 0 : give_tuple(insert, at, (size_t)(end - at), failure);

            if (error == 0)
                window->at = (size_t)(end - window->data);
            return error;
        }

        int more = byte_window_more(window, failure);

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

/* What may follow the rows: ON DUPLICATE KEY UPDATE, ON CONFLICT, AS, RETURNING, the delimiter. */
static bool is_end(const struct dump_reader *reader)
{
    return next_byte(reader) == (uint8_t)reader->delimiter[0] || dump_at_word(reader, "ON") ||
           dump_at_word(reader, "AS") || dump_at_word(reader, "RETURNING");
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
static int take_tuples(struct insert *insert, struct failure *failure)
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
    struct failure why;

    failure_set(&why, EILSEQ,
                "line %llu of %.300s: the dump ends without an end of this statement: it may have "
                "been cut short, and table %.200s lack rows",
                (unsigned long long)byte_window_line(&reader->window), reader->place, table->name);
    reader->taker->class->trouble(reader->taker, &why);
}

/* The rest of the statement is passed over, and with it whatever in it makes no sense. */
static int end_insert(struct insert *insert, int error, struct failure *failure)
{
    struct dump_reader *reader = insert->reader;

    if (error == -EILSEQ || error == -EFBIG) {
        int told = dump_table_fail(
            reader, insert->table,
            error == -EFBIG ? "a row of table %s is larger than the %zu MiB that crmfs takes"
                            : "a row of table %s makes no sense here",
            insert->table->name, STREAM_ROW_LIMIT >> 20);

        error = told;
    } else if (error == -ENODATA) {
        reader->window.at = reader->window.end;
        error = dump_table_cut(reader, insert->table);
    }
    if (error == 0)
        error = dump_read_statement(reader, failure);
    if (error == 0 && dump_is_cut(reader) && !reader->ends && reader->window.error == 0 &&
        !insert->table->failed)
        note_unended(reader, insert->table);
    return error;
}

/* Rows of NAMED come. */
static void note_rows(struct dump_reader *reader, struct dump_table *named)
{
    reader->has_rows = true;
    reader->apart = reader->apart || named != reader->tables[reader->table_count - 1];
    named->finished = false;
    named->seen = true;
    dump_note_zone(reader, named);
}

/* Columns were named: if they are not those that the table has, its rows are not known. */
static int check_names(struct insert *insert)
{
    struct dump_reader *reader = insert->reader;
    struct dump_table *table = insert->table;
    const struct dump_column *unsaid =
        dump_table_unsaid(table, insert->places, insert->value_count);

    if (insert->unknown != NULL)
        return dump_table_fail(reader, table,
                               "these rows of table %s have a column %.200s, which it has not",
                               table->name, insert->unknown);
    return unsaid != NULL
               ? dump_table_fail(reader, table,
                                 "these rows of table %s do not say what is in column %.200s, "
                                 "which their database filled in: load the dump, and mount the "
                                 "database",
                                 table->name, unsaid->name)
               : 0;
}

static int find_table(struct insert *insert, const struct dump_head *head, struct failure *failure)
{
    struct dump_reader *reader = insert->reader;
    struct dump_table *named = dump_table_find(reader, head->database, head->name);
    int error = 0;

    if (named == NULL && head->names != NULL)
        error = make_table(reader, head->database, head->name, head->names, head->count, &named,
                           failure);
    insert->named = named;
    insert->table = error == 0 && named != NULL ? dump_table_whole(named) : NULL;
    if (error == 0 && named == NULL)
        return dump_note_unknown(reader, head->database, head->name);
    if (insert->table == NULL)
        return error;
    if (!insert->table->begun)
        error = begin_table(insert, head, failure);
    note_rows(reader, named);
    insert->table->seen = true;
    return error;
}

/* Goes behind the statement, whose rows are of a table that nothing is known of, or of a query. */
static int pass_over(struct dump_reader *reader, bool query, struct failure *failure)
{
    int error = dump_read_statement(reader, failure);

    return error == 0 && query ? dump_note_query(reader) : error;
}

int dump_insert(struct dump_reader *reader, struct failure *failure)
{
    cleanup(dump_head_release) struct dump_head head = {.count = 0};
    struct insert insert = {.reader = reader};
    int error = dump_take_head(reader, &head, failure);

    if (error == 0 && dump_is_catalogue(reader, head.name))
        return dump_note_virtual(reader, failure);
    if (error == 0)
        error = find_table(&insert, &head, failure);
    if (error == -EILSEQ || (error == 0 && insert.table == NULL))
        return pass_over(reader, error == -EILSEQ, failure);
    if (error == 0)
        error = place_values(&insert, head.names, head.count, failure);
    if (error == 0 && head.names != NULL)
        error = check_names(&insert);
    if (error == 0)
        error = dump_reserve_cells(reader, insert.table->shown_count > insert.value_count
                                               ? insert.table->shown_count
                                               : insert.value_count);
    if (error == 0)
        error = end_insert(&insert, take_tuples(&insert, failure), failure);
    free(insert.places);
    return error;
}
