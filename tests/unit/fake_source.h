/* SPDX-License-Identifier: MIT */
/*
 * A source in memory whose tables, version, ranges and faults a test sets as it
 * likes, and that watches its callers: whoever uses a closed transaction, leaves
 * a cursor open or holds on to a row for too long is counted, or caught by the
 * sanitizers. Safe from several threads at once. Without memory it aborts.
 */
#ifndef CRMFS_TESTS_FAKE_SOURCE_H
#define CRMFS_TESTS_FAKE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "tests/unit/fake_table.h"

#define NO_ROW SIZE_MAX
#define MOST_RANGES 64

/* How the source behaves from now on. Zeroed: well, in one range, with one cursor at a time. */
struct fake_behaviour {
    bool hurry;
    bool without_data; /* cells above CELL_INLINE_BYTES come without data */
    bool row_fails;    /* faulty_row of faulty_table, with row_error */
    unsigned parallel; /* 0: 1 */

    size_t ranges; /* of about as many rows each, even if fewer were wanted; 0: as many as wanted */
    size_t range_starts;         /* 0, or how many of these are the ranges' starts */
    int64_t starts[MOST_RANGES]; /* the first is taken as INT64_MIN */

    int version_error; /* negative errno of the functions of this name; 0: they work */
    int begin_error;
    int plan_error;
    int open_error;
    int cell_error;
    int row_error;

    bool unnoticed; /* that other tables are shown is no new version */

    unsigned stale_verifies;          /* so many answer -ESTALE, and the data has changed then */
    unsigned row_delay_us;            /* every row of faulty_table takes so long */
    const char *faulty_table;         /* NULL: any */
    size_t faulty_row;                /* from 0; the table's row count: instead of the end */
    void (*on_finish)(void *context); /* called when a transaction ends; may be NULL */
    void *finish_context;
    void (*on_version)(void *context); /* before the version is told, as it was; may be NULL */
    void *version_context;
    struct timespec changed; /* of the datasets that begin from now on; zero: by the version */
};

/* What has happened, and what is open at the moment. */
struct fake_counts {
    unsigned versions;
    unsigned begins;
    unsigned finishes;
    unsigned verifies;
    unsigned plans;
    unsigned cursors; /* opened so far */
    unsigned cell_reads;
    unsigned long rows;
    unsigned datasets_alive;
    unsigned transactions_open;
    unsigned cursors_open;
    unsigned cursors_open_most;
    unsigned violations; /* of the contract of source.h, told on standard error */
};

struct fake_source;

/* Its struct source is closed by whoever it is given to; the fake itself by fake_source_free. */
struct fake_source *fake_source_create(void);
struct source *fake_source_source(struct fake_source *fake);

/* Shows COUNT tables from now on (each reference is taken over), as a new version. */
void fake_source_set(struct fake_source *fake, struct fake_table *const *tables, size_t count);

/* Another version of the same tables. */
void fake_source_touch(struct fake_source *fake);

void fake_source_behave(struct fake_source *fake, const struct fake_behaviour *behaviour);
struct fake_counts fake_source_counts(struct fake_source *fake);

/* A dataset of what is shown now, past source.h's begin; released as any. */
struct dataset *fake_source_begin(struct fake_source *fake);

/* Fails unless the source is closed or was never used, nothing is open, and no contract broken. */
void fake_source_free(struct fake_source *fake);

#endif
