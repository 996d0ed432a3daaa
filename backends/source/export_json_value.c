/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "backends/source/export_internal.h"
#include "backends/source/json_rows.h"

int export_json_decode(struct export_rows *rows, const uint8_t *base,
                       const struct json_piece *piece, size_t *ret_at, size_t *ret_size)
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

    int error = export_json_decode(rows, inner, value, &at, &size);

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

int export_json_value(struct export_rows *rows, const uint8_t *base, size_t place,
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
        int error = export_json_decode(rows, base, piece, &at, &size);

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
