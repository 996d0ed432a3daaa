/* SPDX-License-Identifier: MIT */
#include "fs/table/json.h"

#include <errno.h>
#include <string.h>

#include "fs/base/json_text.h"
#include "fs/base/memory.h"
#include "fs/table/render.h"
#include "fs/table/text_blocks.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): a string initialises an array only when bare */
#define FORM(prefix_, body_, suffix_)                                             \
    {                                                                             \
        .prefix = prefix_, .prefix_size = sizeof(prefix_) - 1, .suffix = suffix_, \
        .suffix_size = sizeof(suffix_) - 1, .body = (uint8_t)(body_)              \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/* What json and other columns have in common. */
#define FORMS                                                                                     \
    [KIND_NULL] = FORM("null", JSON_NOTHING, ""), [KIND_NUMBER] = FORM("", JSON_COPY, ""),        \
    [KIND_SPECIAL] = FORM("{\"$number\":\"", JSON_STRING, "\"}"),                                 \
    [KIND_RAW_TEXT] = FORM("{\"$base64\":true,\"encoded\":\"", JSON_BASE64, "\",\"text\":true}"), \
    [KIND_BYTES] = FORM("{\"$base64\":true,\"encoded\":\"", JSON_BASE64, "\"}"),                  \
    [KIND_DOCUMENT] = FORM("", JSON_DOCUMENT, ""), [KIND_TRUE] = FORM("true", JSON_NOTHING, ""),  \
    [KIND_FALSE] = FORM("false", JSON_NOTHING, "")

/* The table of this folder's README. */
const struct json_form json_forms[2][KIND_COUNT] = {
    [false] = {FORMS, [KIND_TEXT] = FORM("\"", JSON_STRING, "\"")},
    [true] = {FORMS, [KIND_TEXT] = FORM("{\"$text\":\"", JSON_STRING, "\"}")},
};

/* Writes the escape of BYTE, which has one. There is room for a block. */
static inline uint8_t *put_escape(uint8_t *to, uint8_t byte)
{
    static const char hexadecimal[] = "0123456789abcdef";
    static const char letters[0x20] = {
        ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};

    to[0] = '\\';
    if (json_escape_growth(byte) == 1) {
        to[1] = byte >= 0x20 ? byte : (uint8_t)letters[byte];
        return to + 2;
    }
    memcpy(to + 1, "u00", 3);
    to[4] = (uint8_t)hexadecimal[byte >> 4];
    to[5] = (uint8_t)hexadecimal[byte & 15];
    return to + 6;
}

/* Copies text as the inside of a string. There is room for all, and slack on both sides. */
static uint8_t *copy_escaping(uint8_t *to, const uint8_t *text, size_t size)
{
    while (size != 0) {
        block bytes = block_load(text);
        uint32_t escaped = block_escaped(bytes);
        size_t step = size < BLOCK_SIZE ? size : BLOCK_SIZE;

        block_store(to, bytes);
        if (size < BLOCK_SIZE)
            escaped &= block_first(size);
        if (escaped != 0) {
            size_t plain = (size_t)__builtin_ctz(escaped);

            to = put_escape(to + plain, text[plain]);
            step = plain + 1;
        } else {
            to += step;
        }
        text += step;
        size -= step;
    }
    return to;
}

static uint8_t *copy_document(uint8_t *to, const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        to[i] = text[i] == '\n' || text[i] == '\r' ? ' ' : text[i];
    return to + size;
}

/* A value, or a piece of one that OPENS or CLOSES it or not. */
struct value {
    const struct json_form *form;
    const uint8_t *data;
    size_t size;
    bool escapes;
    bool opens;
    bool closes;
};

static size_t room_for_value(const struct value *value)
{
    struct text_traits traits = {0};
    size_t around = sizeof(value->form->prefix) + sizeof(value->form->suffix);

    if (value->form->body == JSON_BASE64)
        return around + (size_t)base64_size(value->size);
    if (value->form->body != JSON_STRING || !value->escapes)
        return around + value->size;
    if (value->size <= RENDER_SHORT)
        return around + 6 * value->size;
    text_scan(&traits, value->data, value->size);
    return around + value->size + (size_t)traits.json_growth;
}

static inline int put_value(struct render *render, const struct value *value)
{
    const struct json_form *form = value->form;
    int error = render_room(render, room_for_value(value));
    uint8_t *to = render->at;

    if (error != 0)
        return error;
    if (value->opens) {
        memcpy(to, form->prefix, sizeof(form->prefix));
        to += form->prefix_size;
    }
    if (form->body == JSON_BASE64)
        to = base64_write(to, value->data, value->size);
    else if (form->body == JSON_STRING && value->escapes)
        to = copy_escaping(to, value->data, value->size);
    else if (form->body == JSON_DOCUMENT && value->escapes)
        to = copy_document(to, value->data, value->size);
    else if (form->body != JSON_NOTHING)
        to = render_copy(to, value->data, value->size);
    if (value->closes) {
        memcpy(to, form->suffix, sizeof(form->suffix));
        to += form->suffix_size;
    }
    render->at = to;
    return 0;
}

static inline int put_key(struct render *render, const struct column_plan *column)
{
    int error = render_room(render, column->key_size);

    if (error == 0)
        render->at = render_copy(render->at, column->key, column->key_size);
    return error;
}

struct json_column {
    struct column_cursor cursor;
    const struct json_form *forms; /* by kind */
    const struct column_plan *plan;
    bool escapes;
};

static int put_any(struct render *render, const struct json_column *column, struct cell_view cell)
{
    struct value value = {
        .form = &column->forms[cell.kind],
        .data = cell.data,
        .size = cell.size,
        .escapes = column->escapes,
        .opens = true,
        .closes = true,
    };
    int error = put_key(render, column->plan);

    return error == 0 ? put_value(render, &value) : error;
}

/* The same for most cells, with one look at how much room there is. */
static inline int put_cell(struct render *render, struct json_column *column)
{
    struct cell_view cell = column_cursor_next(&column->cursor);
    const struct json_form *form = &column->forms[cell.kind];

    if (cell.size > RENDER_SHORT || form->body > JSON_STRING)
        return put_any(render, column, cell);

    size_t around = column->plan->key_size + sizeof(form->prefix) + sizeof(form->suffix);
    int error = render_room(render, around + (size_t)6 * cell.size);

    if (error != 0)
        return error;

    uint8_t *to = render_copy(render->at, column->plan->key, column->plan->key_size);

    memcpy(to, form->prefix, sizeof(form->prefix));
    to += form->prefix_size;
    if (form->body == JSON_STRING && column->escapes)
        to = copy_escaping(to, cell.data, cell.size);
    else if (form->body != JSON_NOTHING)
        to = render_copy(to, cell.data, cell.size);
    memcpy(to, form->suffix, sizeof(form->suffix));
    render->at = to + form->suffix_size;
    return 0;
}

static int put_row_end(struct render *render, const char *row_end)
{
    size_t size = strlen(row_end);
    int error = render_room(render, size);

    if (error != 0)
        return error;
    memcpy(render->at, row_end, size);
    render->at += size;
    return 0;
}

static struct json_column json_column_begin(const struct format_plan *plan,
                                            const struct row_group_view *view, size_t index)
{
    const struct column_plan *column = &plan->columns[view->first_column + index];

    return (struct json_column){
        .cursor = column_cursor_begin(&view->columns[index]),
        .forms = json_forms[column->json],
        .plan = column,
        .escapes = view->columns[index].escapes,
    };
}

int json_render_rows(const struct format_plan *plan, const struct row_group_view *view,
                     const char *row_end, const char *last_end, struct buffer *output)
{
    cleanup_free struct json_column *columns =
        allocate_array(view->column_count, sizeof(struct json_column));
    struct render render;
    int error = 0;

    if (columns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < view->column_count; i++)
        columns[i] = json_column_begin(plan, view, i);
    render_begin(&render, output);
    for (uint32_t row = 0; row < view->rows && error == 0; row++) {
        for (size_t i = 0; i < view->column_count && error == 0; i++)
            error = put_cell(&render, &columns[i]);
        if (error == 0)
            error = put_row_end(&render, row + 1 < view->rows ? row_end : last_end);
    }
    render_end(&render);
    return error;
}

/* The one cell of a fragment that does not hold the whole of it. */
static int put_piece(struct render *render, const struct row_group_view *view,
                     struct json_column *column)
{
    struct cell_view cell = column_cursor_next(&column->cursor);
    struct value value = {
        .form = &column->forms[view->inside_kind],
        .data = cell.data,
        .size = cell.size,
        .escapes = column->escapes,
        .opens = !view->begins_inside,
        .closes = !view->ends_inside,
    };
    int error = view->begins_inside ? 0 : put_key(render, column->plan);

    return error == 0 ? put_value(render, &value) : error;
}

int json_render_fragment(const struct format_plan *plan, const struct row_group_view *view,
                         const char *row_end, struct buffer *output)
{
    bool piece = view->begins_inside || view->ends_inside;
    struct render render;
    int error = 0;

    render_begin(&render, output);
    for (size_t i = 0; i < view->column_count && error == 0; i++) {
        struct json_column column = json_column_begin(plan, view, i);

        error = piece ? put_piece(&render, view, &column) : put_cell(&render, &column);
    }
    if (error == 0 && view->first_column + view->column_count == plan->column_count &&
        !view->ends_inside)
        error = put_row_end(&render, row_end);
    render_end(&render);
    return error;
}

size_t json_key_size(const char *name)
{
    size_t size = strlen(name);
    struct text_traits traits = {0};

    text_scan(&traits, name, size);
    return sizeof("{\"\":") - 1 + size + (size_t)traits.json_growth;
}

int json_append_key(struct buffer *output, const char *name, bool first)
{
    int error = buffer_append(output, first ? "{" : ",", 1);

    if (error == 0)
        error = json_text_append(output, name, strlen(name));
    return error == 0 ? buffer_append(output, ":", 1) : error;
}
