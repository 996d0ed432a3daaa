/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>

#include "fs/restore/restore_internal.h"

/* Of what a table takes as CSV, this part it takes in any database. */
#define LEAST_PART 2

/* What the rows of tables that are made or added to take as CSV, as far as it is known. */
static uint64_t bytes_of(const struct restore_plan *plan)
{
    const struct dataset_class *class = plan->dataset->class;
    uint64_t bytes = 0;

    for (size_t i = 0; class->csv_bytes != NULL && i < plan->count; i++) {
        const struct restore_table *table = &plan->tables[i];

        if (table->filter == NULL && table->wanted == NULL &&
            (table->created || table->mode == LOAD_APPEND))
            bytes += class->csv_bytes(plan->dataset, table->source_table);
    }
    return bytes;
}

int restore_check_room(const struct restore_plan *plan, struct failure *failure)
{
    const struct target_class *target = plan->target->class;
    uint64_t needed = bytes_of(plan) / LEAST_PART;
    uint64_t room;

    if (needed == 0 || target->room == NULL || target->room(plan->target, &room) != 0 ||
        needed <= room)
        return 0;
    return failure_set(failure, ENOSPC,
                       "the rows take at least %llu MiB, and the target's disk has room for %llu; "
                       "nothing was changed. Make room, or restore fewer tables, with --table",
                       (unsigned long long)(needed >> 20), (unsigned long long)(room >> 20));
}
