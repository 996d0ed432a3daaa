/* SPDX-License-Identifier: MIT */
#include "tests/unit/plain_render.h"

#include <jansson.h>
#include <sodium.h>
#include <stdlib.h>

#define PLAIN_LIMIT ((size_t)1 << 30)

static void put(struct buffer *output, const void *bytes, size_t size)
{
    must(buffer_append(output, bytes, size) == 0);
}

static void put_text(struct buffer *output, const char *text)
{
    put(output, text, strlen(text));
}

static void put_base64(struct buffer *output, const struct cell *cell)
{
    size_t size = sodium_base64_ENCODED_LEN(cell->size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(size);

    must(text != NULL);
    sodium_bin2base64(text, size, cell->data, cell->size, sodium_base64_VARIANT_ORIGINAL);
    put_text(output, text);
    free(text);
}

/* By the table of well-formed sequences of the Unicode Standard (3-7). */
static bool is_utf8(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint8_t first = text[i];
        size_t more = first < 0x80 ? 0 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;

        if ((first >= 0x80 && first < 0xc2) || first > 0xf4 || size - i <= more)
            return false;
        for (size_t j = 1; j <= more; j++) {
            uint8_t low = j == 1 && first == 0xe0 ? 0xa0 : j == 1 && first == 0xf0 ? 0x90 : 0x80;
            uint8_t high = j == 1 && first == 0xed ? 0x9f : j == 1 && first == 0xf4 ? 0x8f : 0xbf;

            if (text[i + j] < low || text[i + j] > high)
                return false;
        }
        i += more + 1;
    }
    return true;
}

static bool begins_with(const struct cell *cell, const char *prefix)
{
    return cell->size >= strlen(prefix) && memcmp(cell->data, prefix, strlen(prefix)) == 0;
}

static void put_quoted(struct buffer *output, const uint8_t *text, size_t size)
{
    bool quoted = size == 0;

    for (size_t i = 0; i < size && !quoted; i++)
        quoted = memchr(",\"\r\n", text[i], 4) != NULL;
    if (quoted)
        put_text(output, "\"");
    for (size_t i = 0; i < size;) {
        const uint8_t *quote = memchr(text + i, '"', size - i);
        size_t run = quote == NULL ? size - i : (size_t)(quote - text) + 1 - i;

        put(output, text + i, run);
        if (quote != NULL)
            put_text(output, "\"");
        i += run;
    }
    if (quoted)
        put_text(output, "\"");
}

/* What stands in a CSV field before it is quoted. */
static void csv_value(const struct cell *cell, bool bytes_column, struct buffer *field)
{
    bool text = cell->class == CELL_TEXT;

    if (text &&
        (!is_utf8(cell->data, cell->size) ||
         (!bytes_column && (begins_with(cell, "base64:") || begins_with(cell, "text;base64:"))))) {
        put_text(field, "text;base64:");
        put_base64(field, cell);
    } else if (cell->class == CELL_BYTES) {
        put_text(field, bytes_column ? "" : "base64:");
        put_base64(field, cell);
    } else {
        if (bytes_column)
            put_text(field, cell->class == CELL_NUMBER ? "number:" : "text:");
        put(field, cell->data, cell->size);
    }
}

static void csv_field(const struct cell *cell, bool bytes_column, struct buffer *output)
{
    struct buffer field = BUFFER(PLAIN_LIMIT);

    if (cell->class == CELL_NULL)
        return;
    csv_value(cell, bytes_column, &field);
    put_quoted(output, field.data, field.size);
    buffer_release(&field);
}

/* What a byte is in a JSON string; NULL: itself. ROOM is for those without a short form. */
static const char *escape_of(uint8_t byte, char room[8])
{
    static const char *const shorts[128] = {
        ['\b'] = "\\b", ['\t'] = "\\t", ['\n'] = "\\n",  ['\f'] = "\\f",
        ['\r'] = "\\r", ['"'] = "\\\"", ['\\'] = "\\\\",
    };

    if (byte < 0x80 && shorts[byte] != NULL)
        return shorts[byte];
    if (byte >= 0x20)
        return NULL;
    memcpy(room, "\\u00", 4);
    room[4] = (char)('0' + byte / 16);
    room[5] = "0123456789abcdef"[byte % 16];
    room[6] = '\0';
    return room;
}

static void put_string(const void *bytes, size_t size, struct buffer *output)
{
    const uint8_t *text = bytes;
    size_t put_so_far = 0;

    put_text(output, "\"");
    for (size_t i = 0; i < size; i++) {
        char room[8];
        const char *escape = escape_of(text[i], room);

        if (escape == NULL)
            continue;
        put(output, text + put_so_far, i - put_so_far);
        put_text(output, escape);
        put_so_far = i + 1;
    }
    put(output, text + put_so_far, size - put_so_far);
    put_text(output, "\"");
}

/* Good enough for what tests put into json columns. */
static bool is_document(const struct cell *cell)
{
    json_t *document = json_loadb(cell->data, cell->size, JSON_DECODE_ANY, NULL);
    bool good = document != NULL && !json_is_null(document);

    if (good && json_is_object(document) && json_object_iter(document) != NULL)
        good = json_object_iter_key(json_object_iter(document))[0] != '$';
    json_decref(document);
    return good;
}

static void put_json_text(const struct cell *cell, bool json_column, struct buffer *output)
{
    if (!is_utf8(cell->data, cell->size)) {
        put_text(output, "{\"$base64\":true,\"encoded\":\"");
        put_base64(output, cell);
        put_text(output, "\",\"text\":true}");
    } else if (json_column && is_document(cell)) {
        const char *text = cell->data;

        for (size_t i = 0; i < cell->size; i++)
            put(output, text[i] == '\n' || text[i] == '\r' ? " " : &text[i], 1);
    } else {
        put_text(output, json_column ? "{\"$text\":" : "");
        put_string(cell->data, cell->size, output);
        put_text(output, json_column ? "}" : "");
    }
}

static void put_value(const struct cell *cell, bool json_column, struct buffer *output)
{
    const char *text = cell->data;

    switch (cell->class) {
    case CELL_NULL: put_text(output, "null"); break;
    case CELL_BOOLEAN: put_text(output, text[0] == 't' || text[0] == '1' ? "true" : "false"); break;
    case CELL_BYTES:
        put_text(output, "{\"$base64\":true,\"encoded\":\"");
        put_base64(output, cell);
        put_text(output, "\"}");
        break;
    case CELL_TEXT: put_json_text(cell, json_column, output); break;
    case CELL_NUMBER:
        if (begins_with(cell, "I") || begins_with(cell, "-I") || begins_with(cell, "N")) {
            put_text(output, "{\"$number\":\"");
            put(output, cell->data, cell->size);
            put_text(output, "\"}");
        } else {
            put(output, cell->data, cell->size);
        }
    }
}

static void csv_row(const struct schema *schema, const struct cell *cells, struct buffer *output)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        put_text(output, i == 0 ? "" : ",");
        csv_field(&cells[i], schema->columns[i].type == COLUMN_BYTES, output);
    }
    put_text(output, "\n");
}

static void json_row(const struct schema *schema, const struct cell *cells, struct buffer *output)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        const char *name = schema->columns[i].name;

        put_text(output, i == 0 ? "{" : ",");
        put_string(name, strlen(name), output);
        put_text(output, ":");
        put_value(&cells[i], schema->columns[i].type == COLUMN_JSON, output);
    }
    put_text(output, "}");
}

struct buffer plain_render(const struct fake_table *table, enum table_format format)
{
    struct buffer output = BUFFER(PLAIN_LIMIT);
    const struct schema *schema = fake_table_schema(table);
    size_t rows = fake_table_rows(table);

    for (size_t i = 0; i < schema->column_count && format == FORMAT_CSV; i++) {
        put_text(&output, i == 0 ? "" : ",");
        put_quoted(&output, (const uint8_t *)schema->columns[i].name,
                   strlen(schema->columns[i].name));
    }
    put_text(&output, format == FORMAT_CSV ? "\n" : format == FORMAT_JSON ? "[\n" : "");
    for (size_t i = 0; i < rows; i++) {
        if (format == FORMAT_CSV) {
            csv_row(schema, fake_table_row(table, i), &output);
            continue;
        }
        json_row(schema, fake_table_row(table, i), &output);
        put_text(&output, format == FORMAT_JSON && i + 1 < rows ? ",\n" : "\n");
    }
    put_text(&output, format == FORMAT_JSON ? "]\n" : "");
    return output;
}
