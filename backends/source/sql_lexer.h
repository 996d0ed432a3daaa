/* SPDX-License-Identifier: MIT */
/*
 * SQL text as tokens, for the statements of a dump that say what its tables are
 * like. The text is a whole statement without comments (dump_statement.h).
 */
#ifndef CRMFS_SOURCE_SQL_LEXER_H
#define CRMFS_SOURCE_SQL_LEXER_H

#include <stdbool.h>
#include <stddef.h>

enum sql_dialect { SQL_MYSQL, SQL_POSTGRES, SQL_SQLITE };

enum sql_token_type {
    SQL_END,
    SQL_WORD,   /* a keyword or a bare name */
    SQL_NAME,   /* a quoted name, quotes included */
    SQL_STRING, /* a string, quotes included */
    SQL_NUMBER,
    SQL_SIGN, /* one character */
};

struct sql_token {
    enum sql_token_type type;
    const char *at; /* into the text */
    size_t size;
};

struct sql_lexer {
    enum sql_dialect dialect;
    bool backslash;   /* escapes in strings */
    bool ansi_quotes; /* "x" is a name, not a string */
    const char *at;
    const char *end;
};

struct sql_token sql_next(struct sql_lexer *lexer);
struct sql_token sql_peek(const struct sql_lexer *lexer);

/* Whether TOKEN is the bare word WORD (in capitals), or the sign. */
bool sql_is(const struct sql_token *token, const char *word);

/* Takes the next token if it is WORD. */
bool sql_accept(struct sql_lexer *lexer, const char *word);

/* Behind an opening parenthesis: goes on behind the one that closes it, or to the end. */
void sql_skip_parentheses(struct sql_lexer *lexer);

/*
 * What a name, a word or a string says, without quotes; the caller frees it. NULL: no memory.
 * PostgreSQL's bare names are in small letters.
 */
char *sql_text(const struct sql_lexer *lexer, const struct sql_token *token);

#endif
