/* SPDX-License-Identifier: MIT */
/* Which table the rows of an INSERT are of, and which of its columns each value is for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_damage.h"
#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

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

    error = table->columns != NULL ? dump_table_tell(reader, table, failure) : -ENOMEM;
    return error == 0 && reader->doubted_line != 0
               ? dump_table_fail(reader, table,
                                 "no CREATE TABLE of table %s was found, nor perhaps its first "
                                 "rows: both may have stood in what cannot be made out before",
                                 table->name)
               : error;
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
static int count_in_turn(const struct dump_insertion *insert, size_t *ret_count,
                         struct failure *failure)
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
static int place_in_turn(struct dump_insertion *insert, struct failure *failure)
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

int dump_place_values(struct dump_insertion *insert, char **names, size_t count,
                      struct failure *failure)
{
    const struct dump_table *table = insert->named;
    size_t most = names != NULL ? count : table->column_count;

    insert->listed = names != NULL;
    insert->places = allocate_array(most, sizeof *insert->places);
    if (insert->places == NULL)
        return -ENOMEM;
    if (names == NULL && table->misplaced && !insert->table->failed) {
        int error = dump_table_fail(insert->reader, insert->table,
                                    "these rows of table %s do not name their columns, which are "
                                    "not where they were when its first rows came: load the dump, "
                                    "and mount the database",
                                    table->name);

        if (error != 0)
            return error;
    }
    if (names == NULL)
        return place_in_turn(insert, failure);
    for (size_t i = 0; i < count; i++) {
        ssize_t column = dump_table_column(table, names[i]);
        bool ends_row = false;

        insert->places[i] =
            column >= 0 ? dump_table_place(table, (size_t)column, insert->table) : SIZE_MAX;
        if (column < 0 && !is_row_number(insert->reader, names[i]) &&
            !dump_is_row_moment(table, names[i], &ends_row))
            insert->unknown = names[i];
        if (ends_row)
            insert->row_end = i;
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
static int begin_table(struct dump_insertion *insert, const struct dump_head *head,
                       struct failure *failure)
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

/* Rows of NAMED come. */
static void note_rows(struct dump_reader *reader, struct dump_table *named)
{
    reader->has_rows = true;
    reader->apart = reader->apart || named != reader->tables[reader->table_count - 1];
    named->finished = false;
    dump_note_unannounced(reader, named);
    named->seen = true;
    dump_note_zone(reader, named);
}

int dump_check_names(struct dump_insertion *insert)
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

int dump_find_rows(struct dump_insertion *insert, const struct dump_head *head,
                   struct failure *failure)
{
    struct dump_reader *reader = insert->reader;
    struct dump_table *named = dump_table_find(reader, head->database, head->name);
    int error = 0;

    if (named == NULL && head->names != NULL && !dump_is_of_sqlite(reader, head->name) &&
        !dump_table_is_temporary(reader, head->database, head->name))
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
