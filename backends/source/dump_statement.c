/* SPDX-License-Identifier: MIT */
/*
 * Statements and comments. A version comment of MySQL's, as in
 * "/" "*!40101 SET NAMES utf8 *" "/", counts as what stands in it, as it does for a
 * server of any version that crmfs will meet; so does MariaDB's "/" "*M!". The one
 * exception, MariaDB's "sandbox mode" line, holds "\-", which no statement begins
 * with, and is passed over wherever it stands.
 */
#include <errno.h>
#include <string.h>

#include "backends/source/dump_internal.h"
#include "fs/base/ascii.h"

/* No mark that a statement's end depends on is longer. */
#define LOOK_AHEAD 80

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static bool is_word(uint8_t byte)
{
    char lower = ascii_lower((char)byte);

    return (lower >= 'a' && lower <= 'z') || (byte >= '0' && byte <= '9') || byte == '_' ||
           byte >= 0x80;
}

static const uint8_t *here(const struct dump_reader *reader)
{
    return reader->window.data + reader->window.at;
}

static size_t left(const struct dump_reader *reader)
{
    return reader->window.end - reader->window.at;
}

bool dump_stands_here(const struct dump_reader *reader, const char *text)
{
    size_t size = strlen(text);

    return left(reader) >= size && memcmp(here(reader), text, size) == 0;
}

bool dump_at_word(const struct dump_reader *reader, const char *word)
{
    size_t size = strlen(word);
    const uint8_t *at = here(reader);

    if (left(reader) < size)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (ascii_lower((char)at[i]) != ascii_lower(word[i]))
            return false;
    }
    return left(reader) == size || !is_word(at[size]);
}

/* Goes on behind MARK, or to the end. */
static int skip_behind(struct dump_reader *reader, const char *mark, struct failure *failure)
{
    struct byte_window *window = &reader->window;
    size_t size = strlen(mark);

    for (;;) {
        int error = byte_window_want(window, size, failure);

        if (error != 0)
            return error;
        if (left(reader) < size) {
            window->at = window->end;
            return 0;
        }

        const uint8_t *found = memmem(here(reader), left(reader), mark, size);

        const uint8_t *end = found != NULL ? found + size : window->data + window->end - (size - 1);

        if (memchr(here(reader), '\0', (size_t)(end - here(reader))) != NULL)
            reader->lacks_blocks = true;
        window->at = (size_t)(end - window->data);
        if (found != NULL)
            return 0;
    }
}

static bool at_line_comment(const struct dump_reader *reader)
{
    if (reader->dialect == SQL_MYSQL)
        return dump_stands_here(reader, "#") ||
               (dump_stands_here(reader, "--") && (left(reader) == 2 || is_space(here(reader)[2])));
    return dump_stands_here(reader, "--");
}

static bool at_version_comment(const struct dump_reader *reader)
{
    return reader->dialect == SQL_MYSQL &&
           (dump_stands_here(reader, "/*!") || dump_stands_here(reader, "/*M!"));
}

/* "/" "*!40101 " and the like. */
static void skip_version_mark(struct dump_reader *reader)
{
    struct byte_window *window = &reader->window;

    window->at += dump_stands_here(reader, "/*M!") ? 4 : 3;
    while (window->at < window->end && here(reader)[0] >= '0' && here(reader)[0] <= '9')
        window->at++;
}

/* "\-" is the client's word for "off"; the comment that holds it is no statement. */
static bool at_sandbox_mark(const struct dump_reader *reader)
{
    const uint8_t *at = here(reader);
    size_t size = left(reader) < LOOK_AHEAD ? left(reader) : LOOK_AHEAD;
    const uint8_t *mark = memmem(at, size, "\\-", 2);
    const uint8_t *close = memmem(at, size, "*/", 2);

    return at_version_comment(reader) && mark != NULL && (close == NULL || mark < close);
}

int dump_skip_blank(struct dump_reader *reader, struct failure *failure)
{
    struct byte_window *window = &reader->window;

    for (;;) {
        int error = byte_window_want(window, LOOK_AHEAD, failure);

        while (error == 0 && left(reader) != 0 && is_space(here(reader)[0]))
            window->at++;
        if (error == 0 && left(reader) < LOOK_AHEAD && !window->ended)
            continue;
        if (error != 0)
            return error;
        if (left(reader) == 0)
            return 0;
        error = dump_take_mark(reader, failure);
        if (error != 0)
            return error;
        if (at_line_comment(reader))
            error = skip_behind(reader, "\n", failure);
        else if (dump_stands_here(reader, "/*") &&
                 (!at_version_comment(reader) || at_sandbox_mark(reader)))
            error = skip_behind(reader, "*/", failure);
        else
            return 1;
        if (error != 0)
            return error;
    }
}

static int append(struct buffer *buffer, struct dump_reader *reader, const void *bytes, size_t size)
{
    if (buffer->size + size >= DUMP_STATEMENT_LIMIT)
        reader->too_long = true;
    return reader->too_long ? 0 : buffer_append(buffer, bytes, size);
}

/* Takes SIZE bytes; they count as SHOWN. */
static int take(struct dump_reader *reader, size_t size, const char *shown)
{
    const uint8_t *at = here(reader);
    int error = append(&reader->raw, reader, at, size);

    if (error == 0)
        error = shown != NULL ? append(&reader->statement, reader, shown, strlen(shown))
                              : append(&reader->statement, reader, at, size);
    reader->window.at += size;
    return error;
}

/* A comment: it counts as a space. */
static int take_behind(struct dump_reader *reader, const char *mark, struct failure *failure)
{
    size_t size = strlen(mark);
    int error = append(&reader->statement, reader, " ", 1);

    while (error == 0) {
        error = byte_window_want(&reader->window, size, failure);
        if (error != 0 || left(reader) < size)
            break;
        if (dump_stands_here(reader, mark)) {
            error = append(&reader->raw, reader, here(reader), size);
            reader->window.at += size;
            return error;
        }
        error = append(&reader->raw, reader, here(reader), 1);
        reader->window.at++;
    }
    if (error == 0)
        reader->window.at = reader->window.end;
    return error;
}

/* A quoted piece, from its quote to the one that closes it. */
static int take_quoted(struct dump_reader *reader, struct failure *failure)
{
    uint8_t quote = here(reader)[0];
    bool escapes = quote != '`' && reader->backslash && (quote == '\'' || !reader->ansi_quotes);
    int error = take(reader, 1, NULL);

    while (error == 0 && (error = byte_window_want(&reader->window, 2, failure)) == 0) {
        if (left(reader) == 0)
            return 0;

        const uint8_t *at = here(reader);
        bool pair =
            left(reader) > 1 && ((escapes && at[0] == '\\') || (at[0] == quote && at[1] == quote) ||
                                 sql_begins_pair(reader->pairs, at[0]));

        if (!pair && at[0] == quote)
            return take(reader, 1, NULL);
        error = take(reader, pair ? 2 : 1, NULL);
    }
    return error;
}

/* SQLite's [name]: there is no ] in it. */
static int take_bracketed(struct dump_reader *reader, struct failure *failure)
{
    int error = 0;

    while (error == 0 && (error = byte_window_want(&reader->window, 1, failure)) == 0 &&
           left(reader) != 0) {
        bool ends = here(reader)[0] == ']';

        error = take(reader, 1, NULL);
        if (ends)
            break;
    }
    return error;
}

/* PostgreSQL's $tag$; 0: none stands here. */
static size_t dollar_tag(const struct dump_reader *reader, char tag[LOOK_AHEAD])
{
    const uint8_t *at = here(reader);
    size_t size = 1;

    if (reader->dialect != SQL_POSTGRES || at[0] != '$')
        return 0;
    while (size < left(reader) && size < LOOK_AHEAD - 2 && is_word(at[size]))
        size++;
    if (size >= left(reader) || at[size] != '$')
        return 0;
    memcpy(tag, at, size + 1);
    tag[size + 1] = '\0';
    return size + 1;
}

static int take_dollars(struct dump_reader *reader, const char *tag, struct failure *failure)
{
    int error = take(reader, strlen(tag), " ");

    return error != 0 ? error : take_behind(reader, tag, failure);
}

/* One piece of the statement. */
static int take_piece(struct dump_reader *reader, bool *in_version, struct failure *failure)
{
    uint8_t byte = here(reader)[0];
    char tag[LOOK_AHEAD];

    if (byte == '\'' || byte == '"' || (byte == '`' && reader->dialect != SQL_POSTGRES))
        return take_quoted(reader, failure);
    if (byte == '[' && reader->dialect == SQL_SQLITE)
        return take_bracketed(reader, failure);
    if (byte == '$' && dollar_tag(reader, tag) != 0)
        return take_dollars(reader, tag, failure);
    if (at_line_comment(reader)) {
        reader->commented = true;
        return take_behind(reader, "\n", failure);
    }
    if (at_version_comment(reader) && !*in_version) {
        size_t before = reader->window.at;

        skip_version_mark(reader);

        size_t size = reader->window.at - before;

        reader->window.at = before;
        *in_version = true;
        return take(reader, size, " ");
    }
    if (*in_version && dump_stands_here(reader, "*/")) {
        *in_version = false;
        return take(reader, 2, " ");
    }
    if (dump_stands_here(reader, "/*")) {
        reader->commented = true;
        return take_behind(reader, "*/", failure);
    }
    return take(reader, 1, NULL);
}

/* Whether a semicolon here ends the statement, whatever the delimiter: the client sends several at
 * once, and the server takes them apart. */
static bool at_semicolon(struct dump_reader *reader)
{
    struct dump_extent *extent = &reader->extent;

    if (here(reader)[0] != ';' || reader->dialect != SQL_MYSQL || reader->too_long)
        return false;
    if (!extent->asked)
        extent->is_plain = dump_is_plain(
            dump_lexer(reader, (const char *)reader->statement.data, reader->statement.size));
    extent->asked = true;
    return extent->is_plain;
}

/* What a statement has swallowed may be more than its own. */
static void note_endless(const struct dump_reader *reader)
{
    dump_tell(reader, EILSEQ,
              "a statement with others in it does not end within %zu MiB, or within the dump: what "
              "stands in it is left out: %.60s …",
              DUMP_STATEMENT_LIMIT >> 20, (const char *)reader->statement.data);
}

int dump_read_statement(struct dump_reader *reader, struct failure *failure)
{
    bool in_version = false;
    bool ended = false;
    int error = 0;

    buffer_clear(&reader->statement);
    buffer_clear(&reader->raw);
    reader->extent = (struct dump_extent){.seen = 0};
    reader->too_long = false;
    reader->commented = false;
    while ((error = byte_window_want(&reader->window, LOOK_AHEAD, failure)) == 0 &&
           left(reader) != 0) {
        if (dump_stands_here(reader, reader->delimiter)) {
            if (!dump_goes_on(reader)) {
                reader->window.at += strlen(reader->delimiter);
                ended = !reader->too_long;
                break;
            }
            error = take(reader, strlen(reader->delimiter), NULL);
        } else if (at_semicolon(reader)) {
            reader->window.at++;
            break;
        } else {
            error = take_piece(reader, &in_version, failure);
        }
        if (error != 0)
            return error;
    }

    bool endless = error == 0 && !ended && dump_has_no_end(reader);

    if (error == 0)
        error = buffer_append(&reader->statement, "", 1);
    if (error == 0)
        error = buffer_append(&reader->raw, "", 1);
    if (error == 0 && endless)
        note_endless(reader);
    return error;
}

int dump_read_line(struct dump_reader *reader, struct failure *failure)
{
    int error;

    buffer_clear(&reader->statement);
    reader->too_long = false;
    while ((error = byte_window_want(&reader->window, 1, failure)) == 0 && left(reader) != 0) {
        uint8_t byte = here(reader)[0];

        reader->window.at++;
        if (byte == '\n')
            break;
        error = append(&reader->statement, reader, &byte, 1);
        if (error != 0)
            return error;
    }
    return error != 0 ? error : buffer_append(&reader->statement, "", 1);
}
