/* SPDX-License-Identifier: MIT */
/*
 * A migration tried: all tables in one transaction, which is taken back, but for those that an
 * interrupted one has brought.
 */
#include <errno.h>
#include <stdlib.h>

#include "fs/base/memory.h"
#include "tools/dry_run.h"
#include "tools/migration.h"

/* Which tables are there from before an interruption: *ret_names of the journal's. */
static int list_done(const struct migration *migration, const char ***ret_names, size_t *ret_count,
                     struct failure *failure)
{
    const struct migration_journal *journal = &migration->journal;
    struct target *target;
    int error = 0;

    *ret_count = 0;
    *ret_names = allocate_array(journal->count, sizeof **ret_names);
    if (*ret_names == NULL)
        return -ENOMEM;
    if (journal->count != 0)
        error = migration_open_target(migration, &target, failure);
    if (error != 0 || journal->count == 0)
        return error;
    for (size_t i = 0; i < journal->count; i++) {
        if (target_find_table(target, journal->tables[i].name) != NULL &&
            dataset_find(migration->source.dataset, journal->tables[i].name) != SIZE_MAX)
            (*ret_names)[(*ret_count)++] = journal->tables[i].name;
    }
    target->class->close(target);
    return 0;
}

int migration_try(struct migration *migration, struct failure *failure)
{
    const struct migrate_command *command = migration->command;
    const struct target_options target = {
        .source = {.busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS,
                   .parallel = 1,
                   .cancelled = migration->cancelled},
        .create = true,
        .unrelated = command->orphans,
    };
    const struct dry_run run = {
        .target = command->target,
        .target_options = &target,
        .dataset = migration->source.dataset,
        .kind = migration->source.kind,
        .json = command->json,
        .quiet = command->quiet,
        .left_out = &migration->source.left_out,
        .progress = migration_progress,
        .progress_context = migration,
    };
    struct restore_options options = {
        .mode = LOAD_APPEND,
        .must_create = true,
        .unrelated = command->orphans,
        .cancelled = migration->cancelled,
        .rows_done = &migration->rows_done,
    };
    const char **done = NULL;
    int error = list_done(migration, &done, &options.excluded_count, failure);

    options.excluded = done;
    if (error == 0)
        error = dry_run(&run, &options, failure);
    free(done);
    return error;
}
