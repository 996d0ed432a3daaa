/* SPDX-License-Identifier: MIT */
/*
 * What the files of the reader of tables as JSON share:
 *
 *   json_rows_read     one table, and all of the text
 *   json_rows_wrapped  objects around tables
 *   json_rows_table    what is known of a table, and its rows handed over
 *   json_rows_scan     JSON taken apart; json_rows_recognise: whether a text is such a table
 */
#ifndef CRMFS_SOURCE_JSON_ROWS_INTERNAL_H
#define CRMFS_SOURCE_JSON_ROWS_INTERNAL_H

#include "backends/source/json_rows.h"

struct json_reader {
    struct byte_window window;
    struct row_taker *taker;
    const char *path;            /* for words */
    struct json_member *members; /* room for JSON_ROWS_COLUMNS */
    bool page_told;              /* that it is one of several */
};

/* What stands at the window's place. */
struct json_scan json_reader_scan(const struct json_reader *reader);

/* Goes to where SCAN has come. */
void json_reader_go(struct json_reader *reader, const struct json_scan *scan);

/*
 * More of the text than a scan saw, which will look at it from the beginning again: twice as much.
 * 1; 0: there is no more; -EFBIG …
 */
int json_reader_look_further(struct json_reader *reader, struct failure *failure);

/* What stands next, behind blanks; 0: the end; -errno. */
int json_reader_next_sign(struct json_reader *reader, struct failure *failure);

/* The text makes no sense at AT. -EIO. */
int json_reader_refuse(struct json_reader *reader, const uint8_t *at, struct failure *failure);

/*
 * The table NAME, whose '[' has been read, and of JSON_ARRAY what other arrays follow; or, of
 * JSON_LINES, all that follows.
 */
int json_reader_table(struct json_reader *reader, const char *name, enum json_layout layout,
                      bool *ret_failed, struct failure *failure);

/* At '{': tables in it, those without names of their own under NAME. */
int json_reader_wrapped(struct json_reader *reader, const char *name, unsigned depth,
                        bool *ret_failed, struct failure *failure);

#endif
