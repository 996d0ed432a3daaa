/* SPDX-License-Identifier: MIT */
/*
 * Rows that foreign keys need. The rows that are meant are read through, and the keys that they
 * refer to gathered; then their parents' tables are read for the same, until no table has a new
 * key. What is needed is restored in LOAD_MISSING: a parent that is there stays as it is. In a
 * table that is restored in another mode, parents that are there are not among what is needed.
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
    size_t source = dataset_find(plan->dataset, key->target_table);
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

/* Where among the columns of KEY that is which the target's primary key has PLACE; SIZE_MAX: none.
 */
static size_t find_part(const struct restore_table *table, const struct foreign_key *key,
                        size_t place)
{
    for (size_t i = 0; i < key->count; i++) {
        if (table->columns[table->source->primary_key[i]] == table->target->primary_key[place])
            return i;
    }
    return SIZE_MAX;
}

/* 1: the row of the parents' TABLE that KEY of CELLS refers to is in the target; 0: it is not. */
static int is_present(const struct restore_plan *plan, const struct restore_table *table,
                      const struct foreign_key *key, const struct cell *cells,
                      struct failure *failure)
{
    cleanup_free struct cell *own = allocate_array(key->count, sizeof *own);
    const struct cell *ignored;
    struct failure said = {.code = 0};
    int found;

    if (own == NULL)
        return -ENOMEM;
    if (table->target->primary_key_count != key->count)
        return 0;
    for (size_t i = 0; i < key->count; i++) {
        size_t part = find_part(table, key, i);

        if (part == SIZE_MAX || cells[key->columns[part]].class == CELL_NULL)
            return 0;
        own[i] = cells[key->columns[part]];
    }
    found = plan->target->class->lock_row(plan->target, table->target, own, &ignored, &said);
    /* What the column cannot hold is not there. */
    if (found == -EINVAL)
        return 0;
    return found < 0 ? failure_set(failure, -found, "%s", failure_text(&said, found)) : found;
}

/* Adds what KEY of CELLS refers to to the keys that are needed of the parents' TABLE. */
static int gather_key(const struct restore_plan *plan, struct restore_table *table,
                      const struct foreign_key *key, const struct cell *cells,
                      struct failure *failure)
{
    bool may_be_present = table->target != NULL && table->mode != LOAD_MISSING;
    int known = key_set_has(table->wanted, cells, key->columns, key->count);

    if (known == 0 && table->present != NULL)
        known = key_set_has(table->present, cells, key->columns, key->count);
    if (known != 0)
        return known;
    if (may_be_present)
        known = is_present(plan, table, key, cells, failure);
    if (known == 1 && table->present == NULL)
        table->present = key_set_create();
    if (known == 1 && table->present == NULL)
        return -ENOMEM;
    return known < 0 ? known
                     : key_set_add(known == 1 ? table->present : table->wanted, cells, key->columns,
                                   key->count);
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
        error = gather_key(gathering->plan, &gathering->plan->tables[parents], key, cells, failure);
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
