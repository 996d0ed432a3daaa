/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/delimited_internal.h"
#include "fs/base/memory.h"

int delimited_fail(struct delimited *reader, const char *words)
{
    struct failure why;

    failure_set(&why, EIO, "line %llu, byte %llu of %.300s: %s",
                (unsigned long long)byte_window_line(&reader->window),
                (unsigned long long)byte_window_byte(&reader->window), reader->name, words);
    reader->failed = true;
    return reader->taker->class->fail_table(reader->taker, reader->place.table, &why);
}

int delimited_next_record(struct delimited *reader, size_t most, size_t *ret_count,
                          const uint8_t **ret_end, bool *ret_open, struct failure *failure)
{
    struct byte_window *window = &reader->window;

    for (;;) {
        const uint8_t *at = window->data + window->at;
        const uint8_t *end = window->data + window->end;

        *ret_open = false;
        if (window->at < window->end) {
            const uint8_t *behind = delimited_record(reader->signs, at, end, window->ended,
                                                     reader->fields, most, ret_count, ret_open);

            if (behind != NULL) {
                *ret_end = behind;
                return 1;
            }
        }
        if (window->ended)
            return 0;

        int more = byte_window_more(window, failure);

        if (more < 0)
            return more;
    }
}

/* An empty line among several columns is no row. */
static bool is_empty_line(const struct delimited *reader, size_t count)
{
    return count == 1 && reader->columns > 1 && reader->fields[0].size == 0 &&
           !reader->fields[0].quoted;
}

/* DOS and CP/M end a text with a ^Z. */
static bool is_end_mark(const struct delimited *reader, const uint8_t *base, size_t size)
{
    const struct byte_window *window = &reader->window;

    return size == 1 && base[0] == 0x1a && window->ended && window->error == 0 &&
           base + 1 == window->data + window->end;
}

static bool has_more_values(const struct delimited *reader, size_t count)
{
    for (size_t i = reader->columns; i < count && i < DELIMITED_COLUMNS_LIMIT; i++) {
        if (reader->fields[i].size != 0)
            return true;
    }
    return false;
}

/* The last row of a text that has no line end has less than every row before. */
static bool is_cut(const struct delimited *reader, const uint8_t *end, size_t count)
{
    const struct byte_window *window = &reader->window;

    return count < reader->columns && reader->full && !reader->ragged && window->ended &&
           end == window->data + window->end && end[-1] != '\n' && end[-1] != '\r';
}

/* The same of one that lacks fields, where that cannot be told: others do as well, or there is no
 * other. Whether the user is told. */
static bool note_cut(struct delimited *reader, const uint8_t *end)
{
    const struct byte_window *window = &reader->window;
    struct failure why;

    if (!window->ended || end != window->data + window->end || end[-1] == '\n' || end[-1] == '\r')
        return false;
    failure_set(&why, EILSEQ,
                "line %llu, byte %llu of %.300s: the last row lacks fields, and no line end is "
                "behind it: was the file cut short?",
                (unsigned long long)byte_window_line(window),
                (unsigned long long)byte_window_byte(window), reader->name);
    reader->taker->class->trouble(reader->taker, &why);
    return true;
}

static void count_short(struct delimited *reader)
{
    if (reader->short_rows == 0)
        reader->short_line = byte_window_line(&reader->window);
    reader->short_rows++;
}

/* Programs leave out what is empty at a row's end; or the row is not what it was. */
static void note_short(const struct delimited *reader)
{
    struct failure why;
    char others[48] = "";

    if (reader->short_rows == 0)
        return;
    if (reader->short_rows == 2)
        strcpy(others, ", and so does another");
    else if (reader->short_rows > 2)
        snprintf(others, sizeof others, ", and so do %zu others", reader->short_rows - 1);
    failure_set(&why, ENOTUNIQ,
                "line %llu of %.300s: this row lacks fields at its end%s: they are taken for NULL",
                (unsigned long long)reader->short_line, reader->name, others);
    reader->taker->class->trouble(reader->taker, &why);
}

/* In words: why what a quote or a backslash means is not as it was detected. NULL: it is, or the
 * user says it. */
static const char *doubt_of(const struct delimited *reader, const uint8_t *base, size_t known,
                            size_t count)
{
    const struct delimited_field *fields = reader->fields;
    struct delimited_signs signs = reader->signs;

    if (!reader->quote_known && !delimited_lacks_escape(signs, base, fields, known) &&
        delimited_has_stray_quote(signs, base, fields, known))
        return "a field goes on behind its quotes: if they are text as any other, say quote=none in "
               "the archive's URL; if not, and nothing is missing, quote=%22";
    if (reader->escape_known)
        return NULL;
    if (delimited_lacks_escape(signs, base, fields, known))
        return "a backslash stands before a quote within a field: if it takes the quote's meaning, "
               "say escape=%5C in the archive's URL, else escape=none";
    if (delimited_has_late_null(signs, base, fields, known))
        return "here is the first field that is \\N: if it stands for NULL, say escape=%5C in the "
               "archive's URL, else escape=none";
    if (delimited_has_odd_escape(signs, base, fields, known))
        return "a backslash stands where it takes no meaning from anything, as it did before: say "
               "escape=none in the archive's URL if it never does, escape=quotes if it does before "
               "quotes only, as Spark writes it, else escape=%5C";
    if (count < reader->columns && delimited_hides_sign(signs, base, fields, known))
        return "there are fewer fields than columns, and a backslash that may have hidden some: "
               "say escape=none in the archive's URL if it never takes meaning from anything, else "
               "escape=%5C";
    return NULL;
}

/*
 * Whether the record before and this one, of COUNT fields, may be one that a line end within a
 * field without quotes has torn apart: together they have that field twice.
 */
static void note_torn(struct delimited *reader, size_t count)
{
    bool torn = reader->before != 0 && reader->before <= reader->columns &&
                count < reader->columns && reader->before + count == reader->columns + 1 &&
                !reader->fields[0].quoted;
    struct failure why;

    reader->before = count;
    if (!torn || reader->torn_told)
        return;
    reader->torn_told = true;
    failure_set(
        &why, EILSEQ,
        "line %llu of %.300s: this row lacks fields, and with the one before it has as many "
        "as one that a line end in a text without quotes has torn apart: is it one? Then "
        "this and others like it are wrong, and whatever made the file has to quote texts",
        (unsigned long long)byte_window_line(&reader->window), reader->name);
    reader->taker->class->trouble(reader->taker, &why);
}

static int give_record(struct delimited *reader, const uint8_t *base, size_t size, size_t count,
                       struct failure *failure)
{
    size_t known = count < DELIMITED_COLUMNS_LIMIT ? count : DELIMITED_COLUMNS_LIMIT;
    int error;

    if (is_empty_line(reader, count) || is_end_mark(reader, base, size))
        return 0;
    if (base[0] == '\0')
        return delimited_fail(reader,
                              "here are zeros instead of rows: the file was not written whole");
    if (is_cut(reader, base + size, count))
        return delimited_fail(reader, "the text ends within a row: it was cut short");
    if (count < reader->columns && !note_cut(reader, base + size))
        count_short(reader);
    reader->full = reader->full || count >= reader->columns;
    reader->ragged = reader->ragged || count < reader->columns;

    note_torn(reader, count);

    const char *doubt = doubt_of(reader, base, known, count);

    if (doubt != NULL)
        return delimited_fail(reader, doubt);
    if (has_more_values(reader, count))
        return delimited_fail(reader, "there are more fields than columns in the first line");
    error = delimited_begin_cells(reader, base, size);
    if (error != 0)
        return error;
    if (count < reader->place.columns)
        memset(reader->cells, 0, reader->place.columns * sizeof *reader->cells);
    for (size_t i = 0; i < reader->columns && i < count; i++)
        delimited_make_cell(reader, base, &reader->fields[i],
                            &reader->cells[reader->place.places[i]]);
    return reader->taker->class->row(reader->taker, reader->place.table, reader->cells, failure);
}

static int read_rows(struct delimited *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;

    while (!reader->failed) {
        const uint8_t *end;
        size_t count;
        bool open;
        int got =
            delimited_next_record(reader, DELIMITED_COLUMNS_LIMIT, &count, &end, &open, failure);

        if (got == 0 && reader->window.error != 0) {
            int told = delimited_fail(reader, reader->window.failure.text);

            return told != 0 ? told
                             : failure_set(failure, -reader->window.error, "%s",
                                           reader->window.failure.text);
        }
        if (got == 0 && open)
            return delimited_fail(reader,
                                  "the text ends within quotes: it was cut short, or a quote is "
                                  "missing from here on");
        if (got == -EFBIG && failure->code == 0)
            return delimited_fail(reader,
                                  "a record is larger than crmfs takes, or a quote is missing");
        if (got <= 0)
            return got;

        const uint8_t *base = window->data + window->at;
        int error = give_record(reader, base, (size_t)(end - base), count, failure);

        if (error != 0)
            return error;
        window->at = (size_t)(end - window->data);
    }
    return 0;
}

/* Excel's "sep=;" is no record. */
static int skip_said(struct delimited *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    int error = byte_window_want(window, 8, failure);
    const uint8_t *at = window->data + window->at;

    if (error == 0 && window->end - window->at >= 6 && memcmp(at, "sep=", 4) == 0 &&
        at[4] == reader->signs.delimiter && (at[5] == '\n' || at[5] == '\r'))
        window->at += at[5] == '\r' && at[6] == '\n' ? 7 : 6;
    return error;
}

int delimited_read(struct byte_stream *stream, const struct dialect *dialect, const char *name,
                   struct row_taker *taker, struct delimited_parts *parts, struct failure *failure)
{
    struct failure own = {0};
    struct delimited_text text;
    int error = delimited_text_begin(&text, stream, dialect);
    struct delimited reader = {
        .window = BYTE_WINDOW(text.stream, STREAM_ROW_LIMIT),
        .taker = taker,
        .parts = parts,
        .name = name,
        .signs = dialect->signs,
        .escape_known = dialect->escape_known,
        .quote_known = dialect->quote_known,
        .headless = dialect->headless,
        .header_known = dialect->header_known,
        .set_known = dialect->set_known,
        .rival = dialect->rival,
        .set = text.set,
        .fields = allocate_array(DELIMITED_COLUMNS_LIMIT, sizeof(struct delimited_field)),
        .scratch = BUFFER(5 * STREAM_ROW_LIMIT),
    };

    if (error == 0)
        error = reader.fields != NULL ? byte_window_want(&reader.window, 4, &own) : -ENOMEM;
    if (error == 0 && reader.window.end >= 3 && memcmp(reader.window.data, "\xef\xbb\xbf", 3) == 0)
        reader.window.at = 3;
    if (error == 0)
        error = skip_said(&reader, &own);
    if (error == 0)
        error = delimited_read_header(&reader, &own);
    if (error == 0)
        error = read_rows(&reader, &own);
    if (error == 0 && !reader.failed)
        note_short(&reader);
    if (error == 0 && !reader.failed && !reader.place.goes_on && taker->class->finish_table != NULL)
        error = taker->class->finish_table(taker, reader.place.table, &own);
    free(reader.fields);
    free(reader.place.places);
    free(reader.cells);
    buffer_release(&reader.scratch);
    byte_window_release(&reader.window);
    delimited_text_end(&text);
    if (error != 0 && own.code != 0 && failure != NULL)
        *failure = own;
    return error;
}
