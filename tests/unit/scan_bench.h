/* SPDX-License-Identifier: MIT */
/* A source of one table, and where it is scanned to. What goes wrong ends the program. */
#ifndef CRMFS_TESTS_UNIT_SCAN_BENCH_H
#define CRMFS_TESTS_UNIT_SCAN_BENCH_H

#include "fs/table/scan.h"
#include "tests/unit/fake_source.h"

extern const uint8_t scan_cut_key[CUTTER_KEY_BYTES];

struct scan_bench {
    struct fake_source *fake;
    struct fake_table *table; /* the source's */
    struct dataset *dataset;
    struct spool *spool;
};

/* TABLE is the bench's from now on; BEHAVIOUR of its source may be NULL. */
struct scan_bench scan_bench_create(struct fake_table *table,
                                    const struct fake_behaviour *behaviour);

/* Nothing is left in its spool. */
void scan_bench_free(struct scan_bench *bench);

/* As image_scan(), of its table. */
int scan_bench_try(struct scan_bench *bench, unsigned threads, const bool *cancelled,
                   struct image **ret_image, struct failure *failure);

/* The same of what succeeds. */
struct image *scan_bench_scan(struct scan_bench *bench, unsigned threads);

/* Scans the table, which is taken over, and looks at every byte. */
void scan_bench_check(struct fake_table *table, const struct fake_behaviour *behaviour,
                      unsigned threads);

/* A table of cells of more than a megabyte of all kinds, between ordinary ones. */
struct fake_table *scan_large_cells(void);

#endif
