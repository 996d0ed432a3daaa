/* SPDX-License-Identifier: MIT */
/*
 * A file of rows as mysqldump --tab writes it, with INTO OUTFILE, where no statement says how:
 * fields between tabs, with escapes, texts in their columns' character sets, or, where the program
 * was told one, in that: as the user says, else as the SET NAMES beside it does; but utf8 stands
 * there in either case.
 *
 * --fields-enclosed-by and --lines-terminated-by are told by how the first rows look: quotes, where
 * they stand around each text that is not NULL, a return before each line's end. Where that may be
 * text as well the user is told. Another escape than a backslash is refused.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited.h"
#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/memory.h"

#define LOOK_BYTES ((size_t)64 << 10)

/* All columns, or all but the generated ones. */
static void choose_columns(const struct dump_table *table, bool generated, struct dump_load *load)
{
    load->count = 0;
    for (size_t i = 0; i < table->column_count; i++) {
        if (generated || !table->columns[i].generated)
            load->columns[load->count++] = i;
    }
}

/*
 * The first row, read so: 1 and its size, -EILSEQ: it makes no sense, 0: it ends nowhere; -errno.
 * A line feed in a text is escaped, and the first that is not is there, so that more is needed only
 * where a return has to stand before it.
 */
static int first_row(struct dump_reader *reader, const struct dump_load *load, size_t *ret_size,
                     struct failure *failure)
{
    const struct byte_window *window = &reader->window;
    int got = 0;
    int more = 1;

    while (more > 0 && got == 0) {
        got = window->at < window->end ? dump_load_row(reader, load, ret_size) : 0;
        if (got == 0)
            more = load->returns ? byte_window_more(&reader->window, failure) : 0;
    }
    return more < 0 && more != -EFBIG ? more : got;
}

/* Whether the first row has no field for each of the columns. 1, 0 or -errno. */
static int lacks_columns(struct dump_reader *reader, const struct dump_load *load,
                         struct failure *failure)
{
    size_t size;
    int got = first_row(reader, load, &size, failure);

    return got < 0 && got != -EILSEQ ? got : got == -EILSEQ;
}

/* --- how the first rows look --------------------------------------------------------------- */

/* What the first rows hold, read in one manner. */
struct look {
    bool fits;        /* there are some, and they have the fields that they should have */
    bool sure_return; /* NULL or a number stands before a line's end */
    size_t quoted;    /* fields */
    bool sure_quotes; /* … one of which could not stand without */
    bool bare;        /* a text without quotes */
    bool mixed;       /* a column with quotes and without */
};

static bool is_number(const struct dump_column *column)
{
    enum column_type type = column->type.type;

    return type == COLUMN_INTEGER || type == COLUMN_DECIMAL || type == COLUMN_FLOAT;
}

static bool is_text(const struct dump_column *column)
{
    enum column_type type = column->type.type;

    return type == COLUMN_TEXT || type == COLUMN_BYTES || type == COLUMN_JSON;
}

/* QUOTED: for each field, a bit for quotes and one for none. */
static void look_at_field(const struct dump_load *load, const struct dump_column *column,
                          const uint8_t *base, const struct dump_literal *field, uint8_t *quoted,
                          struct look *look)
{
    bool has_quotes = load->quote != DUMP_NO_QUOTE && field->at != 0 &&
                      base[field->at - 1] == load->quote && field->type != LITERAL_NULL;
    const uint8_t escaped[] = {'\\', load->quote};

    if (field->type == LITERAL_NULL)
        return;
    *quoted |= has_quotes ? 2 : 1;
    look->quoted += has_quotes;
    look->bare = look->bare || (!has_quotes && is_text(column));
    look->mixed = look->mixed || *quoted == 3;
    if (has_quotes && (is_number(column) ||
                       memmem(base + field->at, field->size, escaped, sizeof escaped) != NULL))
        look->sure_quotes = true;
}

static void look_at_row(struct dump_reader *reader, const struct dump_table *table,
                        const struct dump_load *load, uint8_t *quoted, struct look *look)
{
    const uint8_t *base = reader->window.data + reader->window.at;

    for (size_t i = 0; i < load->count; i++) {
        const struct dump_column *column = &table->columns[load->columns[i]];
        const struct dump_literal *field = &reader->literals[i];

        look_at_field(load, column, base, field, &quoted[i], look);
        if (i + 1 == load->count && (field->type == LITERAL_NULL || is_number(column)))
            look->sure_return = true;
    }
}

/*
 * Reads the first row, and others that are whole within what is looked at, and leaves the window
 * where it is. A line feed in what is left over would have ended a row, but for returns before it.
 */
static int look_at_rows(struct dump_reader *reader, const struct dump_table *table,
                        const struct dump_load *load, struct look *ret_look,
                        struct failure *failure)
{
    struct byte_window *window = &reader->window;
    cleanup_free uint8_t *quoted = allocate_array(load->count + 1, sizeof *quoted);
    struct look look = {.fits = false};
    size_t size = 0;

    if (quoted == NULL)
        return -ENOMEM;

    int got = first_row(reader, load, &size, failure);

    if (got < 0 && got != -EILSEQ)
        return got;

    size_t at = window->at;
    size_t end = window->end;
    size_t looked_at = size > LOOK_BYTES ? size : LOOK_BYTES;

    window->end = end - at > looked_at ? at + looked_at : end;
    while (got > 0) {
        look_at_row(reader, table, load, quoted, &look);
        look.fits = true;
        window->at += size;
        got = window->at < window->end ? dump_load_row(reader, load, &size) : 0;
    }
    if (got < 0 || (load->returns &&
                    memchr(window->data + window->at, '\n', window->end - window->at) != NULL))
        look.fits = false;
    window->at = at;
    window->end = end;
    *ret_look = look;
    return 0;
}

/* --- what is made of that ------------------------------------------------------------------ */

static void tell(const struct dump_reader *reader, const char *words)
{
    struct failure why;

    failure_set(&why, ENOTUNIQ, "%.300s: %s", reader->place, words);
    reader->taker->class->trouble(reader->taker, &why);
}

/* The first line feed that is not escaped; window->end: there is none. */
static size_t first_feed(const struct byte_window *window)
{
    size_t i = window->at;

    while (i < window->end && window->data[i] != '\n')
        i += window->data[i] == '\\' ? 2 : 1;
    return i < window->end ? i : window->end;
}

/* More until there is one: at the end of the first row, or before. */
static int want_feed(struct byte_window *window, struct failure *failure)
{
    int got = 1;

    while (got > 0 && first_feed(window) == window->end)
        got = byte_window_more(window, failure);
    return got < 0 && got != -EFBIG ? got : 0;
}

/* Whether a return stands before it. */
static bool may_have_returns(const struct byte_window *window)
{
    size_t feed = first_feed(window);

    return feed < window->end && feed > window->at && window->data[feed - 1] == '\r';
}

static int detect_returns(struct dump_reader *reader, const struct dump_table *table,
                          const struct dialect_wish *wish, struct dump_load *load,
                          struct failure *failure)
{
    struct look look = {.fits = false};
    int error;

    if (wish != NULL && wish->line_end_given) {
        load->returns = wish->dialect.signs.line_end == LINE_END_RETURN_FEED;
        return 0;
    }
    if (load->returns || !may_have_returns(&reader->window))
        return 0;
    load->returns = true;
    error = look_at_rows(reader, table, load, &look, failure);
    load->returns = error == 0 && look.fits;
    if (load->returns && !look.sure_return && load->quote == DUMP_NO_QUOTE)
        tell(reader, "each row ends in a return, which is taken to be of the line's end "
                     "(--lines-terminated-by) and not of the last text: say line-end=crlf in the "
                     "archive's URL, or line-end=lf");
    return error;
}

/* Quotes are some where each text has them that is not NULL, and each column always or never. */
static int try_quote(struct dump_reader *reader, const struct dump_table *table,
                     const struct dialect_wish *wish, struct dump_load *load, bool *ret_taken,
                     struct failure *failure)
{
    struct look look;
    int error = look_at_rows(reader, table, load, &look, failure);

    if (error == 0 && !look.fits) {
        error = detect_returns(reader, table, wish, load, failure);
        if (error == 0 && load->returns)
            error = look_at_rows(reader, table, load, &look, failure);
    }
    *ret_taken = error == 0 && look.fits && look.quoted != 0 && !look.bare && !look.mixed;
    if (*ret_taken && !look.sure_quotes)
        tell(reader, "each text stands in quotes, which are taken to be the file's own "
                     "(--fields-enclosed-by) and not the texts': say quote=%22 in the archive's "
                     "URL, or quote=none");
    return error;
}

static int detect_quote(struct dump_reader *reader, const struct dump_table *table,
                        const struct dialect_wish *wish, struct dump_load *load,
                        struct failure *failure)
{
    bool taken = false;
    int error;

    if (wish != NULL && wish->quote_given) {
        load->quote = wish->dialect.signs.quote != 0 ? wish->dialect.signs.quote : DUMP_NO_QUOTE;
        return 0;
    }
    load->quote = '"';
    error = try_quote(reader, table, wish, load, &taken, failure);
    if (!taken) {
        load->quote = DUMP_NO_QUOTE;
        load->returns = false;
    }
    return error;
}

/* *ret_fits: the rows are so. */
static int detect_manner(struct dump_reader *reader, const struct dump_table *table,
                         const struct dialect_wish *wish, struct dump_load *load, bool *ret_fits,
                         struct failure *failure)
{
    struct look look = {.fits = false};
    int error = detect_quote(reader, table, wish, load, failure);

    if (error == 0)
        error = detect_returns(reader, table, wish, load, failure);
    if (error == 0)
        error = look_at_rows(reader, table, load, &look, failure);
    *ret_fits = look.fits;
    return error;
}

/* The manner, and which columns there are: MySQL's leaves out what is generated, MariaDB's does
 * not. */
static int detect(struct dump_reader *reader, const struct dump_table *table,
                  const struct dialect_wish *wish, struct dump_load *load, struct failure *failure)
{
    bool fits = false;
    int lacks = 0;
    int error = byte_window_want(&reader->window, LOOK_BYTES, failure);

    error = error == -EFBIG ? 0 : error;
    if (error == 0)
        error = want_feed(&reader->window, failure);
    choose_columns(table, true, load);
    if (error == 0)
        error = detect_manner(reader, table, wish, load, &fits, failure);
    if (error == 0 && !fits) {
        lacks = lacks_columns(reader, load, failure);
        error = lacks < 0 ? lacks : 0;
    }
    if (error != 0 || !lacks)
        return error;
    choose_columns(table, false, load);
    return detect_manner(reader, table, wish, load, &fits, failure);
}

int dump_load_as_tab(struct dump_reader *reader, struct dump_table *table,
                     const struct dialect_wish *wish, struct failure *failure)
{
    struct dump_load *load;
    int error = dump_reserve_cells(reader, table->column_count);

    if (wish != NULL && wish->escape_given && wish->dialect.signs.escape != '\\')
        return dump_table_fail(reader, table,
                               "the rows of table %s, of mysqldump --tab, are said to have another "
                               "escape than a backslash, which crmfs does not read: load them, and "
                               "mount the database",
                               table->name);
    load = calloc(1, sizeof *load);
    if (load == NULL)
        return -ENOMEM;
    reader->guesses_set = reader->wish == NULL && reader->named == NULL;
    *load = (struct dump_load){
        .terminator = wish != NULL && wish->delimiter_given ? wish->dialect.signs.delimiter : '\t',
        .tab = true,
        .escape_known = wish != NULL && wish->escape_given,
        .own_bytes = reader->guesses_set,
        .charset = reader->wish != NULL ? dump_charset_wished(reader) : reader->named,
        .columns = allocate_array(table->column_count, sizeof *load->columns),
        .hex = allocate_array(table->column_count, sizeof *load->hex),
        .said = 1,
    };
    if (load->columns == NULL || load->hex == NULL)
        error = -ENOMEM;
    dump_load_set(reader, load);
    if (error == 0)
        error = detect(reader, table, wish, load, failure);
    if (error != 0) {
        dump_load_free(load);
        return error;
    }
    dump_load_free(table->load);
    table->load = load;
    return 0;
}

/* --- another escape ------------------------------------------------------------------------ */

/* What NULL is with another escape than a backslash, or with none. */
static bool is_odd_null(const uint8_t *text, size_t size)
{
    return (size == 2 && text[1] == 'N' && text[0] < 0x80 && ispunct(text[0]) && text[0] != '\\') ||
           (size == 4 && memcmp(text, "NULL", 4) == 0);
}

int dump_tab_check(struct dump_reader *reader, struct dump_table *table, const uint8_t *base)
{
    struct dump_load *load = table->load;

    for (size_t i = 0; i < load->count; i++) {
        const struct dump_literal *field = &reader->literals[i];
        const char *text = (const char *)base + field->at;

        if (field->type == LITERAL_NULL || !is_odd_null(base + field->at, field->size) ||
            (field->at != 0 && load->quote != DUMP_NO_QUOTE && text[-1] == (char)load->quote))
            continue;
        if (!is_text(&table->columns[load->columns[i]]))
            return dump_table_fail(reader, table,
                                   "a row of table %s has %.*s where \\N stands for NULL: the file "
                                   "was written with another escape than a backslash "
                                   "(--fields-escaped-by), which crmfs does not read: load it, and "
                                   "mount the database",
                                   table->name, (int)field->size, text);
        if (!load->tab_told && !load->escape_known)
            tell(reader, "a text is what NULL is where another escape than a backslash, or none, "
                         "was asked for (--fields-escaped-by): if it was, crmfs reads the file "
                         "wrongly: say escape=none in the archive's URL, else escape=%5C");
        load->tab_told = true;
    }
    return 0;
}
