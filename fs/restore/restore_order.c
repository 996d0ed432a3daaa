/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"
#include "fs/restore/statement_list.h"

enum mark { MARK_NONE, MARK_UNDER_WAY, MARK_DONE };

struct ordering {
    const struct restore_plan *plan;
    enum mark *marks;
    size_t *order; /* indexes into the plan's tables */
    size_t count;
};

/* The schema whose foreign keys count: the target's own, once there is one. */
static const struct schema *keys_of(const struct restore_table *table)
{
    return table->target != NULL ? table->target : table->source;
}

static size_t find(const struct restore_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(keys_of(&plan->tables[i])->name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

// NOLINTNEXTLINE(misc-no-recursion)
static void visit(struct ordering *ordering, size_t index);

/* What partitions of the table refer to, which its schema does not say. */
// NOLINTNEXTLINE(misc-no-recursion)
static void visit_tied(struct ordering *ordering, size_t index)
{
    const struct restore_plan *plan = ordering->plan;
    const struct statement_list *list = plan->statements;

    for (size_t i = 0; list != NULL && i < list->count; i++) {
        const struct stated *item = &list->items[i];
        size_t table = item->kind == STATED_KEY ? statement_list_table(list, item->name) : SIZE_MAX;
        size_t parent;

        if (table != plan->tables[index].source_table)
            continue;
        table = statement_list_table(list, item->parent);
        parent = table != SIZE_MAX
                     ? find(plan, plan->dataset->class->schema(plan->dataset, table)->name)
                     : SIZE_MAX;
        if (parent != SIZE_MAX)
            visit(ordering, parent);
    }
}

/*
 * After all that it refers to; a circle is cut where it closes. The depth of the recursion is that
 * of the references, at most the number of tables.
 */
// NOLINTNEXTLINE(misc-no-recursion)
static void visit(struct ordering *ordering, size_t index)
{
    const struct schema *schema = keys_of(&ordering->plan->tables[index]);

    if (ordering->marks[index] != MARK_NONE)
        return;
    ordering->marks[index] = MARK_UNDER_WAY;
    for (size_t f = 0; f < schema->foreign_key_count; f++) {
        size_t parent = find(ordering->plan, schema->foreign_keys[f].target_table);

        if (parent != SIZE_MAX)
            visit(ordering, parent);
    }
    visit_tied(ordering, index);
    ordering->marks[index] = MARK_DONE;
    ordering->order[ordering->count++] = index;
}

int restore_order(struct restore_plan *plan, struct failure *failure)
{
    struct ordering ordering = {.plan = plan};
    struct restore_table *sorted = allocate_array(plan->count, sizeof *sorted);
    int error = restore_read_statements(plan);

    (void)failure;
    ordering.marks = allocate_array(plan->count, sizeof *ordering.marks);
    ordering.order = allocate_array(plan->count, sizeof *ordering.order);
    if (error != 0 || sorted == NULL || ordering.marks == NULL || ordering.order == NULL) {
        free(sorted);
        error = -ENOMEM;
    } else {
        for (size_t i = 0; i < plan->count; i++)
            visit(&ordering, i);
        for (size_t i = 0; i < plan->count; i++)
            sorted[i] = plan->tables[ordering.order[i]];
        free(plan->tables);
        plan->tables = sorted;
    }
    free(ordering.marks);
    free(ordering.order);
    return error;
}
