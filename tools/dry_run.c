/* SPDX-License-Identifier: MIT */
#include "tools/dry_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tools/restore_report.h"

/* One try after another. */
struct tries {
    const struct dry_run *run;
    struct restore_options options;
    struct target_options target_options;
    const char **excluded; /* of the options: those given, then the tables that tries ended at */
    struct refusals refusals;
    struct target *target;
    struct restore_plan plan;
};

static void end_try(struct tries *tries)
{
    restore_plan_release(&tries->plan);
    if (tries->target != NULL)
        tries->target->class->close(tries->target);
    tries->target = NULL;
}

static int begin_try(struct tries *tries, struct failure *failure)
{
    const struct dry_run *run = tries->run;
    struct target *target;
    int error = target_open(run->target, &tries->target_options, &target, failure);

    if (error != 0)
        return error;
    tries->target = target;
    error = target->class->begin(target, failure);
    return error == 0 ? restore_plan(run->dataset, run->kind, target, &tries->options, &tries->plan,
                                     failure)
                      : error;
}

/* Leaves the table out that the try has ended at. */
static int leave_out(struct tries *tries, int why, const struct failure *words)
{
    const char *name = tries->plan.tables[tries->plan.failed].source->name;
    const char **excluded =
        reallocarray(tries->excluded, tries->options.excluded_count + 1, sizeof *excluded);
    int error;

    if (excluded == NULL)
        return -ENOMEM;
    tries->excluded = excluded;
    excluded[tries->options.excluded_count++] = name; /* the dataset's */
    tries->options.excluded = excluded;
    error = refusals_note(&tries->refusals, name, true, why, words);
    refusals_keep_whole(&tries->refusals);
    /* What refers to the table need not find it. */
    tries->options.unrelated = true;
    tries->target_options.unrelated = true;
    return error;
}

/* 1: it is to be tried again. */
static int try_once(struct tries *tries, struct failure *failure)
{
    const struct dry_run *run = tries->run;
    struct progress_line *line;
    int error = begin_try(tries, failure);

    if (error != 0)
        return error;
    line = run->quiet ? NULL : progress_line_begin(run->progress, run->progress_context);
    error = restore_run(&tries->plan, failure);
    progress_line_end(line);
    if (error == 0)
        return 0;
    if (tries->plan.failed == SIZE_MAX)
        return refusals_note(&tries->refusals, NULL, false, error, failure);
    error = leave_out(tries, error, failure);
    return error == 0 ? 1 : error;
}

static int report(struct tries *tries, struct failure *failure)
{
    const struct dry_run *run = tries->run;
    size_t count = tries->refusals.count;
    int error = 0;

    if (run->json)
        error = restore_report_as_json(&tries->plan, run->left_out, failure);
    else if (!run->quiet)
        error = restore_report_to_people(&tries->plan);
    if (error == 0 && !run->json)
        restore_report_refusals(&tries->refusals);
    if (error != 0 || count == 0)
        return error;
    return failure_set(failure, EINVAL, "%zu thing%s in the way; nothing was changed", count,
                       count == 1 ? " stands" : "s stand");
}

int dry_run(const struct dry_run *run, const struct restore_options *options,
            struct failure *failure)
{
    struct tries tries = {.run = run, .options = *options, .target_options = *run->target_options};
    int error = 1;

    tries.options.dry_run = true;
    tries.options.refusals = &tries.refusals;
    tries.excluded = allocate_array(options->excluded_count, sizeof *tries.excluded);
    if (tries.excluded == NULL)
        return -ENOMEM;
    if (options->excluded_count != 0)
        memcpy(tries.excluded, options->excluded, options->excluded_count * sizeof *tries.excluded);
    tries.options.excluded = tries.excluded;
    while (error == 1) {
        error = try_once(&tries, failure);
        if (error == 0)
            error = report(&tries, failure);
        end_try(&tries);
    }
    refusals_release(&tries.refusals);
    free(tries.excluded);
    return error;
}
