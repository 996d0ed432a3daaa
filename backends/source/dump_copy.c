/* SPDX-License-Identifier: MIT */
/*
 * COPY t (a, b) FROM stdin; and the lines that follow: fields between tabs, with
 * escapes, to a line of "\.". https://www.postgresql.org/docs/15/sql-copy.html
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_damage.h"
#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/memory.h"

struct copy {
    const struct dump_table *named; /* the table, or a partition of it */
    struct dump_table *table;       /* NULL: nothing is known of it */
    size_t count;                   /* fields of a line */
    size_t *places;                 /* of a field among the shown columns */
    const struct dump_type **types;
    bool windows; /* lines end as pg_dump writes them there; a CR in a text is escaped */
    bool comment; /* the line before ended as the first of a comment of pg_dump's does */
};

static int add_field(struct copy *copy, size_t column)
{
    copy->places[copy->count] = dump_table_place(copy->named, column, copy->table);
    copy->types[copy->count] = &copy->named->columns[column].type;
    return copy->places[copy->count++] != SIZE_MAX ? 0 : -EILSEQ;
}

/* The columns in parentheses, or all. */
static int take_columns(struct sql_lexer *lexer, struct copy *copy)
{
    const struct dump_table *table = copy->named;
    int error = 0;

    copy->places = allocate_array(table->column_count, sizeof *copy->places);
    copy->types = allocate_array(table->column_count, sizeof(struct dump_type *));
    if (copy->places == NULL || copy->types == NULL)
        return -ENOMEM;
    if (!sql_accept(lexer, "(")) {
        for (size_t i = 0; i < table->column_count && error == 0; i++) {
            if (!table->columns[i].left_out)
                error = add_field(copy, i);
        }
        return error;
    }
    if (sql_accept(lexer, ")"))
        return 0;
    do {
        struct sql_token token = sql_next(lexer);
        cleanup_free char *name = token.type != SQL_END ? sql_text(lexer, &token) : NULL;
        ssize_t column = name != NULL ? dump_table_column(table, name) : -1;

        if (column < 0 || copy->count == table->column_count || table->columns[column].left_out)
            return -EILSEQ;
        error = add_field(copy, (size_t)column);
    } while (error == 0 && sql_accept(lexer, ","));
    return error;
}

/* Takes the line [AT, END) apart. 0 or -EILSEQ: not so many fields. */
static int split_line(struct dump_reader *reader, const struct copy *copy, const uint8_t *at,
                      const uint8_t *end)
{
    const uint8_t *base = at;
    size_t count = 0;

    for (;;) {
        const uint8_t *tab = memchr(at, '\t', (size_t)(end - at));
        const uint8_t *stop = tab != NULL ? tab : end;
        struct dump_literal *literal = &reader->literals[count];

        if (count == copy->count)
            return copy->count == 0 && at == end ? 0 : -EILSEQ;
        *literal = (struct dump_literal){
            .type = LITERAL_FIELD,
            .at = (size_t)(at - base),
            .size = (size_t)(stop - at),
        };
        if (literal->size == 2 && at[0] == '\\' && at[1] == 'N')
            literal->type = LITERAL_NULL;
        count++;
        if (tab == NULL)
            return count == copy->count ? 0 : -EILSEQ;
        at = tab + 1;
    }
}

static int give_line(struct dump_reader *reader, const struct copy *copy, const uint8_t *at,
                     size_t size, struct failure *failure)
{
    int error = dump_cell_room(reader, at, size, copy->count);

    if (dump_has_hole(reader, at, size))
        return dump_fail_hole(reader, copy->table);
    if (error == 0)
        error = split_line(reader, copy, at, at + size);
    /* Columns may be missing in the list, or twice in it. */
    if (error == 0)
        memset(reader->cells, 0, copy->table->shown_count * sizeof *reader->cells);
    for (size_t i = 0; i < copy->count && error == 0; i++)
        error = dump_make_cell(reader, copy->types[i], at, &reader->literals[i],
                               &reader->cells[copy->places[i]]);
    return error != 0 ? error : dump_give_row(reader, copy->table, failure);
}

/* The next line, without its end. 1; 0: the dump ends; -EFBIG …; SEARCHED is what has been seen. */
static int find_line(struct byte_window *window, size_t *ret_size, struct failure *failure)
{
    size_t searched = 0;

    for (;;) {
        const uint8_t *at = window->data + window->at;
        const uint8_t *found =
            window->end - window->at > searched
                ? memchr(at + searched, '\n', window->end - window->at - searched)
                : NULL;

        if (found != NULL) {
            *ret_size = (size_t)(found - at);
            return 1;
        }
        searched = window->end - window->at;

        int more = byte_window_more(window, failure);

        if (more <= 0)
            return more;
    }
}

/* A line that is too long cannot be read: the dump is passed over to its end. */
static int skip_line(struct byte_window *window, struct failure *failure)
{
    int more = 1;

    while (more > 0) {
        const uint8_t *found = memchr(window->data + window->at, '\n', window->end - window->at);

        if (found != NULL) {
            window->at = (size_t)(found - window->data) + 1;
            return 0;
        }
        window->at = window->end;
        more = byte_window_more(window, failure);
    }
    return more;
}

static int fail(struct dump_reader *reader, const struct copy *copy, const char *words)
{
    if (copy->table == NULL)
        return 0;
    return dump_table_fail(reader, copy->table, "%s of table %s", words, copy->table->name);
}

/*
 * Whether pg_dump begins something else here: of a file of its folder that was cut short,
 * pg_restore prints what there is, without the end of the rows, and goes on with this right behind.
 */
static bool is_next_item(struct copy *copy, const uint8_t *at, size_t size)
{
    bool comment = copy->comment;

    copy->comment = size >= 2 && memcmp(at + size - 2, "--", 2) == 0;
    return comment && size > 9 &&
           (memcmp(at, "-- Name: ", 9) == 0 || memcmp(at, "-- Data f", 9) == 0) &&
           memmem(at, size, "; Type: ", 8) != NULL && memmem(at, size, "; Schema: ", 10) != NULL;
}

static int take_lines(struct dump_reader *reader, struct copy *copy, struct failure *failure)
{
    struct byte_window *window = &reader->window;

    for (;;) {
        size_t size = 0;
        int got = find_line(window, &size, failure);
        int error = 0;

        if (got == 0) {
            window->at = window->end;
            return copy->table != NULL ? dump_table_cut(reader, copy->table) : 0;
        }
        if (got == -EFBIG) {
            error = copy->table != NULL ? dump_fail_large_row(reader, copy->table) : 0;
            if (error == 0)
                error = skip_line(window, failure);
            if (error != 0)
                return error;
            continue;
        }
        if (got < 0)
            return got;

        const uint8_t *at = window->data + window->at;
        size_t line = size > 0 && at[size - 1] == '\r' ? size - 1 : size;

        if (line == 2 && at[0] == '\\' && at[1] == '.') {
            window->at += size + 1;
            return 0;
        }
        if (is_next_item(copy, at, line))
            return fail(reader, copy, "the end is missing behind the rows");
        if (copy->table != NULL && !copy->table->failed)
            error = give_line(reader, copy, at, copy->windows ? line : size, failure);
        else if (dump_has_hole(reader, at, size))
            dump_doubt(reader);
        if (error == -EILSEQ) {
            error = fail(reader, copy, "a line makes no sense among the rows");
            if (reader->ends)
                dump_doubt(reader);
        }
        if (error != 0)
            return error;
        window->at += size + 1;
    }
}

/* The table that the rows are shown in gets ready for them. */
static int find_table(struct dump_reader *reader, struct copy *copy, const char *database,
                      const char *name, struct failure *failure)
{
    struct dump_table *named = dump_table_find(reader, database, name);

    copy->named = named;
    copy->table = named != NULL ? dump_table_whole(named) : NULL;
    if (named == NULL)
        return dump_note_unknown(reader, database, name);
    if (copy->table == NULL)
        return 0;
    dump_note_unannounced(reader, named);
    named->seen = copy->table->seen = true;
    return copy->table->begun ? 0 : dump_table_tell(reader, copy->table, failure);
}

int dump_copy(struct dump_reader *reader, struct failure *failure)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);
    struct sql_lexer ahead = lexer;
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    struct copy copy = {.count = 0};

    if (!dump_copies_from(&ahead))
        return 0;
    sql_next(&lexer);
    if (!sql_accept(&ahead, "stdin"))
        return dump_note_file(reader, &lexer);

    /* WITH CSV, NULL AS '' and the like: pg_dump never says so. */
    bool plain = sql_next(&ahead).type == SQL_END;

    int error = dump_take_name(&lexer, &database, &name);

    if (error == 0)
        error = find_table(reader, &copy, database, name, failure);
    if (error == 0 && copy.table != NULL)
        error = take_columns(&lexer, &copy);
    if (error == 0 && copy.table != NULL)
        error = dump_reserve_cells(
            reader, copy.table->column_count > copy.count ? copy.table->column_count : copy.count);
    if (error == -EILSEQ || (error == 0 && !plain)) {
        error = fail(reader, &copy,
                     plain ? "the columns of COPY are not those"
                           : "COPY is followed by rows in a form that crmfs does not read, those");
        copy.count = 0;
    }
    /* The end of the statement's line. */
    if (error == 0)
        error = dump_read_line(reader, failure);
    copy.windows = error == 0 && strcmp((const char *)reader->statement.data, "\r") == 0;
    if (error == 0)
        error = take_lines(reader, &copy, failure);
    free(copy.places);
    free((void *)copy.types);
    return error;
}
