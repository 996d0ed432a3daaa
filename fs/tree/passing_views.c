/* SPDX-License-Identifier: MIT */
#include "fs/tree/passing_views.h"

#include <string.h>
#include <strings.h>

#include "backends/source/sql_lexer.h"
#include "fs/base/ascii.h"

/*
 * What may stand before an opening parenthesis in a view that lasts: syntax, types, and functions
 * of any of the databases whose results are those of their arguments alone. Any other word may be
 * a function of the user's own.
 */
static const char lasting[] =
    " all and any array as asc begin between by case cast check collate cube distinct else end"
    " escape except exists filter from grouping group having if in index inner intersect interval"
    " into is isnull join key lateral left limit match materialized not notnull null nulls of"
    " offset on or order outer over partition range recursive returning right rollup row rows"
    " select separator sets some straight_join then union unique using values when where window"
    " with within xor"
    " bigint binary bit blob bool boolean char character date datetime dec decimal double float"
    " int integer mediumint nchar numeric precision real signed smallint text time timestamp"
    " tinyint unsigned varbinary varbit varchar varying year zone"
    " abs acos array_agg array_length array_to_string ascii asin atan atan2 avg bit_and bit_length"
    " bit_or bit_xor bool_and bool_or btrim cardinality ceil ceiling char_length"
    " character_length chr coalesce concat concat_ws convert corr cos cosh cot count covar_pop"
    " covar_samp crc32 date_add date_bin date_format date_part date_sub date_trunc datediff day"
    " dayname dayofmonth dayofweek dayofyear degrees div elt every exp extract field find_in_set"
    " first_value floor format from_base64 from_days get_byte glob greatest group_concat hex hour"
    " ifnull iif initcap instr json json_agg json_array json_array_length json_arrayagg"
    " json_build_array json_build_object json_contains json_each json_extract json_group_array"
    " json_group_object json_length json_object json_objectagg json_quote json_tree json_type"
    " json_unquote json_valid json_value jsonb_agg jsonb_array_elements jsonb_array_length"
    " jsonb_build_object julianday lag last_day last_value lcase lead least length like"
    " likelihood likely ln locate log log10 log2 lower lpad ltrim make_date make_interval"
    " makedate max md5 microsecond mid min minute mod month monthname nth_value ntile nullif"
    " nvl oct octet_length ord overlay percentile_cont percentile_disc period_diff"
    " position pow power printf quarter quote radians regexp_replace regexp_substr repeat replace"
    " reverse round row_to_json rpad rtrim second sha1 sha2 sign sin sinh soundex space"
    " split_part sqrt stddev stddev_pop stddev_samp strcmp strftime string_agg strpos substr"
    " substring substring_index sum tan tanh timediff timestampadd timestampdiff to_char to_date"
    " to_days to_json to_jsonb to_number to_timestamp total translate trim trunc truncate typeof"
    " ucase unicode unixepoch unix_timestamp unlikely unnest upper var_pop var_samp variance week"
    " weekday weekofyear width_bucket zeroblob ";

/* Most functions without arguments go by the clock, the session or chance; these do not. */
static const char lasting_alone[] =
    " count cume_dist dense_rank json_array json_object over percent_rank pi rank row_number ";

/* They need no parenthesis. */
static const char passing[] =
    " current_catalog current_date current_role current_schema current_time current_timestamp"
    " current_user information_schema localtime localtimestamp performance_schema session_user"
    " sysdate system_user ";

/* Of texts: moments, to date and time functions. */
static const char moments[] = " now today tomorrow yesterday subsec subsecond ";

/* Whether one of the WORDS, which spaces stand around, is the TEXT, whatever its case. */
static bool is_among(const char *words, const char *text, size_t size)
{
    char wanted[40] = " ";

    if (size == 0 || size > sizeof wanted - 3)
        return false;
    for (size_t i = 0; i < size; i++)
        wanted[i + 1] = ascii_lower(text[i]);
    memcpy(wanted + size + 1, " ", 2);
    return strchr(wanted + 1, ' ') == wanted + size + 1 && strstr(words, wanted) != NULL;
}

/* Behind the comment that TOKEN begins, if it does. */
static bool skip_comment(struct sql_lexer *lexer, const struct sql_token *token)
{
    bool line = sql_is(token, "-") && lexer->at < lexer->end && *lexer->at == '-';
    bool block = sql_is(token, "/") && lexer->at < lexer->end && *lexer->at == '*';

    if (!line && !block)
        return false;

    const char *end = line ? strchr(lexer->at, '\n') : strstr(lexer->at + 1, "*/");

    lexer->at = end == NULL ? lexer->end : line ? end : end + 2;
    return true;
}

static struct sql_token next_token(struct sql_lexer *lexer)
{
    struct sql_token token = sql_next(lexer);

    while (skip_comment(lexer, &token))
        token = sql_next(lexer);
    return token;
}

/* Whether what stands behind WORD and an opening parenthesis may be passing. */
static bool calls_passing(const struct sql_lexer *lexer, const struct sql_token *word)
{
    struct sql_lexer ahead = *lexer;
    struct sql_token first = next_token(&ahead);

    if (sql_is(&first, ")"))
        return !is_among(lasting_alone, word->at, word->size);
    if (word->type != SQL_WORD || !is_among(lasting, word->at, word->size))
        return true;
    if (!sql_is(word, "STRFTIME"))
        return false;
    /* A format alone is that of now. */
    first = next_token(&ahead);
    return sql_is(&first, ")");
}

static bool is_passing_word(const struct sql_lexer *lexer, const struct sql_token *token)
{
    return is_among(passing, token->at, token->size) || strncasecmp(token->at, "pg_", 3) == 0 ||
           (lexer->dialect == SQL_POSTGRES && sql_is(token, "USER"));
}

/* Behind FROM or JOIN in MySQL: a name with a dot is in another database, of which all is unknown.
 */
static bool is_elsewhere(const struct sql_lexer *lexer)
{
    struct sql_lexer ahead = *lexer;
    struct sql_token token = next_token(&ahead);

    while (sql_is(&token, "("))
        token = next_token(&ahead);
    token = next_token(&ahead);
    return lexer->dialect == SQL_MYSQL && sql_is(&token, ".");
}

/* TOKEN, behind which LEXER stands, in the query of a view. */
static bool is_passing_token(const struct sql_lexer *lexer, const struct sql_token *token)
{
    struct sql_lexer behind = *lexer;
    struct sql_token next = next_token(&behind);

    switch (token->type) {
    case SQL_SIGN: return *token->at == '@';
    case SQL_WORD:
        if (is_passing_word(lexer, token) ||
            ((sql_is(token, "FROM") || sql_is(token, "JOIN")) && is_elsewhere(lexer)))
            return true;
        return sql_is(&next, "(") && calls_passing(&behind, token);
    case SQL_NAME:
    case SQL_STRING:
        /* A quoted name may be a function's. */
        return token->size < 2 || is_among(moments, token->at + 1, token->size - 2) ||
               strncasecmp(token->at + 1, "pg_", 3) == 0 ||
               is_among(passing, token->at + 1, token->size - 2) || sql_is(&next, "(");
    default: return false;
    }
}

static bool is_passing(const char *kind, const char *statement)
{
    struct sql_lexer lexer = {
        .dialect = strcmp(kind, "mysql") == 0    ? SQL_MYSQL
                   : strcmp(kind, "sqlite") == 0 ? SQL_SQLITE
                                                 : SQL_POSTGRES,
        .backslash = strcmp(kind, "mysql") == 0,
        .ansi_quotes = true,
        .at = statement,
        .end = statement + strlen(statement),
    };
    struct sql_token token = next_token(&lexer);

    /* CREATE … VIEW name (columns) AS: who defined it is of no matter. */
    while (token.type != SQL_END && !sql_is(&token, "VIEW"))
        token = next_token(&lexer);
    while (token.type != SQL_END && !sql_is(&token, "AS"))
        token = next_token(&lexer);
    if (token.type == SQL_END)
        return true;
    for (token = next_token(&lexer); token.type != SQL_END && !sql_is(&token, ";");
         token = next_token(&lexer)) {
        if (is_passing_token(&lexer, &token))
            return true;
    }
    return false;
}

/* Its own part of a name that stands behind a schema's. */
static const char *last_part(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL ? dot + 1 : name;
}

void passing_views_find(const char *kind, struct schema *const *schemas, size_t count,
                        bool *ret_passing)
{
    bool more = false;

    for (size_t i = 0; i < count; i++) {
        ret_passing[i] = schemas[i]->kind == RELATION_VIEW && is_passing(kind, schemas[i]->ddl);
        more |= ret_passing[i];
    }
    /* One that merely has the name in it may use it. */
    while (more) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < count && schemas[i]->kind == RELATION_VIEW; j++) {
                if (ret_passing[i] || !ret_passing[j] ||
                    strcasestr(schemas[i]->ddl, last_part(schemas[j]->name)) == NULL)
                    continue;
                ret_passing[i] = more = true;
            }
        }
    }
}
