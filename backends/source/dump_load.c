/* SPDX-License-Identifier: MIT */
/*
 * Rows in files of their own, as mydumper --load-data and --csv write them beside
 *
 *   LOAD DATA LOCAL INFILE 'crm.t.00000.dat' INTO TABLE `t` CHARACTER SET binary
 *     FIELDS TERMINATED BY '\t' ENCLOSED BY '' ESCAPED BY '\\' LINES STARTING BY ''
 *     TERMINATED BY '\n' (`id`,@doc) SET `doc`=CONVERT(@doc USING UTF8MB4);
 *
 * The statements are read first: they say how the files of a table are written. What is said
 * otherwise than so fails its table.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/dump_damage.h"
#include "backends/source/dump_internal.h"
#include "backends/source/dump_rows.h"
#include "fs/base/memory.h"

void dump_load_free(struct dump_load *load)
{
    if (load == NULL)
        return;
    free(load->columns);
    free(load->hex);
    free(load);
}

/* --- the statement ------------------------------------------------------------------------ */

/* A string of at most one byte, which is what *ret_byte becomes. 0, -EILSEQ, -ENOMEM. */
static int take_sign(struct sql_lexer *lexer, uint8_t *ret_byte)
{
    struct sql_token token = sql_next(lexer);
    cleanup_free char *text = token.type == SQL_STRING ? sql_text(lexer, &token) : NULL;

    if (text == NULL)
        return token.type == SQL_STRING ? -ENOMEM : -EILSEQ;
    *ret_byte = (uint8_t)text[0];
    return text[0] == '\0' || text[1] == '\0' ? 0 : -EILSEQ;
}

static int take_fields(struct sql_lexer *lexer, struct dump_load *load)
{
    uint8_t escape = '\\';
    int error = 0;

    while (error == 0) {
        if (sql_accept(lexer, "TERMINATED") && sql_accept(lexer, "BY"))
            error = take_sign(lexer, &load->terminator);
        else if ((sql_accept(lexer, "OPTIONALLY"), sql_accept(lexer, "ENCLOSED")) &&
                 sql_accept(lexer, "BY"))
            error = take_sign(lexer, &load->quote);
        else if (sql_accept(lexer, "ESCAPED") && sql_accept(lexer, "BY"))
            error = take_sign(lexer, &escape);
        else
            break;
    }
    return error == 0 && (escape != '\\' || load->terminator == '\0') ? -EILSEQ : error;
}

static int take_lines(struct sql_lexer *lexer)
{
    uint8_t start = '\0';
    uint8_t end = '\n';
    int error = 0;

    while (error == 0) {
        if (sql_accept(lexer, "STARTING") && sql_accept(lexer, "BY"))
            error = take_sign(lexer, &start);
        else if (sql_accept(lexer, "TERMINATED") && sql_accept(lexer, "BY"))
            error = take_sign(lexer, &end);
        else
            break;
    }
    return error == 0 && (start != '\0' || end != '\n') ? -EILSEQ : error;
}

static int take_charset(struct sql_lexer *lexer, struct dump_load *load)
{
    struct sql_token token = sql_next(lexer);
    cleanup_free char *name = sql_text(lexer, &token);

    if (name == NULL)
        return -ENOMEM;
    load->charset = dump_charset_find(SQL_MYSQL, name);
    load->own_bytes = strcasecmp(name, "binary") == 0;
    return 0;
}

/* The next name of TABLE's columns, in or without quotes; -EILSEQ: it is none. */
static int take_column(struct sql_lexer *lexer, const struct dump_table *table, size_t *ret_column)
{
    struct sql_token token = sql_next(lexer);
    cleanup_free char *name = token.type != SQL_END ? sql_text(lexer, &token) : NULL;
    ssize_t column = name != NULL ? dump_table_column(table, name) : -1;

    if (token.type != SQL_END && name == NULL)
        return -ENOMEM;
    *ret_column = (size_t)column;
    return column >= 0 ? 0 : -EILSEQ;
}

/* "(`id`,@doc)": a variable has its column's name. */
static int take_columns(struct sql_lexer *lexer, const struct dump_table *table,
                        struct dump_load *load)
{
    int error = 0;

    load->columns = allocate_array(table->column_count, sizeof *load->columns);
    load->hex = allocate_array(table->column_count, sizeof *load->hex);
    if (load->columns == NULL || load->hex == NULL)
        return -ENOMEM;
    if (!sql_accept(lexer, "("))
        return -EILSEQ;
    do {
        sql_accept(lexer, "@");
        error = load->count < table->column_count
                    ? take_column(lexer, table, &load->columns[load->count++])
                    : -EILSEQ;
    } while (error == 0 && sql_accept(lexer, ","));
    return error == 0 && !sql_accept(lexer, ")") ? -EILSEQ : error;
}

/* "`doc`=CONVERT(@doc USING UTF8MB4)" changes nothing; "`data`=UNHEX(@data)" does. */
static int take_settings(struct sql_lexer *lexer, const struct dump_table *table,
                         struct dump_load *load)
{
    int error = 0;

    do {
        size_t column = 0;
        bool hex;

        error = take_column(lexer, table, &column);
        if (error != 0 || !sql_accept(lexer, "="))
            return error != 0 ? error : -EILSEQ;
        hex = sql_accept(lexer, "UNHEX");
        if ((!hex && !sql_accept(lexer, "CONVERT")) || !sql_accept(lexer, "("))
            return -EILSEQ;
        sql_skip_parentheses(lexer);
        for (size_t i = 0; i < load->count; i++)
            load->hex[i] = load->hex[i] || (hex && load->columns[i] == column);
    } while (sql_accept(lexer, ","));
    return 0;
}

/* Behind the table's name. */
static int take_manner(struct dump_reader *reader, struct sql_lexer *lexer,
                       const struct dump_table *table, struct dump_load *load)
{
    int error = 0;

    load->terminator = '\t';
    load->own_bytes = reader->own_bytes;
    load->charset = reader->charset;
    if (sql_accept(lexer, "CHARACTER") && sql_accept(lexer, "SET"))
        error = take_charset(lexer, load);
    if (error == 0 && (sql_accept(lexer, "FIELDS") || sql_accept(lexer, "COLUMNS")))
        error = take_fields(lexer, load);
    if (error == 0 && sql_accept(lexer, "LINES"))
        error = take_lines(lexer);
    if (error == 0)
        error = take_columns(lexer, table, load);
    if (error == 0 && sql_accept(lexer, "SET"))
        error = take_settings(lexer, table, load);
    return error == 0 && sql_next(lexer).type != SQL_END ? -EILSEQ : error;
}

static bool is_alike(const struct dump_load *one, const struct dump_load *other)
{
    return one->terminator == other->terminator && one->quote == other->quote &&
           one->own_bytes == other->own_bytes && one->charset == other->charset &&
           one->count == other->count &&
           memcmp(one->columns, other->columns, one->count * sizeof *one->columns) == 0 &&
           memcmp(one->hex, other->hex, one->count * sizeof *one->hex) == 0;
}

int dump_load_statement(struct dump_reader *reader)
{
    struct sql_lexer lexer = dump_statement_lexer(reader);
    cleanup_free char *database = NULL;
    cleanup_free char *name = NULL;
    struct sql_token token;

    do
        token = sql_next(&lexer);
    while (token.type != SQL_END && !sql_is(&token, "TABLE"));

    int error = dump_take_name(&lexer, &database, &name);
    struct dump_table *table = error == 0 ? dump_table_find(reader, database, name) : NULL;

    if (table == NULL)
        return error == -ENOMEM ? error : 0;

    struct dump_load *load = calloc(1, sizeof *load);

    error = load != NULL ? take_manner(reader, &lexer, table, load) : -ENOMEM;
    if (error == 0 && table->load != NULL && !is_alike(load, table->load))
        error = -EILSEQ;
    if (error != 0 || table->load != NULL)
        dump_load_free(load);
    else
        table->load = load;
    if (error == 0)
        table->load->said++;
    return error == -EILSEQ
               ? dump_table_fail(reader, table,
                                 "the rows of table %s are to be loaded in a way that crmfs does "
                                 "not know: load the dump, and mount the database",
                                 table->name)
               : error;
}

/* --- the rows ----------------------------------------------------------------------------- */

/* One field from AT on, of a row that begins at BASE; where it ends, NULL: it is not all there. */
static const uint8_t *take_field(const struct dump_load *load, enum sql_pairs pairs,
                                 const uint8_t *base, const uint8_t *at, const uint8_t *end,
                                 struct dump_literal *literal)
{
    bool quoted = load->quote != DUMP_NO_QUOTE && at < end && *at == load->quote;
    uint8_t line_end = load->returns ? '\r' : '\n';
    const uint8_t *start = at + quoted;
    const uint8_t *stop;
    bool escaped = false;

    for (at = start; at < end; at++) {
        if (sql_begins_pair(pairs, *at)) {
            at++;
        } else if (*at == '\\') {
            escaped = true;
            at++;
        } else if (quoted && *at == load->quote) {
            if (at + 1 >= end || at[1] != load->quote)
                break;
            escaped = true;
            at++;
        } else if (!quoted && (*at == load->terminator || *at == line_end)) {
            break;
        }
    }
    stop = at;
    at += quoted;
    if (at >= end)
        return NULL;
    *literal = (struct dump_literal){
        .type = !escaped ? LITERAL_STRING
                : quoted ? LITERAL_ESCAPED
                         : LITERAL_FIELD,
        .backslash = true,
        .quote = (char)load->quote,
        .at = (size_t)(start - base),
        .size = (size_t)(stop - start),
    };
    if (!quoted &&
        ((literal->size == 2 && memcmp(start, "\\N", 2) == 0) ||
         (load->quote != DUMP_NO_QUOTE && literal->size == 4 && memcmp(start, "NULL", 4) == 0)))
        literal->type = LITERAL_NULL;
    return at;
}

/*
 * Behind the line end at AT; NULL: there is none, BASE: it is not all there. A return within a NULL
 * is a line end's that is taken for a bare feed.
 */
static const uint8_t *end_line(const struct dump_load *load, const struct dump_literal *last,
                               const uint8_t *base, const uint8_t *at, const uint8_t *end)
{
    if (!load->returns)
        return *at != '\n' || (last->size == 3 && memcmp(base + last->at, "\\N\r", 3) == 0)
                   ? NULL
                   : at + 1;
    if (*at != '\r')
        return NULL;
    if (at + 1 == end)
        return base;
    return at[1] == '\n' ? at + 2 : NULL;
}

int dump_load_row(struct dump_reader *reader, const struct dump_load *load, size_t *ret_size)
{
    const struct byte_window *window = &reader->window;
    const uint8_t *base = window->data + window->at;
    const uint8_t *end = window->data + window->end;
    const uint8_t *at = base;

    for (size_t i = 0; i < load->count; i++) {
        struct dump_literal *literal = &reader->literals[i];

        at = take_field(load, reader->pairs, base, at, end, literal);
        if (at == NULL)
            return 0;
        if (i + 1 == load->count) {
            at = end_line(load, literal, base, at, end);
            if (at == base)
                return 0;
        } else {
            at = *at == load->terminator ? at + 1 : NULL;
        }
        if (at == NULL)
            return -EILSEQ;
        if (load->hex[i] && literal->type == LITERAL_STRING)
            literal->type = LITERAL_HEX;
    }
    *ret_size = (size_t)(at - base);
    return 1;
}

static int give_row(struct dump_reader *reader, struct dump_table *table, size_t size,
                    struct failure *failure)
{
    const struct dump_load *load = table->load;
    const uint8_t *base = reader->window.data + reader->window.at;
    int error = dump_cell_room(reader, base, size, load->count);

    if (dump_has_hole(reader, base, size))
        return dump_fail_hole(reader, table);
    if (error == 0)
        memset(reader->cells, 0, table->shown_count * sizeof *reader->cells);
    for (size_t i = 0; i < load->count && error == 0; i++) {
        size_t column = load->columns[i];

        if (table->shown[column] != SIZE_MAX)
            error = dump_make_cell(reader, &table->columns[column].type, base, &reader->literals[i],
                                   &reader->cells[table->shown[column]]);
    }
    return error != 0 ? error : dump_give_row(reader, table, failure);
}

static const char other_signs[] =
    ": if mysqldump --tab was told other signs (--fields-terminated-by, --fields-enclosed-by, "
    "--lines-terminated-by), say delimiter=%2C, quote=%22, line-end=crlf in the archive's URL";

static int take_rows(struct dump_reader *reader, struct dump_table *table, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    int error = 0;

    while (error == 0 && !table->failed) {
        size_t size = 0;
        int got = window->at < window->end ? dump_load_row(reader, table->load, &size) : 0;

        if (got > 0 && table->load->tab) {
            error = dump_tab_check(reader, table, window->data + window->at);
            if (error != 0 || table->failed)
                return error;
        }
        if (got > 0) {
            error = give_row(reader, table, size, failure);
            if (error == -EILSEQ)
                got = -EILSEQ;
            else
                window->at += size;
        }
        if (got == -EILSEQ)
            return dump_table_fail(reader, table, "a row of table %s makes no sense here%s",
                                   table->name, table->load->tab ? other_signs : "");
        if (got > 0)
            continue;

        int more = byte_window_more(window, failure);

        if (more == -EFBIG)
            return dump_fail_large_row(reader, table);
        if (more < 0)
            return more;
        if (more == 0)
            return window->at < window->end || window->error != 0 ? dump_table_cut(reader, table)
                                                                  : 0;
    }
    return error;
}

void dump_load_set(struct dump_reader *reader, const struct dump_load *load)
{
    bool paired = !load->own_bytes && load->charset != NULL;

    reader->own_bytes = load->own_bytes;
    reader->charset = load->charset;
    reader->pairs = paired ? dump_charset_pairs(load->charset) : SQL_PAIRS_NONE;
}

int dump_load_rows(struct dump_reader *reader, struct dump_table *table, struct failure *failure)
{
    struct dump_load *load = table->load;
    int error = 0;

    for (size_t i = 0; i < load->count && !table->begun; i++)
        table->columns[load->columns[i]].left_out = false;
    if (!table->begun)
        error = dump_table_tell(reader, table, failure);
    load->read++;
    table->seen = true;
    reader->last = table;
    dump_load_set(reader, load);
    if (error == 0)
        error = dump_reserve_cells(reader, table->column_count);
    return error != 0 ? error : take_rows(reader, table, failure);
}

bool dump_load_lacks(const struct dump_table *table)
{
    return table->load != NULL && table->load->read != table->load->said;
}
