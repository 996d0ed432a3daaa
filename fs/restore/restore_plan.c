/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/ascii.h"
#include "fs/restore/restore_internal.h"
#include "fs/restore/statement_list.h"

static void release_table(struct restore_table *table)
{
    if (table->load != NULL)
        table->load->class->close(table->load);
    schema_release(table->target);
    schema_release(table->like);
    free(table->columns);
    free(table->notes);
    row_filter_free(table->filter);
    key_set_free(table->wanted);
    key_set_free(table->present);
}

void restore_plan_release(struct restore_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++)
        release_table(&plan->tables[i]);
    free(plan->tables);
    restore_views_release(plan);
    statement_list_free(plan->statements);
    *plan = (struct restore_plan){.count = 0};
}

struct restore_table *restore_plan_find(const struct restore_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (strcmp(plan->tables[i].source->name, name) == 0)
            return &plan->tables[i];
    }
    return NULL;
}

int restore_refuse(const struct restore_plan *plan, const char *table, bool is_whole, int error,
                   const struct failure *failure)
{
    if (error == 0 || plan->options->refusals == NULL || failure == NULL)
        return error;
    return refusals_note(plan->options->refusals, table, is_whole, error, failure);
}

/* ---- Tables ---------------------------------------------------------------------------------- */

static int find_target(struct restore_plan *plan, struct restore_table *table,
                       struct failure *failure)
{
    struct schema *found = target_find_table(plan->target, table->source->name);

    if (found == NULL && plan->options->no_create)
        return failure_set(failure, ENOENT, "the target has no table \"%s\"", table->source->name);
    if (found != NULL && plan->options->must_create)
        return failure_set(failure, EEXIST,
                           "the target has a table \"%s\" already; it must be empty of the tables "
                           "that come",
                           found->name);
    if (found == NULL) {
        table->created = true;
        return 0;
    }
    if (found->kind != RELATION_TABLE)
        return failure_set(failure, EINVAL,
                           "\"%s\" is a view in the target: rows cannot be written to it",
                           found->name);
    for (size_t i = 0; i + 1 < plan->count; i++) {
        if (plan->tables[i].target == found)
            return failure_set(failure, EINVAL,
                               "the target's table \"%s\" is meant by \"%s\" as well, as it takes "
                               "such letters for the same: leave one of them out",
                               found->name, plan->tables[i].source->name);
    }
    table->target = schema_reference(found);
    return restore_match_columns(plan, table, failure);
}

int restore_plan_add(struct restore_plan *plan, size_t source_table, struct failure *failure)
{
    struct restore_table *tables = realloc(plan->tables, (plan->count + 1) * sizeof *plan->tables);
    struct restore_table *table;

    if (tables == NULL)
        return -ENOMEM;
    plan->tables = tables;
    table = &tables[plan->count++];
    *table = (struct restore_table){
        .source_table = source_table,
        .source = plan->dataset->class->schema(plan->dataset, source_table),
        .mode = plan->options->mode,
    };

    int error = find_target(plan, table, failure);

    if (error == 0)
        return 0;
    error = restore_refuse(plan, table->source->name, true, error, failure);
    release_table(table);
    plan->count--;
    return error;
}

static bool is_among(const char *const *names, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_meant(const struct restore_options *options, const char *name)
{
    return (options->table_count == 0 || is_among(options->tables, options->table_count, name)) &&
           !is_among(options->excluded, options->excluded_count, name);
}

/* Whether the table has been found, and then refused. */
static bool is_refused(const struct restore_plan *plan, const char *name)
{
    const struct refusals *refusals = plan->options->refusals;

    for (size_t i = 0; refusals != NULL && i < refusals->count; i++) {
        if (refusals->items[i].is_whole && strcmp(refusals->items[i].table, name) == 0)
            return true;
    }
    return false;
}

/* Of a name that the plan has nothing of. 0: it is a view that is there, and stays as it is. */
static int check_absent(const struct restore_plan *plan, const char *name, struct failure *failure)
{
    const struct restore_options *options = plan->options;

    if (dataset_find(plan->dataset, name) == SIZE_MAX)
        return failure_set(failure, ENOENT, "there is no table \"%s\" to restore", name);
    if (options->where != NULL || options->key_count != 0)
        return failure_set(failure, EINVAL,
                           "\"%s\" is a view, which has no rows of its own to choose from with "
                           "--where or --key: name the tables that it reads",
                           name);
    return plan->count + plan->view_count != 0
               ? 0
               : failure_set(failure, EEXIST,
                             "the target has the view \"%s\" already, which stays as it is; DROP "
                             "VIEW there has it made anew",
                             name);
}

static int check_named(const struct restore_plan *plan, struct failure *failure)
{
    const struct restore_options *options = plan->options;
    int error = 0;

    for (size_t i = 0; i < options->table_count && error == 0; i++) {
        if (restore_plan_find(plan, options->tables[i]) == NULL &&
            !restore_has_view(plan, options->tables[i]) && !is_refused(plan, options->tables[i]))
            error = check_absent(plan, options->tables[i], failure);
    }
    if (error != 0)
        return error;
    for (size_t i = 0; i < options->excluded_count; i++) {
        if (dataset_find(plan->dataset, options->excluded[i]) == SIZE_MAX)
            return failure_set(failure, ENOENT, "there is no table \"%s\" to leave out",
                               options->excluded[i]);
    }
    return plan->count + plan->view_count != 0 ||
                   (options->refusals != NULL && options->refusals->count != 0)
               ? 0
               : failure_set(failure, ENOENT, "there is no table to restore");
}

static int add_tables(struct restore_plan *plan, struct failure *failure)
{
    size_t count = plan->dataset->class->table_count(plan->dataset);
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        struct schema *schema = plan->dataset->class->schema(plan->dataset, i);

        if (!is_meant(plan->options, schema->name))
            continue;
        error = schema->kind != RELATION_TABLE ? restore_plan_add_view(plan, schema)
                                               : restore_plan_add(plan, i, failure);
    }
    return error == 0 ? check_named(plan, failure) : error;
}

static int add_filters(struct restore_plan *plan, struct failure *failure)
{
    const struct restore_options *options = plan->options;

    if (options->where == NULL && options->key_count == 0)
        return 0;
    if (plan->count == 0 && options->table_count == 1) /* it is refused */
        return 0;
    if (plan->count != 1)
        return failure_set(failure, EINVAL,
                           "--where and --key are of one table: say which, SNAPSHOT/SOURCE/TABLE");
    if (options->mode == LOAD_REPLACE)
        return failure_set(failure, EINVAL,
                           "replace puts all rows of a table in the place of all others; with "
                           "--where or --key say upsert or missing");
    return row_filter_create(plan->tables[0].source, options->where, options->keys,
                             options->key_count, &plan->tables[0].filter, failure);
}

static bool comes_or_is_there(const struct restore_plan *plan, const char *name)
{
    for (size_t i = 0; i < plan->count; i++) {
        if (ascii_equal(plan->tables[i].source->name, name))
            return true;
    }
    return target_find_table(plan->target, name) != NULL;
}

/*
 * Elsewhere a table is made without a foreign key to one that is not there; in SQLite the key would
 * be made, and no row could be written.
 */
static int look_for_parents(const struct restore_plan *plan, struct failure *failure)
{
    int error;

    if (plan->options->unrelated || strcmp(plan->target->class->kind, "sqlite") != 0)
        return 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct schema *source = plan->tables[i].source;

        for (size_t f = 0; f < source->foreign_key_count && plan->tables[i].created; f++) {
            if (comes_or_is_there(plan, source->foreign_keys[f].target_table))
                continue;
            error = failure_set(failure, EINVAL,
                                "table \"%s\" refers to \"%s\", which is not there: restore "
                                "that as well (--with-parents)",
                                source->name, source->foreign_keys[f].target_table);
            error = restore_refuse(plan, source->name, false, error, failure);
            if (error != 0)
                return error;
        }
    }
    return 0;
}

int restore_plan(struct dataset *dataset, const char *kind, struct target *target,
                 const struct restore_options *options, struct restore_plan *ret_plan,
                 struct failure *failure)
{
    struct restore_plan plan = {
        .dataset = dataset,
        .kind = kind,
        .target = target,
        .options = options,
        .failed = SIZE_MAX,
    };
    int error = add_tables(&plan, failure);

    if (error == 0)
        error = add_filters(&plan, failure);
    if (error == 0 && options->with_parents)
        error = restore_add_parents(&plan, failure);
    if (error == 0)
        error = restore_check_words(&plan, failure);
    if (error == 0)
        error = look_for_parents(&plan, failure);
    if (error == 0)
        error = restore_order(&plan, failure);
    if (error == 0)
        error = restore_refuse(&plan, NULL, false, restore_check_room(&plan, failure), failure);
    if (error != 0) {
        restore_plan_release(&plan);
        return error;
    }
    *ret_plan = plan;
    return 0;
}
