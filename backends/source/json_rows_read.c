/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/json_rows.h"
#include "backends/source/utf16_stream.h"
#include "fs/base/ascii.h"
#include "fs/base/memory.h"

/* What columns there are is looked for in so many bytes before the first row is told. */
#define LOOK_BYTES ((size_t)256 << 10)

#define NAME_LIMIT 200

struct json_reader {
    struct byte_window window;
    struct row_taker *taker;
    const char *path;            /* for words */
    struct json_member *members; /* room for JSON_ROWS_COLUMNS */
};

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

static struct json_scan scan_of(const struct json_reader *reader)
{
    const struct byte_window *window = &reader->window;

    return (struct json_scan){.at = window->data + window->at, .end = window->data + window->end};
}

static void go_to(struct json_reader *reader, const struct json_scan *scan)
{
    reader->window.at = (size_t)(scan->at - reader->window.data);
}

/*
 * More of the text than a scan saw, which will look at it from the beginning again: twice as much.
 * 1; 0: there is no more; -EFBIG …
 */
static int look_further(struct json_reader *reader, struct failure *failure)
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

/* What stands next, behind blanks; 0: the end; -errno. */
static int next_sign(struct json_reader *reader, struct failure *failure)
{
    for (;;) {
        struct json_scan scan = scan_of(reader);
        int error;

        json_skip_blank(&scan);
        go_to(reader, &scan);
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
    return fail_at(reader, table, scan_of(reader).at, words, failure);
}

/* 1: a row was handed over; 0: the table has failed; -errno. */
static int read_row(struct json_reader *reader, struct json_table *table, struct failure *failure)
{
    struct failure own = {0};
    struct json_scan scan;
    size_t count;

    for (;;) {
        scan = scan_of(reader);
        if (json_scan_object(&scan, reader->members, JSON_ROWS_COLUMNS, &count))
            break;

        int more = scan.more ? look_further(reader, failure) : 0;

        if (more == -EFBIG)
            return fail_here(reader, table, "an object is larger than crmfs takes", failure);
        if (more < 0)
            return more;
        if (more == 0)
            return fail_at(reader, table, scan.at, reason(&scan), failure);
    }
    if (count > JSON_ROWS_COLUMNS)
        return fail_here(reader, table, "an object has more keys than crmfs takes", failure);

    const uint8_t *base = scan_of(reader).at;
    int error = json_table_row(table, base, (size_t)(scan.at - base), reader->members, count, &own);

    if (error == -E2BIG)
        return fail_here(reader, table, own.text, failure);
    if (error != 0 && own.code != 0 && failure != NULL)
        *failure = own;
    go_to(reader, &scan);
    return error != 0 ? error : 1;
}

/* The columns of what stands next. */
static int look_ahead(struct json_reader *reader, struct json_table *table, struct failure *failure)
{
    int error = byte_window_want(&reader->window, LOOK_BYTES, failure);
    struct json_scan scan = scan_of(reader);
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

/* Rows up to the ']', whose '[' has been read; or, of LINES, to the end. */
static int read_rows(struct json_reader *reader, struct json_table *table, bool lines,
                     bool *ret_failed, struct failure *failure)
{
    int error = look_ahead(reader, table, failure);

    while (error == 0) {
        int sign = next_sign(reader, failure);
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
        sign = next_sign(reader, failure);
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

static int read_table(struct json_reader *reader, const char *name, bool lines, bool *ret_failed,
                      struct failure *failure)
{
    struct json_table *table = json_table_create(reader->taker, name);
    int error = table != NULL ? read_rows(reader, table, lines, ret_failed, failure) : -ENOMEM;

    if (error == 0 && !*ret_failed)
        error = json_table_finish(table, failure);
    json_table_free(table);
    return error;
}

/* --- objects around tables ----------------------------------------------------------------- */

/* Keys that say nothing of what stands under them. */
static bool is_wrapper(const char *key)
{
    static const char *const wrappers[] = {"results", "result", "data",    "records", "record",
                                           "items",   "item",   "rows",    "row",     "value",
                                           "values",  "list",   "entries", "objects", "elements",
                                           "content", "hits",   "response"};

    for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++) {
        if (ascii_equal(key, wrappers[i]))
            return true;
    }
    return false;
}

static int refuse(struct json_reader *reader, const uint8_t *at, struct failure *failure)
{
    struct failure why;

    word(reader, at,
         at == reader->window.data + reader->window.end ? "the text ends here: it was cut short"
                                                        : "this is no JSON",
         &why);
    return failure_set(failure, EIO, "%s", why.text);
}

/* At a key: goes behind its ':'. NAME: the table's, if an array follows. */
static int read_key(struct json_reader *reader, char name[NAME_LIMIT + 1], struct failure *failure)
{
    struct json_piece key;

    for (;;) {
        struct json_scan scan = scan_of(reader);

        if (json_scan_key(&scan, scan.at, &key)) {
            const uint8_t *at = scan_of(reader).at + key.at;
            size_t size = key.size < NAME_LIMIT ? key.size : NAME_LIMIT;
            bool plain = size != 0 && !key.escaped && memchr(at, '\0', size) == NULL;

            snprintf(name, NAME_LIMIT + 1, "%.*s", plain ? (int)size : 0, (const char *)at);
            go_to(reader, &scan);
            return 0;
        }

        int more = scan.more ? look_further(reader, failure) : 0;

        if (more <= 0)
            return more < 0 && more != -EFBIG ? more : refuse(reader, scan.at, failure);
    }
}

/* Goes behind a value that is no table. */
static int skip_value(struct json_reader *reader, struct failure *failure)
{
    for (;;) {
        struct json_scan scan = scan_of(reader);
        struct json_piece piece;
        bool whole = json_scan_value(&scan, scan.at, &piece);

        if (whole) {
            go_to(reader, &scan);
            return 0;
        }

        int more = scan.more ? look_further(reader, failure) : 0;

        if (more <= 0)
            return more < 0 && more != -EFBIG ? more : refuse(reader, scan.at, failure);
    }
}

/* At '[': whether an object stands first in it. 1, 0 or -errno. */
static int is_table(struct json_reader *reader, struct failure *failure)
{
    for (;;) {
        struct json_scan scan = scan_of(reader);

        scan.at++;
        json_skip_blank(&scan);
        if (scan.at < scan.end)
            return *scan.at == '{';

        int more = look_further(reader, failure);

        if (more <= 0)
            return more;
    }
}

static int read_wrapped(struct json_reader *reader, const char *name, unsigned depth,
                        bool *ret_failed, struct failure *failure);

static int read_member(struct json_reader *reader, const char *outer, unsigned depth,
                       bool *ret_failed, struct failure *failure)
{
    char key[NAME_LIMIT + 1] = "";
    int error = read_key(reader, key, failure);
    int sign = error == 0 ? next_sign(reader, failure) : error;
    const char *name = error == 0 && key[0] != '\0' && !is_wrapper(key) ? key : outer;

    if (sign < 0)
        return sign;
    if (sign == '[') {
        int table = is_table(reader, failure);

        if (table < 0)
            return table;
        if (table > 0) {
            reader->window.at++;
            return read_table(reader, name, false, ret_failed, failure);
        }
    }
    if (sign == '{' && depth < JSON_ROWS_WRAPPERS)
        return read_wrapped(reader, name, depth + 1, ret_failed, failure);
    return skip_value(reader, failure);
}

/* At '{'. */
static int read_wrapped(struct json_reader *reader, const char *name, unsigned depth,
                        bool *ret_failed, struct failure *failure)
{
    bool first = true;

    reader->window.at++;
    for (;;) {
        int sign = next_sign(reader, failure);
        int error;

        if (sign < 0)
            return sign;
        if (sign == '}' && first)
            break;
        error = read_member(reader, name, depth, ret_failed, failure);
        if (error != 0 || *ret_failed)
            return error;
        first = false;
        sign = next_sign(reader, failure);
        if (sign < 0)
            return sign;
        if (sign != ',' && sign != '}')
            return refuse(reader, scan_of(reader).at, failure);
        if (sign == '}')
            break;
        reader->window.at++;
    }
    reader->window.at++;
    return 0;
}

/* --- all ---------------------------------------------------------------------------------- */

/* The path's last part without its ending. */
static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *file = slash != NULL ? slash + 1 : path;
    const char *dot = strrchr(file, '.');

    return dot != NULL && dot != file ? strndup(file, (size_t)(dot - file)) : strdup(file);
}

static int read_all(struct json_reader *reader, enum json_layout layout, const char *stem,
                    struct failure *failure)
{
    bool failed = false;
    int sign = next_sign(reader, failure);
    int error;

    if (sign < 0)
        return sign;
    if (sign != (layout == JSON_ARRAY ? '[' : '{'))
        return refuse(reader, scan_of(reader).at, failure);
    reader->window.at += layout == JSON_ARRAY;
    error = layout == JSON_WRAPPED
                ? read_wrapped(reader, stem, 1, &failed, failure)
                : read_table(reader, stem, layout == JSON_LINES, &failed, failure);
    if (error != 0 || failed)
        return error;
    sign = next_sign(reader, failure);
    if (sign == 0 && reader->window.error != 0)
        return failure_set(failure, -reader->window.error, "%s", reader->window.failure.text);
    return sign > 0 ? refuse(reader, scan_of(reader).at, failure) : sign;
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
