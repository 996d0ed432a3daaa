/* SPDX-License-Identifier: MIT */
#include "fs/table/csv.h"

#include <errno.h>

#include "fs/base/memory.h"
#include "fs/table/render.h"
#include "fs/table/text_blocks.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): a string initialises an array only when bare */
#define FORM(prefix_, body_)                                                            \
    {                                                                                   \
        .prefix = prefix_, .prefix_size = sizeof(prefix_) - 1, .body = (uint8_t)(body_) \
    }
/* NOLINTEND(bugprone-macro-parentheses) */

/* The table of this folder's README. */
const struct csv_form csv_forms[2][KIND_COUNT] = {
    [false] =
        {
            [KIND_NULL] = FORM("", CSV_NOTHING),
            [KIND_NUMBER] = FORM("", CSV_COPY),
            [KIND_SPECIAL] = FORM("", CSV_TEXT),
            [KIND_TEXT] = FORM("", CSV_TEXT),
            [KIND_RAW_TEXT] = FORM("text;base64:", CSV_BASE64),
            [KIND_BYTES] = FORM("base64:", CSV_BASE64),
            [KIND_DOCUMENT] = FORM("", CSV_TEXT),
            [KIND_TRUE] = FORM("", CSV_TEXT),
            [KIND_FALSE] = FORM("", CSV_TEXT),
        },
    [true] =
        {
            [KIND_NULL] = FORM("", CSV_NOTHING),
            [KIND_NUMBER] = FORM("number:", CSV_COPY),
            [KIND_SPECIAL] = FORM("number:", CSV_TEXT),
            [KIND_TEXT] = FORM("text:", CSV_TEXT),
            [KIND_RAW_TEXT] = FORM("text;base64:", CSV_BASE64),
            [KIND_BYTES] = FORM("", CSV_BASE64),
            [KIND_DOCUMENT] = FORM("text:", CSV_TEXT),
            [KIND_TRUE] = FORM("text:", CSV_TEXT),
            [KIND_FALSE] = FORM("text:", CSV_TEXT),
        },
};

static bool is_special(const uint8_t *text, size_t size)
{
    for (; size >= BLOCK_SIZE; text += BLOCK_SIZE, size -= BLOCK_SIZE)
        if (block_csv_special(block_load(text)) != 0)
            return true;
    return (block_csv_special(block_load(text)) & block_first(size)) != 0;
}

/* Copies text that is not special; false as soon as it is seen to be. Slack on both sides. */
static inline bool copy_ordinary(uint8_t *to, const uint8_t *text, size_t size)
{
    for (; size >= BLOCK_SIZE; to += BLOCK_SIZE, text += BLOCK_SIZE, size -= BLOCK_SIZE) {
        block bytes = block_load(text);

        block_store(to, bytes);
        if (block_csv_special(bytes) != 0)
            return false;
    }

    block bytes = block_load(text);

    block_store(to, bytes);
    return (block_csv_special(bytes) & block_first(size)) == 0;
}

/* Copies text, doubling its quotes. There is room for all, and slack on both sides. */
static uint8_t *copy_doubling(uint8_t *to, const uint8_t *text, size_t size)
{
    for (;;) {
        uint32_t quotes = 0;

        for (; size >= BLOCK_SIZE; to += BLOCK_SIZE, text += BLOCK_SIZE, size -= BLOCK_SIZE) {
            block bytes = block_load(text);

            block_store(to, bytes);
            quotes = block_equal(bytes, '"');
            if (quotes != 0)
                break;
        }
        if (size < BLOCK_SIZE) {
            block bytes = block_load(text);

            block_store(to, bytes);
            quotes = block_equal(bytes, '"') & block_first(size);
            if (quotes == 0)
                return to + size;
        }

        size_t step = (size_t)__builtin_ctz(quotes) + 1;

        to[step] = '"';
        to += step + 1;
        text += step;
        size -= step;
    }
}

/* A field, or a piece of one that OPENS or CLOSES it or not. */
struct field {
    const struct csv_form *form;
    const uint8_t *data;
    size_t size;
    bool quoted;
    bool opens;
    bool closes;
};

static size_t room_for_field(const struct field *field)
{
    struct text_traits traits = {0};
    size_t around = sizeof(field->form->prefix) + 2;

    if (field->form->body == CSV_BASE64)
        return around + (size_t)base64_size(field->size);
    if (!field->quoted)
        return around + field->size;
    if (field->size <= RENDER_SHORT)
        return around + 2 * field->size;
    text_scan(&traits, field->data, field->size);
    return around + field->size + (size_t)traits.quotes;
}

static inline int put_field(struct render *render, const struct field *field)
{
    const struct csv_form *form = field->form;
    int error = render_room(render, room_for_field(field));
    uint8_t *to = render->at;

    if (error != 0)
        return error;
    if (field->opens) {
        if (field->quoted)
            *to++ = '"';
        memcpy(to, form->prefix, sizeof(form->prefix));
        to += form->prefix_size;
    }
    if (form->body == CSV_BASE64)
        to = base64_write(to, field->data, field->size);
    else if (field->quoted)
        to = copy_doubling(to, field->data, field->size);
    else
        to = render_copy(to, field->data, field->size);
    if (field->closes && field->quoted)
        *to++ = '"';
    render->at = to;
    return 0;
}

/* A whole cell that may need more than a copy. */
static int put_cell(struct render *render, bool bytes_column, struct cell_view cell)
{
    const struct csv_form *form = csv_form_of(bytes_column, cell.kind, cell.data, cell.size);

    if (form->body == CSV_NOTHING)
        return 0;

    bool special = form->body == CSV_TEXT && is_special(cell.data, cell.size);
    struct field field = {
        .form = form,
        .data = cell.data,
        .size = cell.size,
        .quoted = csv_quoted(form, cell.size, special),
        .opens = true,
        .closes = true,
    };

    return put_field(render, &field);
}

/* The same for short text without a prefix, which is most: copied first, and again if quoted. */
static inline int put_text(struct render *render, struct cell_view cell)
{
    int error = render_room(render, 2 * (size_t)cell.size + 2);
    uint8_t *to = render->at;

    if (error != 0)
        return error;
    if (cell.size != 0 && copy_ordinary(to, cell.data, cell.size)) {
        render->at = to + cell.size;
        return 0;
    }
    *to++ = '"';
    to = copy_doubling(to, cell.data, cell.size);
    *to++ = '"';
    render->at = to;
    return 0;
}

struct csv_column {
    struct column_cursor cursor;
    bool plain; /* every cell stands as it is */
    bool bytes;
};

/* A cell, and room for a byte after it. Inlined, so that RENDER stays in registers. */
static inline int put_column(struct render *render, struct csv_column *column)
{
    struct cell_view cell = column_cursor_next(&column->cursor);
    int error;

    if (column->plain) {
        error = render_room(render, (size_t)cell.size + 1);
        if (error == 0)
            render->at = render_copy(render->at, cell.data, cell.size);
        return error;
    }
    if (cell.kind == KIND_TEXT && cell.size <= RENDER_SHORT && !column->bytes &&
        !csv_text_reserved(cell.data, cell.size)) {
        error = put_text(render, cell);
    } else {
        struct render copy = *render;

        error = put_cell(&copy, column->bytes, cell);
        *render = copy;
    }
    return error == 0 ? render_room(render, 1) : error;
}

static inline int render_row(struct render *render, struct csv_column *columns, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int error = put_column(render, &columns[i]);

        if (error != 0)
            return error;
        *render->at++ = ',';
    }
    render->at[-1] = '\n';
    return 0;
}

int csv_render_rows(const struct format_plan *plan, const struct row_group_view *view,
                    struct buffer *output)
{
    cleanup_free struct csv_column *columns =
        allocate_array(view->column_count, sizeof(struct csv_column));
    struct render render;
    int error = 0;

    if (columns == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < view->column_count; i++)
        columns[i] = (struct csv_column){
            .cursor = column_cursor_begin(&view->columns[i]),
            .plain = !view->columns[i].quotes,
            .bytes = plan->columns[i].bytes,
        };
    render_begin(&render, output);
    for (uint32_t row = 0; row < view->rows && error == 0; row++)
        error = render_row(&render, columns, view->column_count);
    render_end(&render);
    return error;
}

/* The one cell of a fragment that does not hold the whole of it. */
static int put_piece(struct render *render, const struct row_group_view *view, bool bytes_column,
                     struct cell_view cell)
{
    enum cell_kind kind = view->inside_base64 ? KIND_RAW_TEXT : view->inside_kind;
    struct field field = {
        .form = &csv_forms[bytes_column][kind],
        .data = cell.data,
        .size = cell.size,
        .quoted = view->inside_quoted,
        .opens = !view->begins_inside,
        .closes = !view->ends_inside,
    };

    return put_field(render, &field);
}

int csv_render_fragment(const struct format_plan *plan, const struct row_group_view *view,
                        struct buffer *output)
{
    bool piece = view->begins_inside || view->ends_inside;
    struct render render;
    int error = 0;

    render_begin(&render, output);
    for (size_t i = 0; i < view->column_count && error == 0; i++) {
        struct column_cursor cursor = column_cursor_begin(&view->columns[i]);
        struct cell_view cell = column_cursor_next(&cursor);
        size_t column = view->first_column + i;
        bool bytes = plan->columns[column].bytes;

        error = render_room(&render, 1);
        if (error == 0 && column != 0 && !view->begins_inside)
            *render.at++ = ',';
        if (error == 0)
            error = piece ? put_piece(&render, view, bytes, cell) : put_cell(&render, bytes, cell);
    }
    if (error == 0)
        error = render_room(&render, 1);
    if (error == 0 && view->first_column + view->column_count == plan->column_count &&
        !view->ends_inside)
        *render.at++ = '\n';
    render_end(&render);
    return error;
}

static int append_name(struct buffer *output, const char *name)
{
    size_t size = strlen(name);
    struct text_traits traits = {0};

    text_scan(&traits, name, size);
    if (!traits.csv_special && size != 0)
        return buffer_append(output, name, size);

    int error = buffer_append(output, "\"", 1);

    for (; error == 0 && *name != '\0'; name++)
        error = *name == '"' ? buffer_append(output, "\"\"", 2) : buffer_append(output, name, 1);
    return error == 0 ? buffer_append(output, "\"", 1) : error;
}

int csv_append_header(struct buffer *output, const struct schema *schema)
{
    int error = 0;

    for (size_t i = 0; i < schema->column_count && error == 0; i++) {
        if (i != 0)
            error = buffer_append(output, ",", 1);
        if (error == 0)
            error = append_name(output, schema->columns[i].name);
    }
    return error == 0 ? buffer_append(output, "\n", 1) : error;
}
