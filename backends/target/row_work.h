/* SPDX-License-Identifier: MIT */
/*
 * What the loads of all databases do with a row before it is theirs: pick the cells that are
 * written, fetch large ones, see that each fits its column, and word what does not.
 */
#ifndef CRMFS_TARGET_ROW_WORK_H
#define CRMFS_TARGET_ROW_WORK_H

#include "backends/target/fit.h"
#include "backends/target/row_sum.h"
#include "backends/target/target.h"

/* A cell that came without data is held in memory, up to so many bytes. */
#define ROW_CELL_LIMIT ((uint64_t)1 << 30)

struct row_work {
    struct load_plan plan; /* columns and key are its own, the key never left to be found */
    enum target_engine engine;
    struct load_counts *counts; /* the load's */
    size_t column_count;        /* that are written */
    size_t *columns;            /* … which of the table's */
    size_t *from;               /* … from which cell */
    struct fit *fits;
    struct cell *cells;    /* of the row under way, fitted */
    struct cell *as_put;   /* … as it was put, of row_work_as_put */
    bool has_large;        /* … and large holds cells of it */
    size_t *key_places;    /* for each column of the key, its place in columns; SIZE_MAX: none */
    struct buffer scratch; /* of fitted cells */
    struct buffer large;   /* cells that came without data */
    struct buffer value;   /* of row_sum_add */
};

/* -EINVAL in words: the plan makes no sense. */
int row_work_create(struct row_work *work, enum target_engine engine, const struct load_plan *plan,
                    struct load_counts *counts, struct failure *failure);
void row_work_release(struct row_work *work); /* zeroed: nothing happens */

/* 1: work->cells are fitted; 0: the row is left out; -errno: the load ends. */
int row_work_take(struct row_work *work, const struct cell *cells, struct cursor *cursor,
                  struct failure *failure);

/*
 * The CELLS that were put of the row under way; where rows may be set aside, with the data of large
 * ones that are written. Valid until the next row.
 */
const struct cell *row_work_as_put(struct row_work *work, const struct cell *cells);

/*
 * A row is bad: tells whoever is to be told. 0: it is left out; else what ends the load, -CODE in
 * words if nobody is. What BAD does not say of row and cells is said to be those under way.
 */
int row_work_refuse(struct row_work *work, const struct bad_row *bad, int code,
                    struct failure *failure);

/* Adds the fitted row. */
int row_work_sum(struct row_work *work, struct row_sum *sum);

/* The name of the column that is written as number INDEX. */
const char *row_work_column(const struct row_work *work, size_t index);

/* Whether it is one of the key. */
bool row_work_is_key(const struct row_work *work, size_t index);

/* Whether the fitted row's key is one: with NULL in it, it is no other row's. */
bool row_work_has_key(const struct row_work *work);

#endif
