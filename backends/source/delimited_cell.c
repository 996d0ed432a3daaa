/* SPDX-License-Identifier: MIT */
/* A field of a table as text, as a cell. */
#include <errno.h>
#include <string.h>

#include "backends/source/delimited_internal.h"

/* Of two quotes in a row one. Returns the end of what was copied. */
static uint8_t *copy_quoted(uint8_t *to, const uint8_t *from, size_t size, uint8_t quote)
{
    const uint8_t *end = from + size;

    while (from < end) {
        const uint8_t *found = memchr(from, quote, (size_t)(end - from));
        size_t some = (size_t)((found != NULL ? found + 1 : end) - from);

        memcpy(to, from, some);
        to += some;
        from += some + (found != NULL);
    }
    return to;
}

/* \N, or nothing, unless that is the empty text: where \N was seen, or is all that NULL can be. */
static bool is_null(const struct delimited *reader, const struct delimited_field *field,
                    const uint8_t *at)
{
    struct delimited_signs signs = reader->signs;
    bool plain = signs.escape == 0 || signs.only_quotes;
    uint8_t before = !plain ? signs.escape : signs.nulls ? '\\' : 0;

    if (field->quoted)
        return false;
    if (field->size == 0)
        return !signs.nulls && (signs.escape == 0 || signs.quote != 0);
    return field->size == 2 && before != 0 && at[0] == before && at[1] == 'N';
}

/* In scratch there is room for four times the record. */
void delimited_make_cell(struct delimited *reader, const uint8_t *base,
                         const struct delimited_field *field, struct cell *ret_cell)
{
    const uint8_t *at = base + field->at;
    uint8_t escape = reader->signs.escape;
    bool escaped = escape != 0 && field->size != 0 && memchr(at, escape, field->size) != NULL;

    if (is_null(reader, field, at)) {
        *ret_cell = (struct cell){.class = CELL_NULL};
        return;
    }
    *ret_cell = (struct cell){CELL_TEXT, field->size, at};
    if (escaped || field->doubled || field->tail_size != 0) {
        uint8_t *to = delimited_scratch_end(reader);
        uint8_t *start = to;

        to = escaped ? delimited_unescape(to, at, field->size, reader->signs, field->quoted)
                     : copy_quoted(to, at, field->size, reader->signs.quote);
        memcpy(to, base + field->tail_at, field->tail_size);
        to += field->tail_size;
        ret_cell->data = start;
        ret_cell->size = (uint64_t)(to - start);
        reader->scratch.size += (size_t)ret_cell->size;
    }
    delimited_convert(reader, ret_cell);
}

int delimited_begin_cells(struct delimited *reader, const uint8_t *base, size_t size)
{
    reader->plain = delimited_is_plain(reader, base, size);
    buffer_clear(&reader->scratch);
    return buffer_reserve(&reader->scratch, 4 * size + 16);
}
