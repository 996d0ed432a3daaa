/* SPDX-License-Identifier: MIT */
/*
 * Tables as text: CSV and its relatives, as spreadsheets, CRMs and databases export
 * them. What is detected: the delimiter (comma, semicolon, tab, bar; where two would do, the user
 * is told), the quote (double, or single where no field has a double one), whether a backslash
 * takes the meaning of the quote behind it, as where MySQL writes a table into a file, or of tabs
 * and line ends, as mysqldump --tab and COPY write; that \N is NULL, and whether there are quotes
 * beside it; the character set (UTF-8 with or without a mark, UTF-16, else Windows-1252, of which
 * the user is told), line ends; quoting is that of RFC 4180 otherwise, line breaks within quotes
 * included.
 *
 * The first record names the columns, but for what mysqldump --tab writes, a .txt; a name that
 * lacks or is taken becomes "column2", "name (2)". All values are text: an empty field is NULL, ""
 * the empty text. Rows stand in the order of the file. A record with fewer fields is filled up with
 * NULLs, and the user is told of the first; one with more, unless those are empty, fails the table.
 * DOS's sign of a file's end, a 0x1A behind the last record's end, is none.
 */
#ifndef CRMFS_SOURCE_DELIMITED_H
#define CRMFS_SOURCE_DELIMITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "backends/source/charset_stream.h"
#include "backends/source/stream.h"
#include "backends/source/text_set.h"
#include "backends/source/utf16_stream.h"
#include "fs/base/failure.h"

#define DELIMITED_COLUMNS_LIMIT ((size_t)4096)

/* What ends a line, where there are escapes and no quotes: the other signs are text there. */
enum line_end { LINE_END_ANY, LINE_END_FEED, LINE_END_RETURN_FEED };

/* What fields are told apart by. */
struct delimited_signs {
    uint8_t delimiter;
    uint8_t quote;    /* 0: none */
    uint8_t escape;   /* 0: none; else it also stands before N for NULL, and n, r, t, 0 … */
    bool only_quotes; /* … of quotes, in quotes, and of nothing else */
    bool nulls;       /* a field that is \N is NULL, though it be all that a backslash stands for */
    enum line_end line_end;
};

struct dialect {
    struct delimited_signs signs;
    enum text_set set;
    char charset[CHARSET_NAME_SIZE]; /* of TEXT_OTHER */
    size_t mark_bytes;               /* of the byte order mark */
    bool escape_known;               /* the user says what it is, or that there is none … */
    bool quote_known;                /* … and so with the quote … */
    bool header_known;               /* … the header … */
    bool set_known;                  /* … and the character set */
    uint8_t rival;                   /* a delimiter that would do as well; 0: none would */
    bool headless; /* the first record is a row: columns are "column1", "column2" … */
    bool unsure;   /* few records were seen whole: more of the text may say otherwise */
};

/* What the user says of the dialect; the rest is detected. */
struct dialect_wish {
    bool delimiter_given;
    bool quote_given;
    bool escape_given;
    bool header_given;
    bool set_given;
    bool line_end_given;
    bool alone;      /* there is one file, and the user means that */
    bool named_tabs; /* the file's name says that there are tabs: so it is where there are some */
    struct dialect dialect;
};

/*
 * Takes the option NAME: delimiter (a character, "tab", "space"), quote and escape (a character,
 * "none"; escape also "quotes": a backslash, and before quotes only), charset (any that iconv knows
 * and that has ASCII in it, or UTF-16), header (yes, no), line-end (lf, crlf; where there are
 * escapes and no quotes, and of mysqldump --tab). 1: taken; 0: it is none of them; -EINVAL
 * in words.
 */
int delimited_option(struct dialect_wish *wish, const char *name, const char *value,
                     struct failure *failure);

/* The character set that was asked for, as iconv calls it; NULL: none was, or UTF-16. */
const char *delimited_wish_charset(const struct dialect_wish *wish);

/*
 * Whether what begins so (SIZE bytes; ENDED: that is all) is such a table. A name in .csv, .tsv or
 * .tab is believed, where the text allows it; of other names, only in .txt or without an ending,
 * at least three records must have the same number of fields, two or more. WISH: NULL or what
 * counts more than what is detected; where it says a delimiter, other names do as well as .txt, and
 * where it says anything of one file alone, that is believed, whatever it is called.
 * ret_dialect->unsure is told of what is none, too.
 */
bool delimited_recognise(const char *name, const uint8_t *begin, size_t size, bool ended,
                         const struct dialect_wish *wish, struct dialect *ret_dialect);

/*
 * Whether what begins so looks like such a table, whatever it is called: as in .txt, but where
 * there are commas, which prose has, too, there are three fields or more.
 */
bool delimited_resembles(const uint8_t *begin, size_t size, bool ended);

/*
 * Tables that several members of an archive hold a part of each: see delimited_parts.c for how they
 * are told. Columns that a part lacks are NULL in it.
 */
struct delimited_parts;

/* SERIES: members of one name are parts of one table. NULL: no memory. */
struct delimited_parts *delimited_parts_create(struct row_taker *taker, bool series);
void delimited_parts_free(struct delimited_parts *parts); /* NULL is allowed */

/* The member NAME cannot be read, or, NAME being NULL, some may be missing: so its table fails, or
 * all do. To be told before the end. */
int delimited_parts_fail(struct delimited_parts *parts, const char *name,
                         const struct failure *why);
int delimited_parts_end(struct delimited_parts *parts);

/*
 * Hands the table over under NAME, or what is a part of one of PARTS (NULL: none is). 0, or what
 * TAKER gave, -ENOMEM; -EIO as the stream.
 */
int delimited_read(struct byte_stream *stream, const struct dialect *dialect, const char *name,
                   struct row_taker *taker, struct delimited_parts *parts, struct failure *failure);

/* --- inside ------------------------------------------------------------------------------- */

struct delimited_field {
    size_t at; /* from the record's beginning; behind its quote */
    size_t size;
    bool quoted;
    bool doubled;     /* holds doubled quotes */
    size_t tail_at;   /* what stands behind the closing quote … */
    size_t tail_size; /* … and belongs to the field */
};

/*
 * Takes the record apart that begins at AT; fields beyond MOST are counted only (*ret_count).
 * Reads at most BYTE_WINDOW_SLACK behind END. NULL: it is not all there, unless ENDED; else
 * behind its line end. *ret_open: it ends within quotes.
 */
const uint8_t *delimited_record(struct delimited_signs signs, const uint8_t *at, const uint8_t *end,
                                bool ended, struct delimited_field *fields, size_t most,
                                size_t *ret_count, bool *ret_open);

/* --- delimited_trust ---------------------------------------------------------------------- */

enum delimited_trust {
    TRUST_NONE, /* it is none */
    TRUST_TEXT, /* it is one where its text says so */
    TRUST_NAME, /* it is one where its text allows it */
};

enum delimited_trust delimited_trust(const char *name, const struct dialect_wish *wish);

/* Whether it is called .tsv or .tab. */
bool delimited_is_called_tabs(const char *name);

/* --- delimited_escape --------------------------------------------------------------------- */

/* Copies a field without escapes, and of two quotes in a row one, if QUOTED. Behind the copy. */
uint8_t *delimited_unescape(uint8_t *to, const uint8_t *from, size_t size,
                            struct delimited_signs signs, bool quoted);

/*
 * Whether one of COUNT fields has an escape that no program writes: there are none, though the text
 * began as if there were. Letters stand for something only where there are no quotes, and N as a
 * field by itself.
 */
bool delimited_has_odd_escape(struct delimited_signs signs, const uint8_t *base,
                              const struct delimited_field *fields, size_t count);

/* Whether an escape takes one of them a sign that would end a field, or its quotes. */
bool delimited_hides_sign(struct delimited_signs signs, const uint8_t *base,
                          const struct delimited_field *fields, size_t count);

/* Whether one is \N: what that means could not be seen where the text begins. */
bool delimited_has_late_null(struct delimited_signs signs, const uint8_t *base,
                             const struct delimited_field *fields, size_t count);

/* Whether one goes on behind its quotes, with a backslash before the last: there are escapes, as
 * could not be seen where the text begins. */
bool delimited_lacks_escape(struct delimited_signs signs, const uint8_t *base,
                            const struct delimited_field *fields, size_t count);

/*
 * Whether one goes on behind its quotes as none does that a program quoted: what began it is text,
 * and there are no quotes, or it lacks one.
 */
bool delimited_has_stray_quote(struct delimited_signs signs, const uint8_t *base,
                               const struct delimited_field *fields, size_t count);

/* --- delimited_text ----------------------------------------------------------------------- */

struct delimited_text {
    struct byte_stream *stream; /* what is read, in … */
    enum text_set set;
    enum text_set from_set;
    struct utf16_stream wide;
    struct charset_stream other;
};

/* FROM and DIALECT outlive it. 0, -ENOMEM, -EINVAL; to be ended in any case. */
int delimited_text_begin(struct delimited_text *text, struct byte_stream *from,
                         const struct dialect *dialect);
void delimited_text_end(struct delimited_text *text);

/* --- delimited_parts ---------------------------------------------------------------------- */

/* The character set of a member was guessed. Whether to tell of it: the others are told of
 * together, at the end. */
bool delimited_parts_note_guess(struct delimited_parts *parts);

/* Where the rows of a part go. */
struct delimited_place {
    size_t table;   /* the taker's number */
    size_t columns; /* of the table, so far */
    size_t *places; /* of the part's columns among them */
    bool goes_on;   /* in other members, perhaps */
};

/*
 * A part with the COUNT columns of SCHEMA, named after the member NAME, begins: tells the taker of
 * the table, or of more columns. The caller frees ret_place->places.
 */
int delimited_parts_place(struct delimited_parts *parts, const char *name, struct schema *schema,
                          struct delimited_place *ret_place, struct failure *failure);

#endif
