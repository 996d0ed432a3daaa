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

/*
 * Character sets in which a letter may have two bytes, of which the second may be a backslash by
 * itself. Whoever wrote the text saw the letter.
 */
enum sql_pairs {
    SQL_PAIRS_NONE,
    SQL_PAIRS_GBK, /* and GB18030, and Korean ones */
    SQL_PAIRS_BIG5,
    SQL_PAIRS_SJIS, /* its half katakana are letters of one byte */
};

/* Whether BYTE is the first of two, as MySQL sees it: bytes that are no text stand there, too. */
static inline bool sql_begins_pair(enum sql_pairs pairs, unsigned char byte)
{
    switch (pairs) {
    case SQL_PAIRS_GBK: return byte >= 0x81 && byte <= 0xfe;
    case SQL_PAIRS_BIG5: return byte >= 0xa1 && byte <= 0xf9;
    case SQL_PAIRS_SJIS: return (byte >= 0x81 && byte <= 0x9f) || (byte >= 0xe0 && byte <= 0xfc);
    default: return false;
    }
}

/* Whether what stands at AT is the second of two; at BEGIN no letter is half over. */
bool sql_is_half(enum sql_pairs pairs, const void *begin, const void *at);

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
    enum sql_pairs pairs;
    const char *charset; /* that names are in; NULL: UTF-8 */
    bool backslash;      /* escapes in strings */
    bool ansi_quotes;    /* "x" is a name, not a string */
    const char *at;
    const char *end;
};

struct sql_token sql_next(struct sql_lexer *lexer);
struct sql_token sql_peek(const struct sql_lexer *lexer);

/* Whether TOKEN is the bare word WORD (in capitals), or the sign. */
bool sql_is(const struct sql_token *token, const char *word);

/* Takes the next token if it is WORD. */
bool sql_accept(struct sql_lexer *lexer, const char *word);

/* The same of IF NOT EXISTS. */
bool sql_accept_only_new(struct sql_lexer *lexer);

/* Behind an opening parenthesis: goes on behind the one that closes it, or to the end. */
void sql_skip_parentheses(struct sql_lexer *lexer);

/*
 * What a name, a word or a string says, without quotes and in UTF-8, unless it is not in the
 * lexer's character set; the caller frees it. NULL: no memory. PostgreSQL's bare names are in small
 * letters.
 */
char *sql_text(const struct sql_lexer *lexer, const struct sql_token *token);

#endif
