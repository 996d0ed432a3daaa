/* SPDX-License-Identifier: MIT */
#include "fs/restore/restore_digest.h"

#include <errno.h>

#include "backends/target/create.h"
#include "backends/target/row_work.h"
#include "fs/restore/restore_internal.h"

struct digesting {
    struct row_work work;
    struct row_sum sum;
};

/* A row that does not fit is counted, and is no reason to end. */
static int leave_out(void *context, const struct bad_row *bad)
{
    (void)context;
    (void)bad;
    return 0;
}

static int add_row(void *context, const struct cell *cells, struct cursor *cursor,
                   struct failure *failure)
{
    struct digesting *digesting = context;
    int taken = row_work_take(&digesting->work, cells, cursor, failure);

    return taken == 1 ? row_work_sum(&digesting->work, &digesting->sum) : taken;
}

int restore_digest(const struct restore_plan *plan, const struct restore_table *table,
                   struct load_counts *ret_counts, struct failure *failure)
{
    const struct load_plan load_plan = {
        .table = table->target,
        .cell_count = table->source->column_count,
        .columns = table->columns,
        .mode = LOAD_APPEND,
        .refuse = leave_out,
    };
    struct digesting digesting = {.sum = {.rows = 0}};
    struct load_counts counts = {.put = 0};
    int error = row_work_create(&digesting.work, target_engine_of(plan->target->class->kind),
                                &load_plan, &counts, failure);

    if (error != 0)
        return error;
    error = restore_read(plan, table, add_row, &digesting, failure);
    /* The source was made without the table's rows, and none were written. */
    if (error == -ENODATA && counts.put == 0)
        error = 0;
    row_work_release(&digesting.work);
    counts.inserted = digesting.sum.rows;
    counts.digest[0] = digesting.sum.high;
    counts.digest[1] = digesting.sum.low;
    if (error == 0)
        *ret_counts = counts;
    return error;
}
