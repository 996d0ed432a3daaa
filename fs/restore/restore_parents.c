/* SPDX-License-Identifier: MIT */
/*
 * Rows that foreign keys need. The rows that are meant are read through, and the keys that they
 * refer to gathered; then their parents' tables are read for the same, until no table has a new
 * key. What is needed is restored in LOAD_MISSING: a parent that is there stays as it is.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"

struct gathering {
    struct restore_plan *plan;
    size_t child; /* the plan's table that is read */
};

static size_t find_source(const struct dataset *dataset, const char *name)
{
    size_t count = dataset->class->table_count(dataset);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(dataset->class->schema(dataset, i)->name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* Whether KEY refers to its target's primary key. */
static bool is_to_primary_key(const struct foreign_key *key, const struct schema *target)
{
    if (key->count != target->primary_key_count)
        return false;
    for (size_t i = 0; key->target_columns != NULL && i < key->count; i++) {
        if (strcmp(key->target_columns[i], target->columns[target->primary_key[i]].name) != 0)
            return false;
    }
    return true;
}

/* The parents of KEY in the plan, added if need be; SIZE_MAX: they are restored as a whole. */
static int find_parents(struct restore_plan *plan, const struct foreign_key *key, size_t *ret_index,
                        struct failure *failure)
{
    struct restore_table *table = restore_plan_find(plan, key->target_table);
    size_t source = find_source(plan->dataset, key->target_table);
    int error = 0;

    *ret_index = SIZE_MAX;
    if (source == SIZE_MAX)
        return failure_set(failure, ENOENT,
                           "--with-parents: table \"%s\", which is referred to, is not there to be "
                           "restored from",
                           key->target_table);
    if (table == NULL) {
        size_t before = plan->count;

        error = restore_plan_add(plan, source, failure);
        if (error != 0 || plan->count == before)
            return error;
        table = &plan->tables[plan->count - 1];
        table->parents = true;
        table->mode = LOAD_MISSING;
    } else if (!table->parents && table->filter == NULL) {
        return 0;
    }
    if (table->wanted == NULL)
        table->wanted = key_set_create();
    *ret_index = (size_t)(table - plan->tables);
    return table->wanted != NULL ? 0 : -ENOMEM;
}

static int gather_row(void *context, const struct cell *cells, struct cursor *cursor,
                      struct failure *failure)
{
    struct gathering *gathering = context;
    const struct schema *schema = gathering->plan->tables[gathering->child].source;

    (void)cursor;
    for (size_t f = 0; f < schema->foreign_key_count; f++) {
        const struct foreign_key *key = &schema->foreign_keys[f];
        size_t parents;
        int error = find_parents(gathering->plan, key, &parents, failure);

        if (error != 0)
            return error;
        if (parents == SIZE_MAX)
            continue;
        if (!is_to_primary_key(key, gathering->plan->tables[parents].source))
            return failure_set(
                failure, EINVAL,
                "--with-parents: \"%s\" refers to \"%s\" by columns that are not its "
                "primary key; restore that table as well",
                schema->name, key->target_table);
        error =
            key_set_add(gathering->plan->tables[parents].wanted, cells, key->columns, key->count);
        if (error < 0)
            return error;
    }
    return 0;
}

static size_t wanted_count(const struct restore_table *table)
{
    return table->wanted != NULL ? key_set_count(table->wanted) : 0;
}

/* Reads a table for what its meant rows refer to. */
static int gather(struct restore_plan *plan, size_t index, struct failure *failure)
{
    struct gathering gathering = {plan, index};
    /* The plan's tables move while more are added: what is read is a copy. */
    const struct restore_table table = plan->tables[index];

    if (table.source->foreign_key_count == 0)
        return 0;
    return restore_read(plan, &table, gather_row, &gathering, failure);
}

int restore_add_parents(struct restore_plan *plan, struct failure *failure)
{
    size_t selected = plan->count;
    int error = 0;

    for (size_t i = 0; i < selected && error == 0; i++)
        error = gather(plan, i, failure);
    /* As long as some table has keys that it was not read for. */
    for (bool more = true; more && error == 0;) {
        more = false;
        for (size_t i = 0; i < plan->count && error == 0; i++) {
            struct restore_table *table = &plan->tables[i];

            if (wanted_count(table) == table->key_count)
                continue;
            table->key_count = wanted_count(table);
            error = gather(plan, i, failure);
            more = true;
        }
    }
    return error;
}
