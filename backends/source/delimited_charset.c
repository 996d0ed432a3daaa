/* SPDX-License-Identifier: MIT */
/*
 * The character set of cells. What nobody said is a guess, of which the user is told once a file;
 * an archive has one line for the first file and one for all others, for there may be thousands.
 */
#include <errno.h>

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

bool delimited_is_plain(const struct delimited *reader, const uint8_t *base, size_t size)
{
    return (reader->set == TEXT_UTF8 && reader->odd_told) || is_ascii(base, size);
}

uint8_t *delimited_scratch_end(struct delimited *reader)
{
    return reader->scratch.data + reader->scratch.size;
}

/* --- what the user is told ---------------------------------------------------------------- */

/* Of the record under way. */
static void tell(struct delimited *reader, int code, const char *words)
{
    struct failure why;

    failure_set(&why, code, "line %llu, byte %llu of %.300s: %s",
                (unsigned long long)byte_window_line(&reader->window),
                (unsigned long long)byte_window_byte(&reader->window), reader->name, words);
    reader->taker->class->trouble(reader->taker, &why);
}

static void note_guess(struct delimited *reader)
{
    reader->guess_told = true;
    if (reader->set_known || (reader->parts != NULL && !delimited_parts_note_guess(reader->parts)))
        return;
    tell(reader, ENOTUNIQ,
         "here is the first text that is not UTF-8: all is taken for Windows-1252; if "
         "letters are wrong, say in the archive's URL what it is in, as in charset=cp850, "
         "else charset=windows-1252");
}

/* Text of Windows-1252 is next to never UTF-8 as well. */
static void note_utf8(struct delimited *reader)
{
    reader->set_told = true;
    tell(reader, EILSEQ,
         "here is text in UTF-8, and other text before it was not, so that all is taken "
         "for Windows-1252: letters are others than they were; say charset=utf-8 in the "
         "archive's URL, or windows-1252");
}

/* The character sets that it is mistaken for have letters where Windows-1252 has nothing. */
static void note_undefined(struct delimited *reader)
{
    reader->odd_told = true;
    tell(reader, EILSEQ,
         "here is a byte that is no character in Windows-1252, which the text is taken "
         "for: it is in another character set, and letters are wrong; say which in the "
         "archive's URL, as in charset=cp850");
}

static void note_not_utf8(struct delimited *reader)
{
    reader->odd_told = true;
    tell(reader, EILSEQ,
         "here is text that is not UTF-8, which the file is otherwise, or was said to be: "
         "it is shown as base64; if all of it is in another character set, say which in "
         "the archive's URL, as in charset=windows-1252, else what made the file has mixed "
         "two");
}

/* --- cells -------------------------------------------------------------------------------- */

static bool is_undefined(uint8_t byte)
{
    return byte == 0x81 || byte == 0x8d || byte == 0x8f || byte == 0x90 || byte == 0x9d;
}

static bool has_undefined(const uint8_t *bytes, size_t size)
{
    bool found = false;

    for (size_t i = 0; i < size; i++)
        found = found || is_undefined(bytes[i]);
    return found;
}

static void note_odd(struct delimited *reader, const uint8_t *bytes, size_t size)
{
    bool whole = utf8_whole(bytes, size);

    if (reader->set == TEXT_UTF8 && !whole && !reader->odd_told)
        note_not_utf8(reader);
    if (reader->set == TEXT_UTF8)
        return;
    if (!reader->guess_told)
        note_guess(reader);
    if (reader->set == TEXT_WINDOWS && !reader->odd_told && has_undefined(bytes, size))
        note_undefined(reader);
    if (!reader->set_known && !reader->set_told && whole)
        note_utf8(reader);
}

void delimited_convert(struct delimited *reader, struct cell *cell)
{
    const uint8_t *bytes = cell->data;
    size_t size = (size_t)cell->size;
    uint8_t *to = delimited_scratch_end(reader);

    if (reader->plain || is_ascii(bytes, size))
        return;
    if (reader->set == TEXT_UNDECIDED)
        reader->set = utf8_whole(bytes, size) ? TEXT_UTF8 : TEXT_WINDOWS;
    note_odd(reader, bytes, size);
    if (reader->set == TEXT_UTF8)
        return;
    cell->size = latin_to_utf8(reader->set == TEXT_WINDOWS, bytes, size, to);
    cell->data = to;
    reader->scratch.size += (size_t)cell->size;
}
