/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "backends/source/export_internal.h"
#include "backends/source/json_rows.h"

/* What is left of the window. */
static struct json_scan scan_begin(const struct export_rows *rows)
{
    return (struct json_scan){
        .at = export_at(rows),
        .end = export_end(rows),
    };
}

static size_t passed(const struct export_rows *rows, const struct json_scan *scan)
{
    return (size_t)(scan->at - export_at(rows));
}

static int refuse_end(const struct export_rows *rows, struct failure *failure)
{
    return export_refuse(rows, failure, "the file ends within %s: it was cut short",
                         rows->options.format == EXPORT_JSON ? "its array" : "a row");
}

/* Goes behind blanks; 1: something stands there, 0: the file ends. */
static int skip_blank(struct export_rows *rows, struct failure *failure)
{
    for (;;) {
        struct json_scan scan = scan_begin(rows);

        json_skip_blank(&scan);
        export_pass(rows, passed(rows, &scan));
        if (rows->window.at < rows->window.end)
            break;

        int ended = export_ended(rows, failure);
        int more = ended == 0 ? export_more(rows, failure) : 0;

        if (ended != 0 || more < 0)
            return ended == 1 ? 0 : ended < 0 ? ended : more;
    }
    rows->line = export_line(rows);
    return 1;
}

static uint8_t sign_at(const struct export_rows *rows)
{
    return rows->window.data[rows->window.at];
}

/* Goes behind SIGN, which has to stand next. */
static int want_sign(struct export_rows *rows, uint8_t sign, const char *words,
                     struct failure *failure)
{
    int there = skip_blank(rows, failure);

    if (there < 0)
        return there;
    if (there == 0)
        return refuse_end(rows, failure);
    if (sign_at(rows) != sign)
        return export_refuse(rows, failure, "%s", words);
    export_pass(rows, 1);
    return 0;
}

/* The object that stands next is all in the window, taken apart: *ret_size bytes. */
static int scan_row(struct export_rows *rows, size_t *ret_count, size_t *ret_size,
                    struct failure *failure)
{
    size_t most = rows->options.schema->column_count + 1;

    for (;;) {
        struct json_scan scan = scan_begin(rows);

        if (json_scan_object(&scan, rows->members, most, ret_count)) {
            *ret_size = passed(rows, &scan);
            return 0;
        }
        if (!scan.more)
            return export_refuse(rows, failure, "what stands there is no JSON object");

        int ended = export_ended(rows, failure);
        int more = ended == 0 ? export_more(rows, failure) : 0;

        if (ended != 0 || more < 0)
            return ended == 1 ? refuse_end(rows, failure) : ended < 0 ? ended : more;
    }
}

/* What stands before a row, and that one is there: 1; 0: that was the last. */
static int before_row(struct export_rows *rows, struct failure *failure)
{
    bool array = rows->options.format == EXPORT_JSON;
    int there = skip_blank(rows, failure);

    if (there <= 0)
        return there < 0 || !array ? there : refuse_end(rows, failure);
    if (array && sign_at(rows) == ']') {
        export_pass(rows, 1);
        there = skip_blank(rows, failure);
        return there == 1 ? export_refuse(rows, failure, "something stands behind the array's end")
                          : there;
    }
    if (array && rows->rows != 0) {
        int error = want_sign(rows, ',', "a ',' or a ']' is missing behind the row", failure);

        if (error == 0)
            there = skip_blank(rows, failure);
        if (error != 0 || there < 0)
            return error != 0 ? error : there;
        if (there == 0)
            return refuse_end(rows, failure);
    }
    return 1;
}

/* Behind a row of NDJSON, of SIZE bytes, stands a line end. */
static int check_behind(struct export_rows *rows, size_t size, struct failure *failure)
{
    if (rows->options.format == EXPORT_JSON)
        return 0;

    const struct byte_window *window = &rows->window;
    int error = byte_window_want(&rows->window, size + 2, failure);

    if (error != 0)
        return error;

    const uint8_t *at = window->data + window->at + size;
    const uint8_t *end = window->data + window->end;

    at += end - at > 1 && at[0] == '\r' && at[1] == '\n';
    if (at < end && *at == '\n')
        return 0;
    if (at < end)
        return export_refuse(rows, failure, "behind the row stands something in the same line");

    int ended = export_ended(rows, failure);

    if (ended < 0 || rows->options.whole)
        return ended < 0 ? ended : 0;
    return export_refuse(rows, failure,
                         "no line end stands behind the last row: the file was cut short, or one "
                         "is to be added");
}

static int add_columns(struct export_rows *rows, size_t count, struct failure *failure)
{
    const uint8_t *base = rows->window.data + rows->window.at;
    int error = 0;

    if (count > rows->options.schema->column_count)
        return export_refuse(rows, failure, "there are %zu columns, and %zu in the table %.200s",
                             count, rows->options.schema->column_count, rows->options.schema->name);
    buffer_clear(&rows->decoded);
    for (size_t i = 0; i < count && error == 0; i++) {
        size_t at;
        size_t size;

        error = export_json_decode(rows, base, &rows->members[i].key, &at, &size);
        if (error == 0)
            error = export_add_column(rows, rows->decoded.data + at, size, failure);
    }
    return error;
}

int export_json_begin(struct export_rows *rows, struct failure *failure)
{
    size_t count = 0;
    size_t size = 0;

    rows->line = 1;

    int error = rows->options.format == EXPORT_JSON
                    ? want_sign(rows, '[', "the file has to be one array of objects", failure)
                    : 0;

    if (error != 0)
        return error;

    int there = before_row(rows, failure);

    if (there <= 0) {
        rows->ended = there == 0;
        return there;
    }
    error = scan_row(rows, &count, &size, failure);
    if (error == 0)
        error = add_columns(rows, count, failure);
    rows->pending = error == 0;
    return error;
}

/* Which of the file's columns a key is; NO_COLUMN: none. Most rows have them in one order. */
static size_t find_place(const struct export_rows *rows, size_t expected, const uint8_t *name,
                         size_t size)
{
    const struct schema *schema = rows->options.schema;

    for (size_t i = 0; i < rows->count; i++) {
        size_t place = (expected + i) % rows->count;
        const char *own = schema->columns[rows->columns[place]].name;

        if (!rows->given[place] && strlen(own) == size && memcmp(own, name, size) == 0)
            return place;
    }
    return NO_COLUMN;
}

/*
 * Whether the row is written as crmfs writes: without blanks but those that belong to documents.
 * Elsewhere blanks are the writer's.
 */
static bool is_compact(const struct export_rows *rows, const uint8_t *base, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint8_t *quote = base + rows->members[i].key.at - 1;

        if (quote[-1] != (i == 0 ? '{' : ','))
            return false;
    }
    return true;
}

/* The member's cell. */
static int take_member(struct export_rows *rows, const uint8_t *base, size_t index,
                       struct failure *failure)
{
    const struct json_member *member = &rows->members[index];
    size_t at;
    size_t size;
    int error = export_json_decode(rows, base, &member->key, &at, &size);

    if (error != 0)
        return error;

    size_t place = find_place(rows, index, rows->decoded.data + at, size);

    if (place == NO_COLUMN)
        return export_refuse(rows, failure,
                             "\"%.*s\" is not among the columns of the first row, or there twice",
                             (int)(size < 200 ? size : 200), (char *)rows->decoded.data + at);
    rows->given[place] = true;
    return export_json_value(rows, base, place, member, &rows->cells[place], failure);
}

int export_json_next(struct export_rows *rows, struct failure *failure)
{
    size_t count = 0;
    size_t size = 0;
    int there = rows->pending ? 1 : before_row(rows, failure);

    if (there <= 0)
        return there;
    rows->pending = false;

    int error = scan_row(rows, &count, &size, failure);

    if (error == 0)
        error = check_behind(rows, size, failure);
    if (error != 0)
        return error;
    if (count != rows->count)
        return export_refuse(rows, failure, "the row has %zu columns, and the first row %zu", count,
                             rows->count);
    if (!export_is_utf8(rows->window.data + rows->window.at, size))
        return export_refuse(rows, failure, "the row is not UTF-8");

    /* Enough at once: cells point into it. */
    buffer_clear(&rows->decoded);
    error = buffer_reserve(&rows->decoded, size + count + 1);
    memset(rows->given, 0, rows->count * sizeof *rows->given);

    const uint8_t *base = rows->window.data + rows->window.at;

    rows->compact = is_compact(rows, base, count);
    for (size_t i = 0; i < count && error == 0; i++)
        error = take_member(rows, base, i, failure);
    if (error != 0)
        return error;
    export_pass(rows, size);
    return 1;
}
