/* SPDX-License-Identifier: MIT */
/* Dumps in memory, read into a recording. */
#ifndef CRMFS_TESTS_DUMP_READING_H
#define CRMFS_TESTS_DUMP_READING_H

#include "tests/unit/recording_taker.h"

/* What a recording says of the column g of a table t that a dump has no values of. */
#define DUMP_LEFT_OUT                                                                             \
    "trouble t.g: generated columns, of which the dump has no values: schema.sql has what makes " \
    "them\n"

/* … and of a stretch that makes no sense. */
#define DUMP_DOUBTED                                                                        \
    "what stands here cannot be made out: tables may have stood in it, or rows of others; " \
    "look for another copy\n"

/* Reads the dump that the reading was begun with; what dump_read gives. */
int read_dump(struct recorded_reading *reading);

/* All that is handed over of the dump is EXPECTED, however it is cut into pieces. */
void check_dump(const char *dump, const char *expected);
void check_dump_sized(const char *dump, size_t size, const char *expected); /* with NULs in it */

#endif
