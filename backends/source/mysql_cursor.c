/* SPDX-License-Identifier: MIT */
/*
 * Rows, straight from the connection. A cursor reads its range with one query (by
 * pieces: with one a page), and what is past it in pages that grow: its caller wants
 * the rows up to the next boundary, which are few, and what has been asked for has to
 * be taken off the connection before anything else can be asked.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/mysql_internal.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"
#include "fs/base/number_text.h"

#define WHOLE_DIGITS 15 /* from as many on, one of us writes an exponent */
#define PAST_ROWS 1024
#define PAST_ROWS_MOST 65536
#define PAGE_BYTES ((uint64_t)4 << 20)
#define PAGE_ROWS_LEAST 16
#define PAGE_ROWS_MOST 20000
#define KEY_LIMIT ((size_t)1 << 20)
#define SAVED_LIMIT ((size_t)1 << 30)
#define PIECE_LIMIT ((size_t)8 << 20)

int mysql_cursor_fail(struct mysql_cursor *cursor, struct failure *failure)
{
    struct mysql_source *source = cursor->dataset->source;
    const struct schema *schema = cursor->table->schema;

    cursor->error = mysql_link_failure(source, cursor->link, schema->name, failure);
    /* A view is what its tables make of it: that it cannot be shown is no change. */
    if (cursor->error == -ESTALE && schema->kind == RELATION_VIEW) {
        cursor->error = -EIO;
        if (failure != NULL)
            failure->code = EIO;
    }
    return cursor->error;
}

static int no_memory(struct mysql_cursor *cursor, struct failure *failure)
{
    cursor->error = failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    return cursor->error;
}

/* --- cells -------------------------------------------------------------------------------------
 */

static struct cell bits_cell(const char *bytes, unsigned long length, char *number)
{
    uint64_t value = 0;

    for (unsigned long i = 0; i < length && i < sizeof value; i++)
        value = value << 8 | (uint8_t)bytes[i];
    if (value <= INT64_MAX)
        return (struct cell){CELL_NUMBER, integer_text((int64_t)value, number), number};
    return (struct cell){CELL_NUMBER, unsigned_text(value, number), number};
}

/*
 * The servers write a double in the fewest digits, as we do; where neither writes an
 * exponent, theirs are taken over.
 */
static struct cell double_cell(const char *text, unsigned long length, char *number)
{
    size_t start = text[0] == '-';
    size_t whole = start + strspn(text + start, "0123456789");
    bool is_small = strncmp(text + start, "0.0", 3) == 0;
    bool is_filled = text[start] == '0' && whole - start > 1; /* ZEROFILL */

    if (whole > start && whole - start < WHOLE_DIGITS && !is_small && !is_filled &&
        text[whole] == '.' && whole + 1 + strspn(text + whole + 1, "0123456789") == length)
        return (struct cell){CELL_NUMBER, length, text};
    return (struct cell){CELL_NUMBER, double_text(strtod(text, NULL), number), number};
}

static inline struct cell make_cell(enum mysql_reading reading, const char *text,
                                    unsigned long length, char *number)
{
    if (text == NULL)
        return (struct cell){.class = CELL_NULL};
    switch (reading) {
    case READ_NUMBER: return (struct cell){CELL_NUMBER, length, text};
    case READ_BYTES: return (struct cell){CELL_BYTES, length, text};
    case READ_BITS: return bits_cell(text, length, number);
    case READ_DOUBLE: return double_cell(text, length, number);
    case READ_FLOAT:
        return (struct cell){CELL_NUMBER, float_text((float)strtod(text, NULL), number), number};
    case READ_TEXT: break;
    }
    return (struct cell){CELL_TEXT, length, text};
}

void mysql_fill_cells(struct mysql_cursor *cursor, char *const *row, const unsigned long *lengths)
{
    size_t count = cursor->table->schema->column_count;
    const struct mysql_column *columns = cursor->table->columns;

    for (size_t i = 0; i < count; i++)
        cursor->cells[i] = make_cell(columns[i].reading, row[i], lengths[i], cursor->numbers[i]);
}

/* --- queries -----------------------------------------------------------------------------------
 */

static uint64_t page_rows(const struct mysql_cursor *cursor)
{
    const struct mysql_table *table = cursor->table;
    uint64_t row_bytes = table->rows != 0 ? table->bytes / table->rows + 1 : PAGE_BYTES;
    uint64_t rows = PAGE_BYTES / row_bytes;

    return rows < PAGE_ROWS_LEAST ? PAGE_ROWS_LEAST : rows > PAGE_ROWS_MOST ? PAGE_ROWS_MOST : rows;
}

/* What the next query reads. */
static struct mysql_part next_part(struct mysql_cursor *cursor)
{
    struct mysql_part part = {.from = cursor->from, .below = cursor->below};

    if (cursor->past) {
        cursor->page_rows = cursor->page_rows == 0                   ? PAST_ROWS
                            : cursor->page_rows * 2 > PAST_ROWS_MOST ? PAST_ROWS_MOST
                                                                     : cursor->page_rows * 2;
        part = (struct mysql_part){.from = cursor->below, .offset = cursor->past_done};
    } else if (cursor->by_pieces) {
        cursor->page_rows = page_rows(cursor);
    }
    if (cursor->by_pieces && cursor->key.size != 0) {
        part.last = &cursor->key;
        part.offset = 0;
    }
    part.limit = cursor->page_rows;
    return part;
}

/*
 * The catalogue has only the columns that the user may read. A table without the others, which
 * somebody would take for all of it, is not shown: the server says what is lacking.
 */
static int check_columns(struct mysql_cursor *cursor, struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    MYSQL *handle = cursor->link->handle;
    MYSQL_RES *rows = NULL;

    if (cursor->admitted)
        return 0;
    if (buffer_append_text(&text, "SELECT * FROM ") != 0 ||
        mysql_add_name(&text, cursor->table->schema->name) != 0 ||
        buffer_append_text(&text, " LIMIT 0") != 0)
        return no_memory(cursor, failure);
    mysql_link_wait_begins(cursor->link);
    if (mysql_real_query(handle, (const char *)text.data, text.size) == 0)
        rows = mysql_store_result(handle);
    mysql_link_wait_ends(cursor->link);
    if (rows == NULL)
        return mysql_cursor_fail(cursor, failure);
    mysql_free_result(rows);
    cursor->admitted = true;
    return 0;
}

static int start_query(struct mysql_cursor *cursor, struct failure *failure)
{
    cleanup_buffer struct buffer text = BUFFER(MYSQL_STATEMENT_LIMIT);
    struct mysql_part part = next_part(cursor);

    if (check_columns(cursor, failure) != 0)
        return cursor->error;
    if (mysql_write_query(cursor->table, cursor->by_pieces, &part, &text) != 0)
        return no_memory(cursor, failure);
    cursor->page_done = 0;
    mysql_link_wait_begins(cursor->link);
    if (mysql_real_query(cursor->link->handle, (const char *)text.data, text.size) == 0)
        cursor->rows = mysql_use_result(cursor->link->handle);
    mysql_link_wait_ends(cursor->link);
    if (cursor->rows == NULL)
        return mysql_cursor_fail(cursor, failure);
    if (mysql_num_fields(cursor->rows) < cursor->table->schema->column_count) {
        cursor->error = failure_set(failure, ESTALE, "table %s is not any more as it was",
                                    cursor->table->schema->name);
        return cursor->error;
    }
    return 0;
}

/* Whether one of ROWS says of the table what the catalogue did. */
static bool has_same(struct mysql_cursor *cursor, MYSQL_RES *rows)
{
    struct mysql_source *source = cursor->dataset->source;
    const struct mysql_table *table = cursor->table;
    cleanup_free char *made = NULL;
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(rows)) != NULL && made == NULL) {
        if (row[1] != NULL && strcmp(row[0], table->schema->name) == 0)
            made = strdup(row[1]);
    }
    return mysql_number_table(source, cursor->link, source->database, table->schema->name, &made,
                              NULL) == 0 &&
           made != NULL && strcmp(made, table->made) == 0;
}

/*
 * A snapshot protects rows, not tables: one that has been given the table's name since, as tools
 * that alter tables do it, has rows in it that were never the table's. While our transaction has
 * read from a table, nobody can do that, so it is looked at once a query has ended. Of
 * ARCHIVE tables the server says it only while it has them open.
 */
static int check_table(struct mysql_cursor *cursor, struct failure *failure)
{
    struct mysql_source *source = cursor->dataset->source;
    cleanup_rows MYSQL_RES *rows = NULL;
    const struct mysql_table *table = cursor->table;
    const char *name = table->schema->name;

    if (cursor->checked)
        return 0;
    if (table->schema->kind == RELATION_VIEW) {
        cursor->error = mysql_check_view(source, cursor->link, table, failure);
        cursor->checked = cursor->error == 0;
        return cursor->error;
    }
    if (table->made == NULL || ascii_equal(table->engine, "ARCHIVE"))
        return 0;
    cursor->error = mysql_ask_about(source, cursor->link, "TABLE_NAME, CREATE_TIME", "TABLES",
                                    source->database, name, &rows, failure);
    if (cursor->error == 0 && !has_same(cursor, rows))
        cursor->error = failure_set(failure, ESTALE,
                                    "table %s was altered, or another one has been given its name, "
                                    "since the folder was read",
                                    name);
    cursor->checked = cursor->error == 0;
    return cursor->error;
}

/* A query has given all its rows. Whether there is another one to make. */
static bool more_to_ask(struct mysql_cursor *cursor)
{
    bool full = cursor->page_rows != 0 && cursor->page_done == cursor->page_rows;

    mysql_free_result(cursor->rows);
    cursor->rows = NULL;
    if (full)
        return true;
    if (cursor->past || cursor->below == NULL) {
        cursor->ended = true;
        return false;
    }
    cursor->past = true;
    cursor->page_rows = 0;
    buffer_clear(&cursor->key);
    return true;
}

static int give_row(struct mysql_cursor *cursor, MYSQL_ROW row, const struct row **ret_row,
                    struct failure *failure)
{
    unsigned long *lengths = mysql_fetch_lengths(cursor->rows);
    int large = 0;

    cursor->page_done++;
    cursor->past_done += cursor->past;
    if (cursor->by_pieces) {
        large = mysql_keep_large_row(cursor, row, lengths, failure);
        if (large < 0)
            return cursor->error = large;
    }
    if (large == 0)
        mysql_fill_cells(cursor, row, lengths);
    cursor->row.past_range = cursor->past;
    *ret_row = &cursor->row;
    return 1;
}

static int next(struct cursor *base, const struct row **ret_row, struct failure *failure)
{
    struct mysql_cursor *cursor = (struct mysql_cursor *)base;

    while (cursor->error == 0 && !cursor->ended) {
        if (cursor->rows == NULL && start_query(cursor, failure) != 0)
            break;

        mysql_link_wait_begins(cursor->link);

        MYSQL_ROW row = mysql_fetch_row(cursor->rows);

        mysql_link_wait_ends(cursor->link);
        if (row != NULL)
            return give_row(cursor, row, ret_row, failure);
        /* Also a lost connection ends a result; only that has an error. */
        if (mysql_errno(cursor->link->handle) != 0) {
            mysql_cursor_fail(cursor, failure);
            break;
        }

        bool more = more_to_ask(cursor);

        if (check_table(cursor, failure) != 0 || !more)
            break;
    }
    return cursor->error;
}

/* --- opening and closing -----------------------------------------------------------------------
 */

/* Ends a query that still has rows to give, so that its transaction goes on. */
static void stop_query(struct mysql_cursor *cursor)
{
    struct mysql_source *source = cursor->dataset->source;

    if (mysql_is_cancelled(source) || mysql_link_interrupt(source, cursor->link) != 0)
        cursor->link->broken = true;
}

static void close_cursor(struct cursor *base)
{
    struct mysql_cursor *cursor = (struct mysql_cursor *)base;
    struct mysql_link *link = cursor->link;

    if (cursor->rows != NULL) {
        if (!link->broken && cursor->page_rows == 0) {
            stop_query(cursor);
            mysql_free_result(cursor->rows);
            /* The end may have come before the kill, which then meets this. */
            if (!link->broken)
                mysql_do(cursor->dataset->source, link, NULL, "DO 0");
        } else {
            mysql_free_result(cursor->rows);
        }
    }
    mysql_link_unbind(cursor->dataset->source, link);
    if (!link->broken && __atomic_load_n(&link->ended, __ATOMIC_RELAXED) != 0)
        mysql_do(cursor->dataset->source, link, NULL, "DO 0"); /* which a late kill meets */
    /* Whoever wants to alter the table need not wait for the whole folder to be read. */
    if (!link->broken)
        mysql_do(cursor->dataset->source, link, NULL, "ROLLBACK TO SAVEPOINT crmfs");
    mysql_dataset_give_back(cursor->dataset, link);
    buffer_release(&cursor->key);
    buffer_release(&cursor->saved);
    buffer_release(&cursor->piece);
    free(cursor->cells);
    free(cursor->numbers);
    free(cursor);
}

static const struct cursor_class class = {next, mysql_read_cell, close_cursor};

static const char *boundary(const struct mysql_table *table, const struct range_plan *plan,
                            size_t range)
{
    return range == 0 || range >= plan->count ? NULL : table->boundaries[plan->starts[range] - 1];
}

int mysql_open_cursor(struct dataset *base, size_t index, const struct range_plan *plan,
                      size_t range, struct cursor **ret_cursor, struct failure *failure)
{
    struct mysql_dataset *dataset = (struct mysql_dataset *)base;
    const struct mysql_table *table = &dataset->catalogue.tables[index];
    size_t count = table->schema->column_count;
    struct mysql_cursor *cursor = calloc(1, sizeof *cursor);
    int error = 0;

    if (cursor == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    cursor->cursor.class = &class;
    cursor->dataset = dataset;
    cursor->table = table;
    cursor->by_pieces = table->has_long && table->by_key;
    cursor->from = boundary(table, plan, range);
    cursor->below = boundary(table, plan, range + 1);
    cursor->key = BUFFER(KEY_LIMIT);
    cursor->saved = BUFFER(SAVED_LIMIT);
    cursor->piece = BUFFER(PIECE_LIMIT);
    cursor->cells = allocate_array(count, sizeof *cursor->cells);
    cursor->numbers = allocate_array(count, sizeof *cursor->numbers);
    cursor->row.cells = cursor->cells;
    if (cursor->cells == NULL || cursor->numbers == NULL)
        error = failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    else if (count == 0)
        error = failure_set(failure, EIO,
                            "table %s: the server does not tell its columns; is it a view that "
                            "does not fit its tables any more, or may its definer not read them?",
                            table->schema->name);
    if (error == 0)
        error = mysql_dataset_take(dataset, &cursor->link, failure);
    if (error != 0) {
        free(cursor->cells);
        free(cursor->numbers);
        free(cursor);
        return error;
    }
    *ret_cursor = &cursor->cursor;
    return 0;
}
