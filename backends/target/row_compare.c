/* SPDX-License-Identifier: MIT */
#include "backends/target/row_compare.h"

#include "backends/target/row_sum.h"

#define VALUE_LIMIT ((size_t)2 << 30)

/* 1: the same; 0; or -errno. */
static int is_same(const struct fit *fit, const struct cell *put, const struct cell *found)
{
    cleanup_buffer struct buffer scratch = BUFFER(VALUE_LIMIT);
    cleanup_buffer struct buffer value = BUFFER(VALUE_LIMIT);
    struct row_sum is = {0};
    struct row_sum was = {0};
    struct fitted fitted;
    int error = buffer_reserve(&scratch, fit_room(put->size));

    if (error == 0)
        error = fit_cell(fit, put, &scratch, &fitted);
    if (error == 0)
        error = row_sum_add(&was, fit, &fitted.cell, 1, &value);
    if (error == 0)
        error = row_sum_add(&is, fit, found, 1, &value);
    return error == 0 ? row_sum_equal(&was, &is) : error;
}

int row_has(enum target_engine engine, const struct schema *table, const struct cell *found,
            size_t count, const size_t *columns, const struct cell *cells, size_t *ret_column)
{
    int same = 1;

    for (size_t i = 0; i < count && same == 1; i++) {
        const struct fit fit = fit_of(engine, &table->columns[columns[i]]);

        same = is_same(&fit, &cells[i], &found[columns[i]]);
        *ret_column = columns[i];
    }
    return same;
}
