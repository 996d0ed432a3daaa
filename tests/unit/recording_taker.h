/* SPDX-License-Identifier: MIT */
/*
 * A taker that writes down what a stream hands it, a line an event:
 *
 *   table 0 NAME (COLUMN:TYPE,…) key COLUMN,… order COLUMN:N,…; a view: table 0 NAME () by DDL;
 *                              "the last", or "the first", of rows of one key is the row
 *   row 0 CELL|CELL|…          NULL, #number, "text, xHEX, ?t
 *   change 0 …, fail 0 WORDS, drop 0, trouble WORDS, member PATH BYTES, moment SECONDS
 */
#ifndef CRMFS_TESTS_RECORDING_TAKER_H
#define CRMFS_TESTS_RECORDING_TAKER_H

#include <stddef.h>

#include "backends/source/byte_stream.h"
#include "backends/source/stream.h"
#include "fs/base/buffer.h"

#define RECORDING_TABLES 64

struct recording_taker {
    struct row_taker taker;
    struct buffer text; /* NUL-terminated by recording_text */
    size_t tables;
    size_t columns[RECORDING_TABLES]; /* of each table */
    size_t rows;
    int error; /* what every row gives; 0 */
};

void recording_begin(struct recording_taker *recording);
const char *recording_text(struct recording_taker *recording);
void recording_end(struct recording_taker *recording);

/* Bytes in memory as a stream, STEP of them at a time; it fails behind them when FAILS. */
struct memory_stream {
    struct byte_stream stream;
    const char *bytes;
    size_t size;
    size_t step;
    bool fails;
};
void memory_stream_begin(struct memory_stream *stream, const void *bytes, size_t size, size_t step);

/* A reader of streams at work: on bytes in memory, what it hands over, and why it fails. */
struct recorded_reading {
    struct memory_stream from;
    struct recording_taker into;
    struct failure failure;
    const char *charset; /* of dumps that say none; NULL: UTF-8 */
};
void recorded_reading_begin(struct recorded_reading *reading, const void *bytes, size_t size,
                            size_t step);
void recorded_reading_end(struct recorded_reading *reading);

#endif
