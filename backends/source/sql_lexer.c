/* SPDX-License-Identifier: MIT */
#include "backends/source/sql_lexer.h"

#include <stdlib.h>
#include <string.h>

#include "backends/source/charset_stream.h"
#include "fs/base/ascii.h"
#include "fs/base/utf8.h"

static bool is_space(char character)
{
    return character == ' ' || (character >= '\t' && character <= '\r');
}

static bool is_word(char character)
{
    char lower = ascii_lower(character);

    return (lower >= 'a' && lower <= 'z') || ascii_is_digit(character) || character == '_' ||
           character == '$' || (character & 0x80) != 0;
}

bool sql_is_half(enum sql_pairs pairs, const void *begin, const void *at)
{
    const unsigned char *first = at;

    if (pairs == SQL_PAIRS_NONE)
        return false;
    /* Behind what is ASCII a letter begins, even if that was the second half of one. */
    while (first > (const unsigned char *)begin && first[-1] >= 0x80)
        first--;
    while (first < (const unsigned char *)at)
        first += sql_begins_pair(pairs, *first) ? 2 : 1;
    return first > (const unsigned char *)at;
}

/* The end of what is quoted from AT on; the text's end when nothing closes it. */
static const char *quoted_end(const struct sql_lexer *lexer, const char *at)
{
    char quote = *at++;
    bool escapes = lexer->backslash && (quote == '\'' || (quote == '"' && !lexer->ansi_quotes));

    for (; at < lexer->end; at++) {
        if (at + 1 < lexer->end &&
            ((*at == '\\' && escapes) || sql_begins_pair(lexer->pairs, (unsigned char)*at))) {
            at++;
        } else if (*at == quote) {
            if (at + 1 == lexer->end || at[1] != quote)
                return at + 1;
            at++;
        }
    }
    return lexer->end;
}

static enum sql_token_type quoted_type(const struct sql_lexer *lexer, char quote)
{
    if (quote == '\'')
        return SQL_STRING;
    return quote == '"' && !lexer->ansi_quotes ? SQL_STRING : SQL_NAME;
}

struct sql_token sql_next(struct sql_lexer *lexer)
{
    while (lexer->at < lexer->end && is_space(*lexer->at))
        lexer->at++;

    struct sql_token token = {.type = SQL_END, .at = lexer->at};
    const char *at = lexer->at;

    if (at == lexer->end)
        return token;
    if (*at == '\'' || *at == '"' || *at == '`') {
        token.type = quoted_type(lexer, *at);
        at = quoted_end(lexer, at);
    } else if (*at == '[' && lexer->dialect == SQL_SQLITE) {
        token.type = SQL_NAME;
        while (at < lexer->end && *at++ != ']')
            continue;
    } else if (is_word(*at)) {
        token.type = ascii_is_digit(*at) ? SQL_NUMBER : SQL_WORD;
        while (at < lexer->end && (is_word(*at) || (token.type == SQL_NUMBER && *at == '.')))
            at++;
    } else {
        token.type = SQL_SIGN;
        at++;
    }
    token.size = (size_t)(at - token.at);
    lexer->at = at;
    return token;
}

struct sql_token sql_peek(const struct sql_lexer *lexer)
{
    struct sql_lexer copy = *lexer;

    return sql_next(&copy);
}

bool sql_is(const struct sql_token *token, const char *word)
{
    size_t size = strlen(word);

    if ((token->type != SQL_WORD && token->type != SQL_SIGN) || token->size != size)
        return false;
    for (size_t i = 0; i < size; i++) {
        if (ascii_lower(token->at[i]) != ascii_lower(word[i]))
            return false;
    }
    return true;
}

bool sql_accept(struct sql_lexer *lexer, const char *word)
{
    struct sql_lexer before = *lexer;
    struct sql_token token = sql_next(lexer);

    if (sql_is(&token, word))
        return true;
    *lexer = before;
    return false;
}

bool sql_accept_only_new(struct sql_lexer *lexer)
{
    return sql_accept(lexer, "IF") && sql_accept(lexer, "NOT") && sql_accept(lexer, "EXISTS");
}

void sql_skip_parentheses(struct sql_lexer *lexer)
{
    size_t depth = 1;

    while (depth > 0) {
        struct sql_token token = sql_next(lexer);

        if (token.type == SQL_END)
            return;
        depth += sql_is(&token, "(");
        depth -= sql_is(&token, ")");
    }
}

/* What a backslash and CHARACTER stand for in MySQL's strings. */
static char unescape(char character)
{
    switch (character) {
    case 'n': return '\n';
    case 't': return '\t';
    case 'r': return '\r';
    case '0': return '\0';
    case 'b': return '\b';
    case 'Z': return '\x1a';
    default: return character;
    }
}

static char *unquote(const struct sql_lexer *lexer, const struct sql_token *token)
{
    char quote = token->at[0] == '[' ? ']' : token->at[0];
    const char *at = token->at + 1;
    const char *end = token->at + token->size;
    char *text = malloc(token->size + 1);
    char *to = text;

    if (text == NULL)
        return NULL;
    if (end > at && end[-1] == quote)
        end--;
    for (; at < end; at++) {
        if (sql_begins_pair(lexer->pairs, (unsigned char)*at) && at + 1 < end) {
            to = mempcpy(to, at, 2);
            at++;
            continue;
        }
        if (*at == '\\' && token->type == SQL_STRING && lexer->backslash && at + 1 < end)
            *to++ = unescape(*++at);
        else
            *to++ = *at;
        if (*at == quote && at + 1 < end && at[1] == quote)
            at++;
    }
    *to = '\0';
    return text;
}

/* TEXT, which is taken over, in UTF-8. NULL: no memory. */
static char *decode(const struct sql_lexer *lexer, char *text)
{
    /* Letters of one byte make no UTF-8: programs write it into dumps of another set, too. */
    bool is_utf8 = text == NULL || lexer->charset == NULL ||
                   (lexer->pairs == SQL_PAIRS_NONE && utf8_whole(text, strlen(text)));
    char *decoded = is_utf8 ? NULL : charset_text(lexer->charset, text);

    if (decoded == NULL)
        return text;
    free(text);
    return decoded;
}

char *sql_text(const struct sql_lexer *lexer, const struct sql_token *token)
{
    if (token->type == SQL_NAME || token->type == SQL_STRING)
        return decode(lexer, unquote(lexer, token));

    char *text = strndup(token->at, token->size);

    for (char *at = text; text != NULL && *at != '\0' && lexer->dialect == SQL_POSTGRES; at++)
        *at = ascii_lower(*at);
    return decode(lexer, text);
}
