/* SPDX-License-Identifier: MIT */
/*
 * The rows of a dump: INSERT, COPY, files for LOAD DATA, and what is computed; literals taken apart
 * and made cells. The rest of the reader is in dump_internal.h.
 */
#ifndef CRMFS_SOURCE_DUMP_ROWS_H
#define CRMFS_SOURCE_DUMP_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/dump_internal.h"

/* --- dump_literal, dump_insert, dump_copy, dump_cell --------------------------------------- */

enum literal_type {
    LITERAL_NULL,
    LITERAL_NUMBER,
    LITERAL_STRING,  /* as it stands */
    LITERAL_ESCAPED, /* holds escapes, or doubled quotes */
    LITERAL_HEX,     /* digits */
    LITERAL_BITS,    /* 0 and 1 */
    LITERAL_TRUE,
    LITERAL_FALSE,
    LITERAL_REPLACE, /* SQLite's .dump: replace('…','\n',char(10)), unistr('…'), as a whole */
    LITERAL_FIELD,   /* of COPY: with its escapes */
    LITERAL_DEFAULT, /* the word: whatever the column's default is */
};

struct dump_literal {
    enum literal_type type;
    bool binary;     /* not in the dump's character set */
    bool introduced; /* MySQL's _latin1 '…': its bytes are in … */
    bool backslash;  /* an escaped string's escapes */
    char quote;
    const char *charset; /* … this; NULL: UTF-8 */
    size_t at;           /* in the window, from its place */
    size_t size;
};

/* How a tuple ended. */
enum { TUPLE_BAD = -1, TUPLE_MORE = 0, TUPLE_WHOLE = 1 };

/*
 * Takes apart "(…)", which begins at AT; *ret_end: behind it. At most MOST literals; *ret_count of
 * them. TUPLE_MORE: it is not all there. Reads at most BYTE_WINDOW_SLACK behind END.
 */
int dump_parse_tuple(const struct dump_reader *reader, const uint8_t *at, const uint8_t *end,
                     struct dump_literal *literals, size_t most, size_t *ret_count,
                     const uint8_t **ret_end);

/* INSERT INTO database.name (names) VALUES */
struct dump_head {
    char *database;
    char *name;
    char **names; /* count of them; NULL: none are given */
    size_t count;
    enum same_key same_key; /* … by REPLACE, INSERT IGNORE; SAME_KEY_ROWS: as they come */
    bool values;            /* VALUES follows: the rows are here */
};

/*
 * Reads it; the window then stands behind VALUES, and the caller releases it. -EILSEQ: it is
 * another kind of INSERT.
 */
int dump_take_head(struct dump_reader *reader, struct dump_head *head, struct failure *failure);
void dump_head_release(struct dump_head *head);

/* --- dump_place ---------------------------------------------------------------------------- */

struct dump_insertion {
    struct dump_reader *reader;
    const struct dump_table *named; /* the table, or a partition of it */
    struct dump_table *table;
    bool listed; /* columns were named: some may be missing, or twice there */
    size_t value_count;
    size_t *places;      /* value I goes to shown column places[I], or nowhere: SIZE_MAX */
    size_t row_end;      /* the value that says until when the row is there; SIZE_MAX: none does */
    const char *unknown; /* a column that is named, and not there; NULL */
};

/* The table that HEAD says, which is made if need be, gets ready for rows. 0 or -errno. */
int dump_find_rows(struct dump_insertion *insert, const struct dump_head *head,
                   struct failure *failure);

/* Which value goes where; NAMES, COUNT of them, or NULL. The caller frees insert->places. */
int dump_place_values(struct dump_insertion *insert, char **names, size_t count,
                      struct failure *failure);

/* Columns were named: if they are not those that the table has, its rows are not known. */
int dump_check_names(struct dump_insertion *insert);

/* At INSERT or REPLACE: reads the statement and hands its rows over. */
int dump_insert(struct dump_reader *reader, struct failure *failure);

/* The statement is COPY … FROM stdin: reads the lines that follow. */
int dump_copy(struct dump_reader *reader, struct failure *failure);

/*
 * Makes CELL of a literal in a column of that TYPE. BASE: where the literals are counted from;
 * what is decoded goes to reader->scratch, in which there is room (dump_cell_room). -EILSEQ:
 * makes no sense in such a column.
 */
int dump_make_cell(struct dump_reader *reader, const struct dump_type *type, const uint8_t *base,
                   const struct dump_literal *literal, struct cell *cell);

/* Decodes a literal's escapes and doubled quotes, FROM its bytes to scratch. */
void dump_decode(struct dump_reader *reader, const struct dump_literal *literal,
                 const uint8_t *from, struct cell *cell);

/* --- dump_digits: to scratch, in which there is room -------------------------------------- */

/* Hexadecimal digits; MySQL's b'…', a string of bytes in most columns. 0; -EILSEQ: they are none.
 */
int dump_decode_hex(struct dump_reader *reader, const uint8_t *digits, size_t size,
                    struct cell *cell);
int dump_decode_bits(struct dump_reader *reader, const uint8_t *digits, size_t size,
                     struct cell *cell);

/* MySQL's BIT as a number; any number as shortest text, in SINGLE precision or not. As above. */
int dump_make_bits(struct dump_reader *reader, const uint8_t *at,
                   const struct dump_literal *literal, struct cell *cell);
int dump_make_real(struct dump_reader *reader, const uint8_t *at, size_t size, bool single,
                   struct cell *cell);

/* A number as somebody typed it, without its zeros in front: +5, 007, -00.5. */
void dump_trim_number(struct dump_reader *reader, struct cell *cell);

/* Where scratch goes on. */
static inline uint8_t *dump_scratch_end(struct dump_reader *reader)
{
    return reader->scratch.data + reader->scratch.size;
}

/* Of LITERAL_REPLACE. 0 or -EILSEQ. */
int dump_make_replaced(struct dump_reader *reader, const uint8_t *at, size_t size,
                       struct cell *cell);

/* The moments in CELL, a text, in UTC; to scratch, in which there is room. */
void dump_make_utc(struct dump_reader *reader, struct cell *cell);

/* Empties scratch and makes room for what the SIZE bytes of ROW, COUNT literals, may become. */
int dump_cell_room(struct dump_reader *reader, const uint8_t *row, size_t size, size_t count);

struct dialect_wish;

/* --- dump_load, dump_tab ------------------------------------------------------------------- */

#define DUMP_NO_QUOTE '\0'

/* How files of a table's rows are written. */
struct dump_load {
    uint8_t terminator; /* of fields */
    uint8_t quote;      /* DUMP_NO_QUOTE: none */
    bool returns;       /* lines end in a return and a feed */
    bool tab;           /* it is not said, but how mysqldump --tab writes them … */
    bool escape_known;  /* … and the user says that there is a backslash */
    bool tab_told;      /* that NULL may be written otherwise */
    bool own_bytes;
    const char *charset;
    size_t count;    /* fields of a line … */
    size_t *columns; /* … and of what columns they are */
    bool *hex;       /* their digits are bytes */
    size_t said;     /* statements */
    size_t read;     /* files */
};

/* The statement is LOAD DATA: its table knows how to read files of its rows, or fails. */
int dump_load_statement(struct dump_reader *reader);

/* What is read next is in the character set that LOAD says. */
void dump_load_set(struct dump_reader *reader, const struct dump_load *load);

/* All rows of the stream that has begun, of TABLE, which has a load. */
int dump_load_rows(struct dump_reader *reader, struct dump_table *table, struct failure *failure);

/*
 * A file of TABLE's rows, whose stream has begun, is as mysqldump --tab writes it, as WISH says
 * (NULL: nothing). 0, or -errno; the table may have failed.
 */
int dump_load_as_tab(struct dump_reader *reader, struct dump_table *table,
                     const struct dialect_wish *wish, struct failure *failure);

/* The row at BASE, which has been taken apart: if NULL is written as --tab does with another escape
 * than a backslash, TABLE fails, or the user is told. 0 or -errno. */
int dump_tab_check(struct dump_reader *reader, struct dump_table *table, const uint8_t *base);

/*
 * Takes the row at the window's place apart, into literals. 1 and its size; 0: it is not all there;
 * -EILSEQ: it is none.
 */
int dump_load_row(struct dump_reader *reader, const struct dump_load *load, size_t *ret_size);

/* Whether there were fewer files than statements, or more. */
bool dump_load_lacks(const struct dump_table *table);

void dump_load_free(struct dump_load *load); /* NULL is allowed */

/* --- dump_compute: the generated columns of SQLite's dumps --------------------------------- */

/* Makes what is left out of TABLE computed, if SQLite can. 0 or -ENOMEM. */
int dump_compute_begin(struct dump_reader *reader, struct dump_table *table);

/* Fills what is computed in the reader's cells, until its end. 0, or as dump_table_fail. */
int dump_compute(struct dump_reader *reader, struct dump_table *table);
void dump_compute_end(struct dump_table *table);

void dump_computer_free(struct dump_computer *computer); /* NULL is allowed */

#endif
