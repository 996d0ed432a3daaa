/* SPDX-License-Identifier: MIT */
/* Tables as text in memory, read into a recording. */
#ifndef CRMFS_TESTS_DELIMITED_READING_H
#define CRMFS_TESTS_DELIMITED_READING_H

#include "backends/source/delimited.h"
#include "tests/unit/recording_taker.h"

/* Reads on with what was begun, under WISH (NULL: none); what delimited_read gives. */
int read_delimited(struct recorded_reading *reading, const char *name,
                   const struct dialect_wish *wish);

/* All that is handed over of the text is EXPECTED, however it is cut into pieces. */
void check_delimited(const char *text, const char *expected); /* of a/t.csv */
void check_delimited_sized(const char *name, const char *text, size_t size, const char *expected);

/* … with OPTIONS: names and values, and a NULL behind them. */
void check_delimited_wish(const char *text, const char *const *options, const char *expected);

/* REST is not there yet when it is detected how BEGIN is written. */
void check_delimited_late(const char *begin, const char *rest, const char *expected);

#endif
