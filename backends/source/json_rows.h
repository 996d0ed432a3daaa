/* SPDX-License-Identifier: MIT */
/*
 * Tables as JSON (RFC 8259): objects one a line (NDJSON), an array of objects, or several one
 * behind another, or such arrays within an object, as programs' interfaces answer:
 * {"results":[…],"paging":{…}}; or what phpMyAdmin exports, the tables of one or several databases.
 *
 * A key is a column, in the order in which keys first come; one that is given twice in
 * an object becomes "key (2)". Numbers keep every digit, what is nested stays JSON;
 * null, and a key that is not there, are NULL. Column types are those of the values.
 * Rows stand in the order of the file. Where an answer says that it is one page of several, that is
 * told.
 *
 * Limits: an object is at most STREAM_ROW_LIMIT, nesting at most JSON_ROWS_DEPTH,
 * columns at most JSON_ROWS_COLUMNS. What is no JSON fails the table, with its place.
 */
#ifndef CRMFS_SOURCE_JSON_ROWS_H
#define CRMFS_SOURCE_JSON_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "backends/source/stream.h"
#include "backends/source/text_set.h"
#include "fs/base/failure.h"

#define JSON_ROWS_COLUMNS ((size_t)4096)
#define JSON_ROWS_DEPTH 512

/* Arrays are looked for in objects so deep. */
#define JSON_ROWS_WRAPPERS 4

enum json_layout { JSON_LINES, JSON_ARRAY, JSON_WRAPPED, JSON_EXPORT };

struct json_form {
    enum json_layout layout;
    enum text_set set; /* UTF-16, or anything else: taken for UTF-8 */
    bool unsure;       /* the first object goes on: more of the text may say otherwise */
};

/*
 * Whether what begins so (SIZE bytes) is such a table: a name in .json, .ndjson
 * or .jsonl is believed, where the text allows it; of other names, only those in .txt or
 * without an ending, whose first object is whole. datapackage.json is none. ret_form->unsure is
 * told of what is none, too.
 */
bool json_rows_recognise(const char *name, const uint8_t *begin, size_t size,
                         struct json_form *ret_form);

/*
 * Hands the tables over: under NAME, without folders and ending, or, where an array stands
 * under a key that says something ("contacts", not "results"), under that key; those of an export
 * under the names that they have in it. 0, or what TAKER
 * gave, -ENOMEM; -EIO as the stream.
 */
int json_rows_read(struct byte_stream *stream, const struct json_form *form, const char *name,
                   struct row_taker *taker, struct failure *failure);

/* --- inside ------------------------------------------------------------------------------- */

/* Reads text; when it fails, `at` is where, and `more` says that only the rest is missing. */
struct json_scan {
    const uint8_t *at;
    const uint8_t *end;
    bool more;
    bool too_deep; /* nested deeper than JSON_ROWS_DEPTH */
};

enum json_kind {
    JSON_NULL,
    JSON_TRUE,
    JSON_FALSE,
    JSON_INTEGER, /* a number without point and exponent */
    JSON_NUMBER,
    JSON_STRING,
    JSON_NESTED,
};

/* A piece of the text; of a string, without its quotes. */
struct json_piece {
    enum json_kind kind;
    size_t at; /* from where the caller counts */
    size_t size;
    bool escaped; /* a string with escapes */
};

struct json_member {
    struct json_piece key;
    struct json_piece value;
};

void json_skip_blank(struct json_scan *scan);

/* Goes behind SIGN, blanks before it included. */
bool json_accept(struct json_scan *scan, uint8_t sign);

/* Goes behind a value, blanks before it included; BASE: where pieces are counted from. */
bool json_scan_value(struct json_scan *scan, const uint8_t *base, struct json_piece *ret_piece);

/* A string, as a key; and the ':' behind it. */
bool json_scan_key(struct json_scan *scan, const uint8_t *base, struct json_piece *ret_piece);

/*
 * An object, blanks before it included. Members beyond MOST are counted only. Pieces are counted
 * from where the scan stood.
 */
bool json_scan_object(struct json_scan *scan, struct json_member *members, size_t most,
                      size_t *ret_count);

/*
 * A string without its escapes; TO has room for SIZE bytes. Half a surrogate pair becomes what it
 * would be in UTF-8 if that were allowed, so that it is not lost. How many bytes.
 */
size_t json_unescape(const uint8_t *from, size_t size, uint8_t *to);

/* A string as a name: a NUL and what is not UTF-8 are replaced. The caller frees it. NULL: no
 * memory.
 */
char *json_name_of(const uint8_t *text, size_t size, bool escaped);

/* --- json_table: one table of them --------------------------------------------------------- */

struct json_table;

/* NULL: no memory. */
struct json_table *json_table_create(struct row_taker *taker, const char *name);
void json_table_free(struct json_table *table); /* NULL is allowed */

/* An object at BASE is looked at, before the table is told of: what columns there are. */
int json_table_look(struct json_table *table, const uint8_t *base,
                    const struct json_member *members, size_t count, struct failure *failure);

/* … and handed over as a row; tells of the table, or of what has changed. */
int json_table_row(struct json_table *table, const uint8_t *base, size_t size,
                   const struct json_member *members, size_t count, struct failure *failure);

/* What was told of it last, and its number; NULL: nothing was. */
struct schema *json_table_told(const struct json_table *table, size_t *ret_number);

/* No more rows are to come. */
int json_table_finish(struct json_table *table, struct failure *failure);

/* The table cannot be had whole. */
int json_table_fail(struct json_table *table, const struct failure *why, struct failure *failure);

#endif
