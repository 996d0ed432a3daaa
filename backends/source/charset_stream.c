/* SPDX-License-Identifier: MIT */
#include "backends/source/charset_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"

#define TEXT_LIMIT ((size_t)64 << 20)
#define MOST_GROWTH 4         /* bytes of UTF-8 for one of any other */
#define LONGEST_CHARACTER 16U /* a longer one is none */

/* NULL: there is none; errno says why. */
static iconv_t open_converter(const char *charset)
{
    iconv_t converter = iconv_open("UTF-8", charset);

    // NOLINTNEXTLINE(performance-no-int-to-ptr): POSIX says so
    return converter == (iconv_t)-1 ? NULL : converter;
}

char *charset_text(const char *charset, const char *text)
{
    iconv_t converter = open_converter(charset);
    char *in = without_const(text);
    size_t size = strlen(text);
    size_t room = 4 * size;
    char *converted;
    char *out;

    if (converter == NULL)
        return NULL;
    converted = out = malloc(room + 1);
    /* The second call: some hold the last character back, for marks that may follow it. */
    if (converted != NULL && (iconv(converter, &in, &size, &out, &room) == (size_t)-1 ||
                              iconv(converter, NULL, NULL, &out, &room) == (size_t)-1)) {
        free(converted);
        converted = NULL;
    }
    if (converted != NULL)
        *out = '\0';
    iconv_close(converter);
    return converted;
}

bool charset_is_usable(const char *charset)
{
    static const char signs[] = "\t\n\r \"',;|:.-_@0123456789"
                                "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    char text[sizeof signs] = "";
    char converted[MOST_GROWTH * sizeof signs];
    char *in = text;
    char *out = converted;
    size_t in_left = sizeof signs;
    size_t out_left = sizeof converted;
    /* To iconv an empty name is the locale's, and what follows a slash is a wish. */
    bool is_name =
        charset[0] != '\0' && strchr(charset, '/') == NULL && strlen(charset) < CHARSET_NAME_SIZE;
    iconv_t converter = is_name ? open_converter(charset) : NULL;

    if (converter == NULL)
        return false;
    memcpy(text, signs, sizeof signs);

    bool same = iconv(converter, &in, &in_left, &out, &out_left) != (size_t)-1 &&
                sizeof converted - out_left == sizeof signs &&
                memcmp(converted, signs, sizeof signs) == 0;

    iconv_close(converter);
    return same;
}

/* As much as is whole of what is at hand. */
static int convert(struct charset_stream *stream)
{
    struct buffer *input = &stream->input;
    struct buffer *text = &stream->text;
    char *in = (char *)input->data;
    size_t in_left = input->size;
    int error = buffer_reserve(text, MOST_GROWTH * input->size + LONGEST_CHARACTER);

    if (error != 0)
        return error;

    char *out = (char *)text->data;
    size_t out_left = text->capacity;

    if (iconv(stream->converter, &in, &in_left, &out, &out_left) == (size_t)-1)
        stream->broken = errno != EINVAL || stream->ended || in_left > LONGEST_CHARACTER;
    /* Some converters hold the last character back, for marks that may follow it. */
    if (stream->ended && !stream->broken &&
        iconv(stream->converter, NULL, NULL, &out, &out_left) == (size_t)-1)
        stream->broken = true;
    text->size = (size_t)(out - (char *)text->data);
    memmove(input->data, in, in_left);
    input->size = in_left;
    return 0;
}

static int take_input(struct charset_stream *stream, struct failure *failure)
{
    const void *data;
    size_t size;
    int error = stream->from->class->next(stream->from, &data, &size, failure);

    if (error != 0)
        return error;
    stream->ended = size == 0;
    stream->taken += size;
    return buffer_append(&stream->input, data, size);
}

static int charset_next(struct byte_stream *base, const void **ret_data, size_t *ret_size,
                        struct failure *failure)
{
    struct charset_stream *stream = (struct charset_stream *)base;
    int error = 0;

    buffer_clear(&stream->text);
    while (error == 0 && stream->text.size == 0 && !stream->broken && !stream->ended) {
        error = take_input(stream, failure);
        if (error == 0)
            error = convert(stream);
    }
    if (error == 0 && stream->text.size == 0 && stream->broken)
        error = failure_set(failure, EIO, "what comes next is not in the character set %s",
                            stream->charset);
    *ret_data = stream->text.data;
    *ret_size = stream->text.size;
    return error;
}

static const struct byte_stream_class charset_class = {charset_next};

int charset_stream_begin(struct charset_stream *stream, struct byte_stream *from,
                         const char *charset)
{
    *stream = (struct charset_stream){
        .stream = {&charset_class},
        .from = from,
        .charset = charset,
        .converter = open_converter(charset),
        .input = BUFFER(TEXT_LIMIT),
        .text = BUFFER(MOST_GROWTH * TEXT_LIMIT + LONGEST_CHARACTER),
    };
    return stream->converter != NULL ? 0 : errno == ENOMEM ? -ENOMEM : -EINVAL;
}

uint64_t charset_stream_place(const struct charset_stream *stream)
{
    return stream->taken - stream->input.size;
}

void charset_stream_end(struct charset_stream *stream)
{
    if (stream->converter != NULL)
        iconv_close(stream->converter);
    buffer_release(&stream->input);
    buffer_release(&stream->text);
}
