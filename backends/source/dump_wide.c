/* SPDX-License-Identifier: MIT */
/*
 * A dump in UTF-16, as Windows PowerShell makes one of what a dump program writes into "> FILE":
 * it decodes that to text, line by line, and ends every line with CR LF, those of a text that was
 * written over several lines too. So where the first line ends with CR LF, each CR LF counts as
 * LF, which it most likely was.
 */
#include <errno.h>

#include "backends/source/dump_internal.h"

/* A piece of text, and a CR that was held back. */
#define LINES_LIMIT ((size_t)512 << 20)

static void add(struct dump_wide *wide, uint8_t byte)
{
    struct buffer *lines = &wide->lines;
    bool pair = wide->held && byte == '\n';

    if (wide->held && !pair)
        lines->data[lines->size++] = '\r';
    if (byte == '\n' && !wide->decided) {
        wide->folds = pair;
        wide->decided = true;
    }
    wide->held = wide->folds && byte == '\r';
    if (!wide->held)
        lines->data[lines->size++] = byte;
}

static int take(struct dump_wide *wide, const uint8_t *text, size_t size)
{
    int error = buffer_reserve(&wide->lines, size + 1);

    for (size_t i = 0; i < size && error == 0; i++)
        add(wide, text[i]);
    if (size == 0 && wide->held && error == 0) {
        wide->lines.data[wide->lines.size++] = '\r';
        wide->held = false;
    }
    return error;
}

static int wide_next(struct byte_stream *base, const void **ret_data, size_t *ret_size,
                     struct failure *failure)
{
    struct dump_wide *wide = (struct dump_wide *)base;
    const void *text;
    size_t size;
    int error;

    buffer_clear(&wide->lines);
    do {
        error = wide->text.stream.class->next(&wide->text.stream, &text, &size, failure);
        if (error == -EIO && wide->text.broken)
            return failure_set(failure, EIO,
                               "at byte %llu of the file it is no text in %s any more: it was "
                               "damaged or cut short; look for another copy",
                               (unsigned long long)charset_stream_place(&wide->text),
                               wide->text.charset);
        if (error == 0)
            error = take(wide, text, size);
    } while (error == 0 && wide->lines.size == 0 && size != 0);
    *ret_data = wide->lines.data;
    *ret_size = wide->lines.size;
    return error;
}

static const struct byte_stream_class wide_class = {wide_next};

int dump_wide_begin(struct dump_wide *wide, struct byte_stream *from, enum text_set set,
                    struct failure *failure)
{
    *wide = (struct dump_wide){
        .stream = {&wide_class},
        .folds = true,
        .lines = BUFFER(LINES_LIMIT),
    };

    int error =
        charset_stream_begin(&wide->text, from, set == TEXT_UTF16_BIG ? "UTF-16BE" : "UTF-16LE");

    if (error == -EINVAL)
        return failure_set(failure, EIO,
                           "it is in %s, which this system's iconv does not know: install what "
                           "the C library converts character sets with (gconv)",
                           wide->text.charset);
    return error;
}

void dump_wide_end(struct dump_wide *wide)
{
    charset_stream_end(&wide->text);
    buffer_release(&wide->lines);
}
