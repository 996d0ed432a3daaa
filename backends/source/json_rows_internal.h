/* SPDX-License-Identifier: MIT */
/*
 * What the files of the reader of tables as JSON share:
 *
 *   json_rows_read     one table, and all of the text
 *   json_rows_wrapped  objects around tables
 *   json_rows_export   the array of tables that phpMyAdmin writes
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

/* Rows up to the ']', whose '[' has been read; or, of LINES, to the end. */
int json_reader_rows(struct json_reader *reader, struct json_table *table, bool lines,
                     bool *ret_failed, struct failure *failure);

/* Goes behind the value that stands next; BASE, which it is counted from, stands till more is read.
 */
int json_reader_value(struct json_reader *reader, const uint8_t **ret_base,
                      struct json_piece *ret_value, struct failure *failure);

/* At '{': has READ read the value of each KEY in it. */
typedef int json_member_reader(struct json_reader *reader, void *context, const char *key,
                               bool *ret_failed, struct failure *failure);
int json_reader_members(struct json_reader *reader, json_member_reader *read, void *context,
                        bool *ret_failed, struct failure *failure);

/* Behind the '[' of phpMyAdmin's export: tables in it, one without a name of its own as NAME. */
int json_reader_export(struct json_reader *reader, const char *name, bool *ret_failed,
                       struct failure *failure);

/* At '{': tables in it, those without names of their own under NAME. */
int json_reader_wrapped(struct json_reader *reader, const char *name, unsigned depth,
                        bool *ret_failed, struct failure *failure);

#endif
