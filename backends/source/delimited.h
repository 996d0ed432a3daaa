/* SPDX-License-Identifier: MIT */
/*
 * Tables as text: CSV and its relatives, as spreadsheets, CRMs and databases export
 * them. What is detected: the delimiter (comma, semicolon, tab, bar), the character
 * set (UTF-8 with or without a mark, UTF-16, else Windows-1252), line ends; quotes are
 * those of RFC 4180, line breaks within them included.
 *
 * The first record names the columns; a name that lacks or is taken becomes "column2",
 * "name (2)". All values are text: an empty field is NULL, "" the empty text. Rows
 * stand in the order of the file. A record with fewer fields is filled up with NULLs;
 * one with more, unless those are empty, fails the table.
 */
#ifndef CRMFS_SOURCE_DELIMITED_H
#define CRMFS_SOURCE_DELIMITED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/byte_stream.h"
#include "backends/source/stream.h"
#include "backends/source/text_set.h"
#include "fs/base/failure.h"

#define DELIMITED_COLUMNS_LIMIT ((size_t)4096)

struct dialect {
    uint8_t delimiter;
    enum text_set set;
    size_t mark_bytes; /* of the byte order mark */
};

/*
 * Whether what begins so (SIZE bytes; ENDED: that is all) is such a table. A name in .csv, .tsv or
 * .tab is believed, where the text allows it; of other names, only in .txt or without an ending,
 * at least three records must have the same number of fields, two or more.
 */
bool delimited_recognise(const char *name, const uint8_t *begin, size_t size, bool ended,
                         struct dialect *ret_dialect);

/* Hands the table over under NAME. 0, or what TAKER gave, -ENOMEM; -EIO as the stream. */
int delimited_read(struct byte_stream *stream, const struct dialect *dialect, const char *name,
                   struct row_taker *taker, struct failure *failure);

/* --- inside ------------------------------------------------------------------------------- */

struct delimited_field {
    size_t at; /* from the record's beginning; behind its quote */
    size_t size;
    bool quoted;
    bool doubled; /* holds doubled quotes */
};

/*
 * Takes the record apart that begins at AT; fields beyond MOST are counted only (*ret_count).
 * Reads at most BYTE_WINDOW_SLACK behind END. NULL: it is not all there, unless ENDED; else
 * behind its line end. *ret_open: it ends within quotes.
 */
const uint8_t *delimited_record(uint8_t delimiter, const uint8_t *at, const uint8_t *end,
                                bool ended, struct delimited_field *fields, size_t most,
                                size_t *ret_count, bool *ret_open);

#endif
