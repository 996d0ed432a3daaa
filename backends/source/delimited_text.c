/* SPDX-License-Identifier: MIT */
/* The text of a table in the form in which its records are looked for: ASCII is ASCII in it. */
#include "backends/source/delimited.h"

int delimited_text_begin(struct delimited_text *text, struct byte_stream *from,
                         const struct dialect *dialect)
{
    *text = (struct delimited_text){.stream = from, .from_set = dialect->set, .set = dialect->set};
    if (text_set_is_wide(dialect->set)) {
        utf16_stream_begin(&text->wide, from, dialect->set == TEXT_UTF16_BIG);
        text->stream = &text->wide.stream;
        text->set = TEXT_UTF8;
    } else if (dialect->set == TEXT_OTHER) {
        int error = charset_stream_begin(&text->other, from, dialect->charset);

        if (error != 0)
            return error;
        text->stream = &text->other.stream;
        text->set = TEXT_UTF8;
    }
    return 0;
}

void delimited_text_end(struct delimited_text *text)
{
    if (text_set_is_wide(text->from_set))
        utf16_stream_end(&text->wide);
    else if (text->from_set == TEXT_OTHER)
        charset_stream_end(&text->other);
}
