/* SPDX-License-Identifier: MIT */
/* The tables of a migration: in which order they go, and each in a transaction of its own. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/target/notes.h"
#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/restore/restore.h"
#include "fs/restore/restore_digest.h"
#include "tools/migration.h"

/* ---- One transaction ------------------------------------------------------------------------- */

int migration_connect(const struct migration *migration, struct target **ret_target,
                      struct failure *failure)
{
    const struct target_options options = {
        .source = {.busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS,
                   .parallel = 2,
                   .cancelled = migration->cancelled},
        .create = true,
        .unrelated = migration->command->orphans,
    };

    return target_open(migration->command->target, &options, ret_target, failure);
}

int migration_open_target(const struct migration *migration, struct target **ret_target,
                          struct failure *failure)
{
    struct target *target;
    int error = migration_connect(migration, &target, failure);

    if (error != 0)
        return error;
    error = target->class->begin(target, failure);
    if (error != 0) {
        target->class->close(target);
        return error;
    }
    *ret_target = target;
    return 0;
}

/* The journal is ahead of the commit: what it names and the target has, is whole. */
static int note_tables(void *context, const struct restore_plan *plan, struct failure *failure)
{
    struct migration *migration = context;
    int error = 0;

    for (size_t i = 0; i < plan->count && error == 0; i++)
        error = migration_journal_add(&migration->journal, plan->tables[i].source->name,
                                      &plan->tables[i].counts, failure);
    return error;
}

static void say_notes(const struct restore_plan *plan)
{
    char line[FAILURE_TEXT_SIZE];

    for (size_t i = 0; i < plan->count; i++) {
        const char *at = plan->tables[i].notes;

        while (notes_next(&at, line))
            log_message(LOG_LEVEL_WARNING, "table \"%s\": %s", plan->tables[i].source->name, line);
    }
    for (size_t i = 0; i < plan->view_count; i++) {
        if (plan->views[i].why != NULL)
            log_message(LOG_LEVEL_WARNING, "view \"%s\" is not brought along: %s",
                        plan->views[i].schema->name, plan->views[i].why);
    }
}

/* A snapshot is what it was; of anything else the rows may have changed since they were copied. */
static int look_for_change(struct migration *migration, const char *const *name,
                           struct target *target, struct failure *failure)
{
    const struct journal_table *noted = migration_journal_find(&migration->journal, *name);
    const struct restore_options options = {
        .mode = LOAD_APPEND,
        .tables = name,
        .table_count = 1,
        .unrelated = migration->command->orphans,
        .dry_run = true,
        .cancelled = migration->cancelled,
        .rows_done = &migration->rows_done,
    };
    struct restore_plan plan = {.count = 0};
    struct load_counts now = {.put = 0};

    if (migration->source.snapshot != NULL)
        return 0;

    int error = restore_plan(migration->source.dataset, migration->source.kind, target, &options,
                             &plan, failure);

    if (error == 0)
        error = restore_digest(&plan, &plan.tables[0], &now, failure);
    restore_plan_release(&plan);
    if (error != 0 || (now.refused == 0 && now.inserted == noted->counts.inserted &&
                       memcmp(now.digest, noted->counts.digest, sizeof now.digest) == 0))
        return error;
    log_message(LOG_LEVEL_WARNING,
                "table \"%s\" was copied before the interruption, and has changed in the source "
                "since: drop it in the target, with those that refer to it, and migrate again",
                *name);
    return words_add(&migration->outdated, *name, failure);
}

/* Copies the tables NAMES; what is there already and noted is passed over. */
static int copy_tables(struct migration *migration, const char *const *names, size_t count,
                       struct failure *failure)
{
    const struct restore_options options = {
        .mode = LOAD_APPEND,
        .tables = names,
        .table_count = count,
        .must_create = true,
        .unrelated = migration->command->orphans,
        .before_commit = note_tables,
        .before_commit_context = migration,
        .cancelled = migration->cancelled,
        .rows_done = &migration->rows_done,
    };
    struct restore_plan plan = {.count = 0};
    struct target *target;
    int error = migration_open_target(migration, &target, failure);

    if (error != 0)
        return error;
    if (count == 1 && migration_journal_find(&migration->journal, names[0]) != NULL &&
        target_find_table(target, names[0]) != NULL) {
        migration->interrupted = true;
        error = look_for_change(migration, names, target, failure);
    } else {
        error = restore_plan(migration->source.dataset, migration->source.kind, target, &options,
                             &plan, failure);
        if (error == 0)
            error = restore_run(&plan, failure);
        if (error == 0 && !migration->command->quiet)
            say_notes(&plan);
        restore_plan_release(&plan);
    }
    target->class->close(target);
    return error;
}

/* ---- All of them ----------------------------------------------------------------------------- */

/* Whether a table refers to one that comes after it. */
static bool goes_round(const struct restore_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct schema *schema = plan->tables[i].source;

        for (size_t f = 0; f < schema->foreign_key_count; f++) {
            for (size_t later = i + 1; later < plan->count; later++) {
                if (strcmp(plan->tables[later].source->name,
                           schema->foreign_keys[f].target_table) == 0)
                    return true;
            }
        }
    }
    return false;
}

/* The views that may be made when the tables are there; which are not is said. */
static int list_views(struct migration *migration, const struct restore_plan *plan)
{
    migration->views = allocate_array(plan->view_count, sizeof *migration->views);
    for (size_t i = 0; migration->views != NULL && i < plan->view_count; i++) {
        if (plan->views[i].why != NULL)
            continue;
        migration->views[migration->view_count] = strdup(plan->views[i].schema->name);
        if (migration->views[migration->view_count] == NULL)
            return -ENOMEM;
        migration->view_count++;
    }
    if (!migration->command->quiet)
        say_notes(plan);
    return migration->views != NULL ? 0 : -ENOMEM;
}

int migration_list(struct migration *migration, struct failure *failure)
{
    const struct restore_options options = {
        .mode = LOAD_APPEND, .unrelated = migration->command->orphans, .dry_run = true};
    struct restore_plan plan = {.count = 0};
    struct target *target;
    int error = migration_open_target(migration, &target, failure);

    if (error != 0)
        return error;
    error = restore_plan(migration->source.dataset, migration->source.kind, target, &options, &plan,
                         failure);
    migration->names = allocate_array(plan.count, sizeof *migration->names);
    if (error == 0 && migration->names == NULL)
        error = -ENOMEM;
    for (size_t i = 0; i < plan.count && error == 0; i++) {
        const char *name = plan.tables[i].source->name;

        if (!plan.tables[i].created && migration_journal_find(&migration->journal, name) == NULL)
            error = failure_set(failure, EEXIST,
                                "the target has a table \"%s\" already; migrate into a database "
                                "without the tables that come",
                                name);
        migration->present += !plan.tables[i].created;
        migration->names[i] = error == 0 ? strdup(name) : NULL;
        if (error == 0 && migration->names[i] == NULL)
            error = -ENOMEM;
        migration->count += error == 0;
    }
    migration->circular = error == 0 && goes_round(&plan);
    if (error == 0)
        error = list_views(migration, &plan);
    restore_plan_release(&plan);
    target->class->close(target);
    return error;
}

static int copy_all(struct migration *migration, struct failure *failure)
{
    int error = 0;

    /* The journal may name tables whose transaction did not end. */
    if (migration->circular && migration->present == 0)
        return copy_tables(migration, (const char *const *)migration->names, migration->count,
                           failure);
    if (migration->circular && migration->present < migration->count)
        return failure_set(failure, EEXIST,
                           "the target has some of the tables, and their foreign keys go round: "
                           "they can only come all at once. Drop those that are there, and migrate "
                           "again");
    for (size_t i = 0; i < migration->count && error == 0; i++)
        error = copy_tables(migration, (const char *const *)&migration->names[i], 1, failure);
    return error;
}

int migration_copy(struct migration *migration, struct failure *failure)
{
    int error = copy_all(migration, failure);

    if (error == 0 && migration->view_count != 0)
        error = copy_tables(migration, (const char *const *)migration->views, migration->view_count,
                            failure);
    return error;
}
