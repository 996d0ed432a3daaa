/* SPDX-License-Identifier: MIT */
/* A field of a table as text, as a cell. */
#include <errno.h>
#include <string.h>

#include "backends/source/delimited_internal.h"
#include "backends/source/latin.h"
#include "fs/base/utf8.h"

static bool is_ascii(const uint8_t *bytes, size_t size)
{
    uint8_t all = 0;

    for (size_t i = 0; i < size; i++)
        all |= bytes[i];
    return all < 0x80;
}

static uint8_t *scratch_end(struct delimited *reader)
{
    return reader->scratch.data + reader->scratch.size;
}

/* Text of Windows-1252 is next to never UTF-8 as well. */
static void note_set(struct delimited *reader)
{
    struct failure why;

    reader->set_told = true;
    failure_set(&why, EILSEQ,
                "line %llu of %.300s: here is text in UTF-8, and other text before it was not, so "
                "that all is taken for Windows-1252: letters are others than they were; say "
                "charset=utf-8 in the archive's URL, or windows-1252",
                (unsigned long long)byte_window_line(&reader->window), reader->name);
    reader->taker->class->trouble(reader->taker, &why);
}

/* The first text that is not ASCII decides what the rest is taken for. */
static void convert(struct delimited *reader, struct cell *cell)
{
    const uint8_t *bytes = cell->data;
    size_t size = (size_t)cell->size;

    if (reader->plain || is_ascii(bytes, size))
        return;
    if (reader->set == TEXT_UNDECIDED)
        reader->set = utf8_whole(bytes, size) ? TEXT_UTF8 : TEXT_WINDOWS;
    if (reader->set != TEXT_WINDOWS && reader->set != TEXT_LATIN1)
        return;
    if (!reader->set_known && !reader->set_told && utf8_whole(bytes, size))
        note_set(reader);

    uint8_t *to = scratch_end(reader);

    cell->size = latin_to_utf8(reader->set == TEXT_WINDOWS, bytes, size, to);
    cell->data = to;
    reader->scratch.size += (size_t)cell->size;
}

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
        uint8_t *to = scratch_end(reader);
        uint8_t *start = to;

        to = escaped ? delimited_unescape(to, at, field->size, reader->signs, field->quoted)
                     : copy_quoted(to, at, field->size, reader->signs.quote);
        memcpy(to, base + field->tail_at, field->tail_size);
        to += field->tail_size;
        ret_cell->data = start;
        ret_cell->size = (uint64_t)(to - start);
        reader->scratch.size += (size_t)ret_cell->size;
    }
    convert(reader, ret_cell);
}

int delimited_begin_cells(struct delimited *reader, const uint8_t *base, size_t size)
{
    reader->plain = reader->set == TEXT_UTF8 || is_ascii(base, size);
    buffer_clear(&reader->scratch);
    return buffer_reserve(&reader->scratch, 4 * size + 16);
}
