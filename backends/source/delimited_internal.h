/* SPDX-License-Identifier: MIT */
/*
 * What the files of the reader of tables as text share:
 *
 *   delimited_read    rows
 *   delimited_header  the first record, and the table
 *   delimited_cell    a field as a cell
 *   delimited_charset  its text as UTF-8
 */
#ifndef CRMFS_SOURCE_DELIMITED_INTERNAL_H
#define CRMFS_SOURCE_DELIMITED_INTERNAL_H

#include "backends/source/delimited.h"
#include "fs/base/buffer.h"

struct delimited {
    struct byte_window window;
    struct row_taker *taker;
    struct delimited_parts *parts; /* NULL */
    const char *name;
    struct delimited_signs signs;
    enum text_set set;
    bool escape_known;
    bool quote_known;
    bool headless;
    bool header_known;
    bool set_known;
    uint8_t rival;
    size_t columns; /* of the first record */
    struct delimited_field *fields;
    struct delimited_place place;
    struct cell *cells; /* place.columns of them */
    struct buffer scratch;
    bool plain;          /* nothing in the record under way needs converting */
    bool full;           /* there are rows with all columns … */
    bool ragged;         /* … and some without … */
    size_t short_rows;   /* … so many, but for one that is told of by itself … */
    uint64_t short_line; /* … the first of them on this line */
    bool failed;
    size_t before;   /* fields of the record before; 0: there was none */
    bool torn_told;  /* that two may be one */
    bool set_told;   /* that the character set may be UTF-8 … */
    bool guess_told; /* … that it was guessed … */
    bool odd_told;   /* … that there are bytes which it has not */
};

/* The table fails, at the window's place. 0 or -errno. */
int delimited_fail(struct delimited *reader, const char *words);

/*
 * The next record at the window's place. 1 and its fields; 0: the end; -EFBIG, or as the window.
 * *ret_open: the text ends within quotes.
 */
int delimited_next_record(struct delimited *reader, size_t most, size_t *ret_count,
                          const uint8_t **ret_end, bool *ret_open, struct failure *failure);

/* A record of SIZE bytes at BASE is about to become cells. 0 or -ENOMEM. */
int delimited_begin_cells(struct delimited *reader, const uint8_t *base, size_t size);

/* Of a field of that record. */
void delimited_make_cell(struct delimited *reader, const uint8_t *base,
                         const struct delimited_field *field, struct cell *ret_cell);

/* Whether nothing in SIZE bytes at BASE, a record, needs converting or looking at. */
bool delimited_is_plain(const struct delimited *reader, const uint8_t *base, size_t size);

/* Behind what the record's cells have taken of scratch. */
uint8_t *delimited_scratch_end(struct delimited *reader);

/*
 * A cell's text becomes UTF-8: the first that is not ASCII decides, if need be, what the rest is
 * taken for. In scratch there is room for three times its size.
 */
void delimited_convert(struct delimited *reader, struct cell *cell);

/* Reads the first record, and tells of the table. -EILSEQ: there is none, or too many columns. */
int delimited_read_header(struct delimited *reader, struct failure *failure);

#endif
