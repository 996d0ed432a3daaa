/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/restore/restore_internal.h"

#define NOTES_LIMIT ((size_t)1 << 20)

struct putting {
    const struct restore_plan *plan;
    struct restore_table *table;
    bool any; /* a row was put */
};

/* Puts lines of notes behind those that there are. */
static int add_notes(struct restore_table *table, const struct buffer *notes)
{
    char *all;

    if (notes->size == 0)
        return 0;
    if (asprintf(&all, "%s%s%.*s", table->notes != NULL ? table->notes : "",
                 table->notes != NULL ? "\n" : "", (int)notes->size - 1,
                 (const char *)notes->data) < 0)
        return -ENOMEM;
    free(table->notes);
    table->notes = all;
    return 0;
}

static int make_table(struct restore_plan *plan, struct restore_table *table,
                      struct failure *failure)
{
    cleanup_buffer struct buffer notes = BUFFER(NOTES_LIMIT);
    int error = restore_widen(plan, table, &table->like, &notes, failure);

    if (error == 0)
        error = restore_gather_keys(plan, table);
    if (error == 0)
        error = plan->target->class->create_table(
            plan->target, table->like != NULL ? table->like : table->source, plan->kind,
            &table->target, &table->notes, failure);
    if (error == 0)
        error = add_notes(table, &notes);
    if (error == 0)
        error = restore_note_keys(plan, table);
    return error == 0 ? restore_match_columns(plan, table, failure) : error;
}

/* Notes at which table it ended. */
static int end_at(struct restore_plan *plan, size_t index, int error)
{
    if (error != 0)
        plan->failed = index;
    return error;
}

static int make_tables(struct restore_plan *plan, struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < plan->count && error == 0; i++) {
        if (plan->tables[i].created)
            error = end_at(plan, i, make_table(plan, &plan->tables[i], failure));
    }
    return error;
}

static int refuse(void *context, const struct bad_row *bad)
{
    const struct putting *putting = context;
    const struct restore_options *options = putting->plan->options;

    if (options->bad_row == NULL)
        return refusals_note_row(options->refusals, putting->table->source->name, bad);
    return options->bad_row(options->bad_row_context, putting->table->source, bad);
}

static int put_row(void *context, const struct cell *cells, struct cursor *cursor,
                   struct failure *failure)
{
    struct putting *putting = context;
    struct load *load = putting->table->load;

    putting->any = true;
    return load->class->put(load, cells, cursor, failure);
}

/* Whether a mode that needs a key does without: an empty table has nothing to be found. */
static enum load_mode mode_of(const struct restore_table *table)
{
    return table->created && table->mode != LOAD_APPEND ? LOAD_APPEND : table->mode;
}

/*
 * The source was made without the table's rows: which it has nobody knows, and none are written,
 * but where those that are there would have to give way to them.
 */
static int go_without_rows(struct restore_table *table, const struct failure *why,
                           struct failure *failure)
{
    cleanup_buffer struct buffer notes = BUFFER(NOTES_LIMIT);

    if (mode_of(table) == LOAD_REPLACE)
        return failure_set(failure, ENODATA,
                           "%s: replace would delete what is in the target; nothing was changed. "
                           "--exclude-table leaves it as it is",
                           why->text);

    int error = buffer_print(&notes, "no rows are written: %s\n", why->text);

    return error == 0 ? add_notes(table, &notes) : error;
}

static int load_table(struct restore_plan *plan, struct putting *putting, struct failure *failure)
{
    struct restore_table *table = putting->table;
    const struct load_plan load_plan = {
        .table = table->target,
        .cell_count = table->source->column_count,
        .columns = table->columns,
        .mode = mode_of(table),
        .refuse = plan->options->bad_row != NULL || plan->options->refusals != NULL ? refuse : NULL,
        .refuse_context = putting,
        .every_column = plan->options->bad_row == NULL,
    };
    int error = plan->target->class->open_load(plan->target, &load_plan, &table->load, failure);

    if (error == 0)
        error = restore_read(plan, table, put_row, putting, failure);
    if (error == -ENODATA && failure != NULL && !putting->any) {
        const struct failure why = *failure;

        error = go_without_rows(table, &why, failure);
    }
    if (error == 0)
        error = table->load->class->end(table->load, failure);
    if (error == 0 && table->filter != NULL && row_filter_missed(table->filter) != NULL)
        error = failure_set(failure, ENOENT, "table \"%s\": there is no row with the key %s",
                            table->source->name, row_filter_missed(table->filter));
    return error;
}

typedef int load_step(struct load *load, struct failure *failure);

static int each_load(struct restore_plan *plan, bool children_first, size_t offset,
                     struct failure *failure)
{
    int error = 0;

    for (size_t i = 0; i < plan->count && error == 0; i++) {
        size_t index = children_first ? plan->count - 1 - i : i;
        struct load *load = plan->tables[index].load;
        load_step *step;

        memcpy((void *)&step, (const char *)load->class + offset, sizeof step);
        error = end_at(plan, index, step(load, failure));
    }
    return error;
}

/*
 * A row that was set aside is not among those that stay, and so the one that it stands for was
 * deleted with those that the source does not have. Which that is nobody knows: none is.
 */
static int check_deleted(struct restore_plan *plan, struct failure *failure)
{
    for (size_t i = 0; i < plan->count && plan->options->bad_row != NULL; i++) {
        const struct load_counts *counts = &plan->tables[i].load->counts;

        if (counts->refused == 0 || counts->deleted == 0)
            continue;
        return end_at(plan, i,
                      failure_set(failure, EINVAL,
                                  "table \"%s\": %llu of its rows do not fit, and replace would "
                                  "delete what stands in their place; nothing was changed. "
                                  "--dry-run lists them; --mode upsert deletes nothing",
                                  plan->tables[i].source->name,
                                  (unsigned long long)counts->refused));
    }
    return 0;
}

static int load_all(struct restore_plan *plan, struct putting *puttings, struct failure *failure)
{
    int error = make_tables(plan, failure);

    for (size_t i = 0; i < plan->count && error == 0; i++) {
        puttings[i] = (struct putting){.plan = plan, .table = &plan->tables[i]};
        error = end_at(plan, i, load_table(plan, &puttings[i], failure));
    }
    if (error == 0)
        error = each_load(plan, true, offsetof(struct load_class, remove), failure);
    if (error == 0)
        error = check_deleted(plan, failure);
    if (error == 0)
        error = each_load(plan, false, offsetof(struct load_class, merge), failure);
    if (error == 0)
        error = each_load(plan, false, offsetof(struct load_class, verify), failure);
    return error;
}

/* Whether something stands in the way, and it goes on to find what else does. */
static bool is_hindered(const struct restore_plan *plan)
{
    return plan->options->refusals != NULL && plan->options->refusals->count != 0;
}

int restore_run(struct restore_plan *plan, struct failure *failure)
{
    const struct target_class *target = plan->target->class;
    struct putting *puttings = allocate_array(plan->count, sizeof *puttings);
    int error = puttings != NULL ? load_all(plan, puttings, failure) : -ENOMEM;

    if (error == 0)
        error = plan->dataset->class->verify(plan->dataset, failure);
    /* Rows that are refused are missed by those that refer to them; nobody need hear of that. */
    if (error == 0 && !is_hindered(plan))
        error = target->check(plan->target, failure);
    for (size_t i = 0; i < plan->count; i++) {
        struct restore_table *table = &plan->tables[i];

        if (table->load == NULL)
            continue;
        table->counts = table->load->counts;
        table->load->class->close(table->load);
        table->load = NULL;
    }
    free(puttings);
    if (error == 0 && target->creates_within && !is_hindered(plan))
        error = restore_make_views(plan, failure);
    if (error == 0 && !plan->options->dry_run && plan->options->before_commit != NULL)
        error = plan->options->before_commit(plan->options->before_commit_context, plan, failure);
    if (error == 0 && !plan->options->dry_run)
        error = target->commit(plan->target, failure);
    if (error != 0 || plan->options->dry_run)
        target->rollback(plan->target);
    else if (!target->creates_within)
        error = restore_make_views(plan, failure);
    return error;
}
