/* SPDX-License-Identifier: MIT */
/*
 * Text in any character set that iconv knows and that has ASCII in it, as UTF-8, as it comes. What
 * is not in the character set is an error, and nothing else: whoever named it was wrong.
 */
#ifndef CRMFS_SOURCE_CHARSET_STREAM_H
#define CRMFS_SOURCE_CHARSET_STREAM_H

#include <iconv.h>
#include <stdbool.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "fs/base/buffer.h"

/* A longer name is none. */
#define CHARSET_NAME_SIZE 32

struct charset_stream {
    struct byte_stream stream;
    struct byte_stream *from;
    const char *charset;
    iconv_t converter;   /* NULL: there was none to be had */
    struct buffer input; /* what is not converted yet: it may end within a character */
    struct buffer text;
    uint64_t taken; /* bytes of FROM */
    bool ended;     /* FROM has */
    bool broken;    /* what comes next is not in the character set */
};

/* Whether there is such a character set, in which signs, digits and letters of ASCII are ASCII. */
bool charset_is_usable(const char *charset);

/* TEXT out of CHARSET, the caller's. NULL: it is not in it, or there is no such one, or no memory.
 */
char *charset_text(const char *charset, const char *text);

/* FROM and CHARSET outlive it. 0; -EINVAL: there is none of that name; -ENOMEM. */
int charset_stream_begin(struct charset_stream *stream, struct byte_stream *from,
                         const char *charset);
/* How many bytes of FROM have been converted. */
uint64_t charset_stream_place(const struct charset_stream *stream);

void charset_stream_end(struct charset_stream *stream);

#endif
