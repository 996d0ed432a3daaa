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

/* Adds PIECE of the row at BASE, a string, without escapes; *ret_at: where, in rows->decoded. */
static int decode(struct export_rows *rows, const uint8_t *base, const struct json_piece *piece,
                  size_t *ret_at, size_t *ret_size)
{
    struct buffer *decoded = &rows->decoded;
    int error = buffer_reserve(decoded, piece->size + 1);

    if (error != 0)
        return error;
    *ret_at = decoded->size;
    *ret_size = json_unescape(base + piece->at, piece->size, decoded->data + decoded->size);
    decoded->size += *ret_size;
    return 0;
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

        error = decode(rows, base, &rows->members[i].key, &at, &size);
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

/* ---- values ---- */

static bool is_word(const uint8_t *text, size_t size, const char *word)
{
    return size == strlen(word) && memcmp(text, word, size) == 0;
}

/* Of {"$base64":…}, {"$number":…} or {"$text":…}, whose string has been decoded at TEXT. */
static int tagged_cell(struct export_rows *rows, size_t place, const char *tag, bool text_follows,
                       size_t at, size_t size, struct cell *ret_cell, struct failure *failure)
{
    uint8_t *text = rows->decoded.data + at;

    if (strcmp(tag, "$base64") == 0)
        return export_decode_base64(rows, place, text, size, text_follows ? CELL_TEXT : CELL_BYTES,
                                    ret_cell, failure);
    if (strcmp(tag, "$number") == 0 && !export_is_number(text, size, true))
        return export_refuse(rows, failure, "\"$number\" is no number");
    *ret_cell = (struct cell){
        .class = strcmp(tag, "$number") == 0 ? CELL_NUMBER : CELL_TEXT, .size = size, .data = text};
    return 0;
}

/* An object that begins with '$': how a cell is written that JSON has no value for. */
static int take_tagged(struct export_rows *rows, const uint8_t *base, size_t place,
                       const struct json_piece *piece, struct cell *ret_cell,
                       struct failure *failure)
{
    struct json_scan scan = {.at = base + piece->at, .end = base + piece->at + piece->size};
    struct json_member members[3];
    const uint8_t *inner = scan.at;
    size_t count = 0;
    size_t at;
    size_t size;

    if (!json_scan_object(&scan, members, 3, &count) || count == 0 || count > 3)
        return export_refuse(rows, failure, "an object that begins with \"$\" is not known");

    const struct json_piece *key = &members[0].key;
    bool base64 = is_word(inner + key->at, key->size, "$base64") && count >= 2 &&
                  members[0].value.kind == JSON_TRUE &&
                  is_word(inner + members[1].key.at, members[1].key.size, "encoded");
    bool text = base64 && count == 3 && members[2].value.kind == JSON_TRUE &&
                is_word(inner + members[2].key.at, members[2].key.size, "text");
    bool single = count == 1 && (is_word(inner + key->at, key->size, "$number") ||
                                 is_word(inner + key->at, key->size, "$text"));
    const struct json_piece *value = base64 ? &members[1].value : &members[0].value;

    if ((!single && !base64) || (base64 && count == 3 && !text) || value->kind != JSON_STRING)
        return export_refuse(rows, failure, "an object that begins with \"$\" is not known");

    int error = decode(rows, inner, value, &at, &size);

    if (error == 0 && !export_is_utf8(rows->decoded.data + at, size))
        error = export_refuse(rows, failure, "what stands there is not UTF-8");
    if (error != 0)
        return error;
    return tagged_cell(rows, place,
                       base64                                           ? "$base64"
                       : is_word(inner + key->at, key->size, "$number") ? "$number"
                                                                        : "$text",
                       text, at, size, ret_cell, failure);
}

static bool is_tagged(const uint8_t *base, const struct json_piece *piece)
{
    struct json_scan scan = {.at = base + piece->at, .end = base + piece->at + piece->size};
    struct json_piece key;

    return json_accept(&scan, '{') && json_scan_key(&scan, base, &key) && key.size != 0 &&
           base[key.at] == '$';
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

/* A document of the member: as it stands. */
static struct cell whole_value(const struct export_rows *rows, const uint8_t *base,
                               const struct json_member *member)
{
    const struct json_piece *piece = &member->value;
    size_t quote = piece->kind == JSON_STRING;
    const uint8_t *begin = base + piece->at - quote;
    const uint8_t *end = base + piece->at + piece->size + quote;

    if (rows->compact) {
        begin = base + member->key.at + member->key.size + 2;
        while (*end == ' ' || *end == '\t')
            end++;
    }
    return (struct cell){.class = CELL_TEXT, .size = (uint64_t)(end - begin), .data = begin};
}

static int take_value(struct export_rows *rows, const uint8_t *base, size_t place,
                      const struct json_member *member, struct cell *ret_cell,
                      struct failure *failure)
{
    const struct json_piece *piece = &member->value;
    const struct column *column = &rows->options.schema->columns[rows->columns[place]];
    size_t at;
    size_t size;

    if (piece->kind == JSON_NULL) {
        *ret_cell = (struct cell){.class = CELL_NULL};
        return 0;
    }
    if (piece->kind == JSON_NESTED && is_tagged(base, piece))
        return take_tagged(rows, base, place, piece, ret_cell, failure);
    if (column->type == COLUMN_JSON) {
        *ret_cell = whole_value(rows, base, member);
        return 0;
    }
    if (piece->kind == JSON_NESTED)
        return export_refuse(rows, failure,
                             "column \"%.200s\" holds no JSON: an object or array in it is "
                             "written as a string",
                             column->name);
    if (piece->kind == JSON_STRING) {
        int error = decode(rows, base, piece, &at, &size);

        if (error == 0 && !export_is_utf8(rows->decoded.data + at, size))
            error = export_refuse(rows, failure, "column \"%.200s\": half a surrogate pair",
                                  column->name);
        if (error == 0)
            *ret_cell =
                (struct cell){.class = CELL_TEXT, .size = size, .data = rows->decoded.data + at};
        return error;
    }
    if (piece->kind == JSON_TRUE || piece->kind == JSON_FALSE)
        *ret_cell = (struct cell){
            .class = CELL_BOOLEAN, .size = 1, .data = piece->kind == JSON_TRUE ? "t" : "f"};
    else
        *ret_cell =
            (struct cell){.class = CELL_NUMBER, .size = piece->size, .data = base + piece->at};
    return 0;
}

/* The member's cell. */
static int take_member(struct export_rows *rows, const uint8_t *base, size_t index,
                       struct failure *failure)
{
    const struct json_member *member = &rows->members[index];
    size_t at;
    size_t size;
    int error = decode(rows, base, &member->key, &at, &size);

    if (error != 0)
        return error;

    size_t place = find_place(rows, index, rows->decoded.data + at, size);

    if (place == NO_COLUMN)
        return export_refuse(rows, failure,
                             "\"%.*s\" is not among the columns of the first row, or there twice",
                             (int)(size < 200 ? size : 200), (char *)rows->decoded.data + at);
    rows->given[place] = true;
    return take_value(rows, base, place, member, &rows->cells[place], failure);
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
