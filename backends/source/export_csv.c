/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "backends/source/export_internal.h"

#define MARK "\xef\xbb\xbf"
#define MARK_SIZE (sizeof MARK - 1)

enum record_end {
    RECORD_MORE, /* its end is not there yet */
    RECORD_OPEN, /* the same, within quotes */
    RECORD_DONE,
    RECORD_STRAY, /* a quote, or text behind one, where there can be none */
};

struct record {
    const uint8_t *begin;
    const uint8_t *at;
    const uint8_t *end;
    struct export_field field; /* the one that was taken last */
    bool last;                 /* of the record */
};

/* Behind what ends a field. */
static enum record_end pass_end(struct record *record, bool ended)
{
    const uint8_t *at = record->at;

    if (at == record->end) {
        record->last = true;
        return ended ? RECORD_DONE : RECORD_MORE;
    }
    record->last = *at != ',';
    if (*at == '\r') {
        at++;
        if (at == record->end && !ended)
            return RECORD_MORE;
        if (at == record->end || *at != '\n')
            return RECORD_STRAY;
    } else if (*at != ',' && *at != '\n') {
        return RECORD_STRAY;
    }
    record->at = at + 1;
    return RECORD_DONE;
}

static enum record_end take_quoted(struct record *record, bool ended)
{
    const uint8_t *begin = ++record->at;

    for (;;) {
        const uint8_t *quote = memchr(record->at, '"', (size_t)(record->end - record->at));

        if (quote == NULL)
            return RECORD_OPEN;
        if (quote + 1 == record->end && !ended)
            return RECORD_MORE;
        record->at = quote + 1;
        if (record->at == record->end || *record->at != '"') {
            record->field.at = (size_t)(begin - record->begin);
            record->field.size = (size_t)(quote - begin);
            record->field.quoted = true;
            return pass_end(record, ended);
        }
        record->field.doubled = true;
        record->at++;
    }
}

static enum record_end take_field(struct record *record, bool ended)
{
    record->field = (struct export_field){.at = (size_t)(record->at - record->begin)};
    if (record->at < record->end && *record->at == '"')
        return take_quoted(record, ended);

    const uint8_t *at = record->at;

    while (at < record->end && *at != ',' && *at != '\n' && *at != '\r' && *at != '"')
        at++;
    record->field.size = (size_t)(at - record->at);
    record->at = at;
    return pass_end(record, ended);
}

/* The record that the window begins with; fields beyond MOST are counted only. */
static enum record_end take_record(const struct export_rows *rows, size_t most, size_t *ret_count,
                                   size_t *ret_size)
{
    const struct byte_window *window = &rows->window;
    struct record record = {
        .begin = window->data + window->at,
        .at = window->data + window->at,
        .end = window->data + window->end,
    };
    size_t count = 0;

    do {
        enum record_end end = take_field(&record, window->ended);

        if (end != RECORD_DONE)
            return end;
        if (count < most)
            rows->fields[count] = record.field;
        count++;
    } while (!record.last);
    *ret_count = count;
    *ret_size = (size_t)(record.at - record.begin);
    return RECORD_DONE;
}

/* The next record whole: 1; 0: there is none. */
static int next_record(struct export_rows *rows, size_t *ret_count, size_t *ret_size,
                       struct failure *failure)
{
    const struct byte_window *window = &rows->window;
    size_t most = rows->options.schema->column_count + 1;

    rows->line = export_line(rows);
    for (;;) {
        enum record_end end =
            window->at < window->end ? take_record(rows, most, ret_count, ret_size) : RECORD_MORE;

        if (end == RECORD_DONE)
            return 1;
        if (end == RECORD_STRAY)
            return export_refuse(rows, failure,
                                 "a quote, a carriage return or text stands where a field must "
                                 "end; fields with these are quoted, and quotes in them doubled");

        int ended = export_ended(rows, failure);

        if (ended < 0 || (ended == 1 && window->at == window->end))
            return ended < 0 ? ended : 0;
        if (ended == 1)
            return export_refuse(rows, failure,
                                 "the file ends within quotes: it was cut short, or a quote is "
                                 "missing");

        int more = export_more(rows, failure);

        if (more < 0)
            return more;
    }
}

/* Where quotes are doubled, one of the two goes. */
static void undouble(uint8_t *text, size_t *size)
{
    size_t to = 0;

    for (size_t from = 0; from < *size; from++) {
        text[to++] = text[from];
        from += text[from] == '"';
    }
    *size = to;
}

static uint8_t *field_text(const struct export_rows *rows, struct export_field *field)
{
    uint8_t *text = rows->window.data + rows->window.at + field->at;

    if (field->doubled)
        undouble(text, &field->size);
    field->doubled = false;
    return text;
}

/* Whether the record of SIZE bytes ends as all do. */
static int check_end(const struct export_rows *rows, size_t size, struct failure *failure)
{
    const uint8_t *record = rows->window.data + rows->window.at;

    if (record[size - 1] == '\n')
        return 0;

    int ended = export_ended(rows, failure);

    if (ended < 0 || rows->options.whole)
        return ended < 0 ? ended : 0;
    return export_refuse(rows, failure,
                         "no line end stands behind the last row: the file was cut short, or one "
                         "is to be added");
}

static int skip_mark(struct export_rows *rows, struct failure *failure)
{
    int error = byte_window_want(&rows->window, MARK_SIZE, failure);
    const uint8_t *begin = export_at(rows);

    if (error == 0 && rows->window.end - rows->window.at >= MARK_SIZE &&
        memcmp(begin, MARK, MARK_SIZE) == 0)
        export_pass(rows, MARK_SIZE);
    return error;
}

int export_csv_begin(struct export_rows *rows, struct failure *failure)
{
    size_t count = 0;
    size_t size = 0;
    int error = skip_mark(rows, failure);
    int found = error == 0 ? next_record(rows, &count, &size, failure) : error;

    if (found < 0)
        return found;
    if (found == 0)
        return failure_set(failure, EINVAL,
                           "the file is empty: its first line has to name the columns");
    error = check_end(rows, size, failure);
    if (error == 0 && count > rows->options.schema->column_count)
        error =
            export_refuse(rows, failure, "there are %zu columns, and %zu in the table %.200s",
                          count, rows->options.schema->column_count, rows->options.schema->name);
    for (size_t i = 0; i < count && error == 0; i++) {
        const uint8_t *text = field_text(rows, &rows->fields[i]);

        error = export_add_column(rows, text, rows->fields[i].size, failure);
    }
    if (error == 0)
        export_pass(rows, size);
    return error;
}

int export_csv_next(struct export_rows *rows, struct failure *failure)
{
    size_t count = 0;
    size_t size = 0;

    /* What the cells of the row before stand in is passed by only now. */
    int found = next_record(rows, &count, &size, failure);

    if (found != 1)
        return found;

    int error = check_end(rows, size, failure);

    if (error == 0 && count != rows->count)
        error = export_refuse(rows, failure,
                              "the row has %zu fields, and the header line %zu: it was cut short, "
                              "or a comma in a field is not quoted",
                              count, rows->count);
    for (size_t i = 0; i < count && error == 0; i++) {
        struct export_field *field = &rows->fields[i];
        uint8_t *text = field_text(rows, field);

        error =
            export_csv_cell(rows, i, field->quoted, text, field->size, &rows->cells[i], failure);
    }
    if (error != 0)
        return error;
    export_pass(rows, size);
    return 1;
}
