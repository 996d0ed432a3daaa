/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows_internal.h"
#include "backends/source/utf16_stream.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"

/* What columns there are is looked for in so many bytes before the first row is told. */
#define LOOK_BYTES ((size_t)256 << 10)

/* What is wrong at AT, in the window. */
static void word(const struct json_reader *reader, const uint8_t *at, const char *words,
                 struct failure *why)
{
    struct byte_window place = reader->window;

    if (place.error != 0 && at == place.data + place.end)
        words = place.failure.text;
    place.at = (size_t)(at - place.data);
    failure_set(why, EIO, "line %llu, byte %llu of %.300s: %s",
                (unsigned long long)byte_window_line(&place),
                (unsigned long long)byte_window_byte(&place), reader->path, words);
}

struct json_scan json_reader_scan(const struct json_reader *reader)
{
    const struct byte_window *window = &reader->window;

    return (struct json_scan){.at = window->data + window->at, .end = window->data + window->end};
}

void json_reader_go(struct json_reader *reader, const struct json_scan *scan)
{
    reader->window.at = (size_t)(scan->at - reader->window.data);
}

int json_reader_look_further(struct json_reader *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    size_t wanted = 2 * (window->end - window->at) + 1;
    int error;

    if (window->ended)
        return 0;
    if (window->end - window->at >= window->limit)
        return -EFBIG;
    error = byte_window_want(window, wanted < window->limit ? wanted : window->limit, failure);
    return error != 0 ? error : 1;
}

int json_reader_next_sign(struct json_reader *reader, struct failure *failure)
{
    for (;;) {
        struct json_scan scan = json_reader_scan(reader);
        int error;

        json_skip_blank(&scan);
        json_reader_go(reader, &scan);
        if (scan.at < scan.end)
            return *scan.at != '\0' ? *scan.at : 1;
        if (reader->window.ended)
            return 0;
        error = byte_window_more(&reader->window, failure);
        if (error < 0)
            return error;
    }
}

/* --- one table ---------------------------------------------------------------------------- */

static const char *reason(const struct json_scan *scan)
{
    if (scan->more || scan->at == scan->end)
        return "the text ends within an object: it was cut short";
    return scan->too_deep ? "this is nested deeper than the 512 levels that crmfs takes"
                          : "this is no JSON";
}

static int fail_at(struct json_reader *reader, struct json_table *table, const uint8_t *at,
                   const char *words, struct failure *failure)
{
    struct failure why;
    int error;

    word(reader, at, words, &why);
    error = json_table_fail(table, &why, failure);
    if (error == 0 && reader->window.error != 0)
        return failure_set(failure, -reader->window.error, "%s", reader->window.failure.text);
    return error;
}

static int fail_here(struct json_reader *reader, struct json_table *table, const char *words,
                     struct failure *failure)
{
    return fail_at(reader, table, json_reader_scan(reader).at, words, failure);
}

/* 1: a row was handed over; 0: the table has failed; -errno. */
static int read_row(struct json_reader *reader, struct json_table *table, struct failure *failure)
{
    struct failure own = {0};
    struct json_scan scan;
    size_t count;

    for (;;) {
        scan = json_reader_scan(reader);
        if (json_scan_object(&scan, reader->members, JSON_ROWS_COLUMNS, &count))
            break;

        int more = scan.more ? json_reader_look_further(reader, failure) : 0;

        if (more == -EFBIG)
            return fail_here(reader, table, "an object is larger than crmfs takes", failure);
        if (more < 0)
            return more;
        if (more == 0)
            return fail_at(reader, table, scan.at, reason(&scan), failure);
    }
    if (count > JSON_ROWS_COLUMNS)
        return fail_here(reader, table, "an object has more keys than crmfs takes", failure);

    const uint8_t *base = json_reader_scan(reader).at;
    int error = json_table_row(table, base, (size_t)(scan.at - base), reader->members, count, &own);

    if (error == -E2BIG)
        return fail_here(reader, table, own.text, failure);
    if (error != 0 && own.code != 0 && failure != NULL)
        *failure = own;
    json_reader_go(reader, &scan);
    return error != 0 ? error : 1;
}

/* The columns of what stands next. */
static int look_ahead(struct json_reader *reader, struct json_table *table, struct failure *failure)
{
    int error = byte_window_want(&reader->window, LOOK_BYTES, failure);
    struct json_scan scan = json_reader_scan(reader);
    size_t count;

    if (error != 0)
        return error;
    if ((size_t)(scan.end - scan.at) > LOOK_BYTES)
        scan.end = scan.at + LOOK_BYTES;
    for (;;) {
        const uint8_t *base = scan.at;

        if (!json_scan_object(&scan, reader->members, JSON_ROWS_COLUMNS, &count) ||
            count > JSON_ROWS_COLUMNS)
            return 0;
        error = json_table_look(table, base, reader->members, count, NULL);
        if (error != 0)
            return error == -E2BIG ? 0 : error;
        json_accept(&scan, ',');
    }
}

int json_reader_rows(struct json_reader *reader, struct json_table *table, bool lines,
                     bool *ret_failed, struct failure *failure)
{
    int error = look_ahead(reader, table, failure);

    while (error == 0) {
        int sign = json_reader_next_sign(reader, failure);
        int got;

        if (sign < 0)
            return sign;
        *ret_failed = true;
        if (sign == 0 && lines && reader->window.error == 0)
            break;
        if (sign != '{')
            return fail_here(reader, table,
                             sign == 0 ? "the text ends within the array: it was cut short"
                                       : "here should stand an object",
                             failure);
        got = read_row(reader, table, failure);
        if (got <= 0)
            return got;
        *ret_failed = false;
        if (lines)
            continue;
        sign = json_reader_next_sign(reader, failure);
        if (sign < 0)
            return sign;
        if (sign != ',' && sign != ']') {
            *ret_failed = true;
            return fail_here(reader, table,
                             sign == 0 ? "the text ends within the array: it was cut short"
                                       : "here should stand a comma or the array's end",
                             failure);
        }
        reader->window.at++;
        if (sign == ']')
            break;
    }
    *ret_failed = false;
    return error;
}

/* Arrays behind the first are more of the table: pages of it that were put one behind another. */
static int read_further_arrays(struct json_reader *reader, struct json_table *table,
                               bool *ret_failed, struct failure *failure)
{
    int sign = 0;
    int error = 0;

    while (error == 0 && !*ret_failed && (sign = json_reader_next_sign(reader, failure)) == '[') {
        reader->window.at++;
        sign = json_reader_next_sign(reader, failure);
        if (sign == ']')
            reader->window.at++;
        else if (sign >= 0)
            error = json_reader_rows(reader, table, false, ret_failed, failure);
    }
    return error == 0 && sign < 0 ? sign : error;
}

int json_reader_table(struct json_reader *reader, const char *name, enum json_layout layout,
                      bool *ret_failed, struct failure *failure)
{
    struct json_table *table = json_table_create(reader->taker, name);
    int error = table != NULL
                    ? json_reader_rows(reader, table, layout == JSON_LINES, ret_failed, failure)
                    : -ENOMEM;

    if (error == 0 && layout == JSON_ARRAY)
        error = read_further_arrays(reader, table, ret_failed, failure);
    if (error == 0 && !*ret_failed)
        error = json_table_finish(table, failure);
    json_table_free(table);
    return error;
}

int json_reader_refuse(struct json_reader *reader, const uint8_t *at, struct failure *failure)
{
    struct failure why;

    word(reader, at,
         at == reader->window.data + reader->window.end ? "the text ends here: it was cut short"
                                                        : "this is no JSON",
         &why);
    return failure_set(failure, EIO, "%s", why.text);
}

/* --- all ---------------------------------------------------------------------------------- */

/* The path's last part without its ending, as it is called itself. */
static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(file, '.');

    return percent_decoded(file, dot != NULL && dot != file ? (size_t)(dot - file) : strlen(file));
}

/* A table failed: of what stands behind it, nothing can be made out. */
static void tell_rest(struct json_reader *reader)
{
    struct failure why;

    failure_set(&why, EIO,
                "%.300s: what stands behind the table that cannot be read whole is not read: there "
                "may be others",
                reader->path);
    reader->taker->class->trouble(reader->taker, &why);
}

static int read_all(struct json_reader *reader, enum json_layout layout, const char *stem,
                    struct failure *failure)
{
    bool is_array = layout == JSON_ARRAY || layout == JSON_EXPORT;
    bool failed = false;
    int sign = json_reader_next_sign(reader, failure);
    int error;

    if (sign < 0)
        return sign;
    if (sign != (is_array ? '[' : '{'))
        return json_reader_refuse(reader, json_reader_scan(reader).at, failure);
    reader->window.at += is_array;
    if (layout == JSON_EXPORT)
        error = json_reader_export(reader, stem, &failed, failure);
    else if (layout == JSON_WRAPPED)
        error = json_reader_wrapped(reader, stem, 1, &failed, failure);
    else
        error = json_reader_table(reader, stem, layout, &failed, failure);
    if (error == 0 && failed && (layout == JSON_EXPORT || layout == JSON_WRAPPED))
        tell_rest(reader);
    if (error != 0 || failed)
        return error;
    sign = json_reader_next_sign(reader, failure);
    if (sign == 0 && reader->window.error != 0)
        return failure_set(failure, -reader->window.error, "%s", reader->window.failure.text);
    return sign > 0 ? json_reader_refuse(reader, json_reader_scan(reader).at, failure) : sign;
}

int json_rows_read(struct byte_stream *stream, const struct json_form *form, const char *name,
                   struct row_taker *taker, struct failure *failure)
{
    struct failure own = {0};
    struct utf16_stream wide;

    utf16_stream_begin(&wide, stream, form->set == TEXT_UTF16_BIG);

    struct json_reader reader = {
        .window =
            BYTE_WINDOW(text_set_is_wide(form->set) ? &wide.stream : stream, STREAM_ROW_LIMIT),
        .taker = taker,
        .path = name,
        .members = allocate_array(JSON_ROWS_COLUMNS, sizeof(struct json_member)),
    };
    cleanup_free char *stem = stem_of(name);
    int error = reader.members != NULL && stem != NULL ? byte_window_want(&reader.window, 4, &own)
                                                       : -ENOMEM;

    if (error == 0 && reader.window.end >= 3 && memcmp(reader.window.data, "\xef\xbb\xbf", 3) == 0)
        reader.window.at = 3;
    if (error == 0)
        error = read_all(&reader, form->layout, stem, &own);
    free(reader.members);
    byte_window_release(&reader.window);
    utf16_stream_end(&wide);
    if (error != 0 && own.code != 0 && failure != NULL)
        *failure = own;
    return error;
}
