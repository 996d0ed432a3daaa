/* SPDX-License-Identifier: MIT */
/* An intake, and tables of an integer "id" and a "text" that are handed to it. */
#ifndef CRMFS_TESTS_UNIT_INTAKE_BENCH_H
#define CRMFS_TESTS_UNIT_INTAKE_BENCH_H

#include "fs/table/intake.h"

struct intake_bench {
    struct spool *spool;
    struct intake *intake;
    struct row_taker *taker;
};

/* An order by id, for intake_bench_begin(). */
extern const struct key_term intake_bench_by_id;

void intake_bench_start(struct intake_bench *bench);

/* Ends it; nothing is left in its spool. */
void intake_bench_stop(struct intake_bench *bench);

/* The schema of such a table, which has KEYS columns in its order; to be released. */
struct schema *intake_bench_schema(const char *name, size_t keys);

/* Begins a table, keyed by id when ORDER is not NULL; its number. */
size_t intake_bench_begin(struct intake_bench *bench, const char *name,
                          const struct key_term *order);

/* Hands a row of table number TABLE over. */
void intake_bench_give(struct intake_bench *bench, size_t table, int64_t id, const char *text,
                       size_t size);

/* That table INDEX, counted by name, shows EXPECTED as CSV. */
void intake_bench_check(struct intake_bench *bench, size_t index, const char *expected);

#endif
