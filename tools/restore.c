/* SPDX-License-Identifier: MIT */
/* crmfs restore: tables of a snapshot, or of any source, written back into a database. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/restore/one_database.h"
#include "fs/restore/restore.h"
#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/bad_rows.h"
#include "tools/commands.h"
#include "tools/dry_run.h"
#include "tools/progress_line.h"
#include "tools/restore_report.h"
#include "tools/restore_source.h"
#include "tools/stop.h"
#include "tools/usage.h"
#include "tools/words.h"

/* Texts of the command line, in the order given. */
struct restore_command {
    struct passphrase_options passphrase;
    const char *store;
    const char *what;
    const char *target;
    const char *database;
    const char *where;
    const char *skip_bad;
    struct words tables, excluded, keys, maps, ignored;
    enum load_mode mode;
    bool mode_given;
    bool with_parents;
    bool orphans;
    bool no_create;
    bool dry_run;
    bool json;
    bool quiet;
};

struct restoring {
    const struct restore_command *command;
    struct words excluded; /* the command's, but for what is not there anyway */
    struct restore_source source;
    struct target *target;
    struct restore_plan plan;
    struct bad_rows *bad_rows;
    bool done; /* … or perhaps: rows that were set aside may be nowhere else */
    uint64_t rows_done;
    bool lacks_parts; /* of an archive, or of a snapshot */
};

/* ---- The command line ------------------------------------------------------------------------ */

static int take_mode(struct restore_command *command, const char *word, struct failure *failure)
{
    static const char *const names[] = {"append", "upsert", "replace", "missing"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(word, names[i]) == 0) {
            command->mode = (enum load_mode)i;
            command->mode_given = true;
            return 0;
        }
    }
    return failure_set(failure, EINVAL,
                       "--mode cannot be \"%s\"; append, upsert, replace and missing can be", word);
}

static int take_map(struct restore_command *command, const char *word, struct failure *failure)
{
    const char *sign = strchr(word, '=');

    if (sign == NULL || sign == word || sign[1] == '\0')
        return failure_set(failure, EINVAL, "--map %s: write it OLD=NEW, or TABLE.OLD=NEW", word);
    return words_add(&command->maps, word, failure);
}

/* -EINVAL without words: getopt has said it. */
static int take_option(struct restore_command *command, int letter, struct failure *failure)
{
    if (passphrase_take_option(&command->passphrase, letter, optarg))
        return 0;
    switch (letter) {
    case 's': command->store = optarg; return 0;
    case 't': command->target = optarg; return 0;
    case 'm': return take_mode(command, optarg, failure);
    case 'D': command->database = optarg; return 0;
    case 'w': command->where = optarg; return 0;
    case 'k': return words_add(&command->keys, optarg, failure);
    case 'T': return words_add_list(&command->tables, "--table", optarg, failure);
    case 'x': return words_add_list(&command->excluded, "--exclude-table", optarg, failure);
    case 'M': return take_map(command, optarg, failure);
    case 'i': return words_add_list(&command->ignored, "--ignore-columns", optarg, failure);
    case 'b': command->skip_bad = optarg; return 0;
    case 'p': command->with_parents = true; return 0;
    case 'o': command->orphans = true; return 0;
    case 'c': command->no_create = true; return 0;
    case 'n': command->dry_run = true; return 0;
    case 'j': command->json = true; return 0;
    case 'q': command->quiet = true; return 0;
    default: return -EINVAL;
    }
}

static int take_what(struct restore_command *command, char **words, int count,
                     struct failure *failure)
{
    if (count != 1)
        return -EINVAL;
    command->what = words[0];
    if (command->target == NULL)
        return failure_set(failure, EINVAL,
                           "into which database? --to TARGET; crmfs restore --help says more");
    return 0;
}

/* ---- Doing it -------------------------------------------------------------------------------- */

static void write_progress(void *context, double seconds, char *text, size_t size)
{
    const struct restoring *restoring = context;
    uint64_t rows = __atomic_load_n(&restoring->rows_done, __ATOMIC_RELAXED);
    char elapsed[AMOUNT_SIZE], count[AMOUNT_SIZE], rate[AMOUNT_SIZE];

    snprintf(text, size, "%s  %s rows, %s/s", amount_time((uint64_t)seconds, elapsed),
             amount_count(rows, count),
             amount_count((uint64_t)((double)rows / (seconds > 0.001 ? seconds : 1)), rate));
}

/* All of it, and all that stands in the way, and nothing stays. */
static int try_it(struct restoring *restoring, const struct target_options *target,
                  const struct restore_options *options, struct failure *failure)
{
    const struct restore_command *command = restoring->command;
    const struct dry_run run = {
        .target = command->target,
        .target_options = target,
        .dataset = restoring->source.dataset,
        .kind = restoring->source.kind,
        .json = command->json,
        .quiet = command->quiet,
        .left_out = &restoring->source.left_out,
        .progress = write_progress,
        .progress_context = restoring,
    };

    return dry_run(&run, options, failure);
}

static int do_it(struct restoring *restoring, const struct target_options *target,
                 const struct restore_options *options, struct failure *failure)
{
    const struct restore_command *command = restoring->command;
    struct progress_line *line;
    int error = target_open(command->target, target, &restoring->target, failure);

    if (error == 0)
        error = restoring->target->class->begin(restoring->target, failure);
    if (error == 0)
        error = restore_plan(restoring->source.dataset, restoring->source.kind, restoring->target,
                             options, &restoring->plan, failure);
    if (error != 0)
        return error;
    line = command->quiet ? NULL : progress_line_begin(write_progress, restoring);
    error = restore_run(&restoring->plan, failure);
    progress_line_end(line);
    restoring->done = error == 0 || restoring->target->in_doubt;
    if (error == 0 && command->json)
        error = restore_report_as_json(&restoring->plan, &restoring->source.left_out, failure);
    else if (error == 0 && !command->quiet)
        error = restore_report_to_people(&restoring->plan);
    restore_plan_release(&restoring->plan);
    return error;
}

static int keep_bad_rows(void *context, const struct restore_plan *plan, struct failure *failure)
{
    (void)plan;
    return bad_rows_keep(context, failure);
}

static int plan_and_run(struct restoring *restoring, const bool *cancelled, struct failure *failure)
{
    const struct restore_command *command = restoring->command;
    const struct words tables = restoring->source.table != NULL
                                    ? (struct words){&restoring->source.table, 1}
                                    : command->tables;
    struct restore_options options = {
        .mode = command->mode,
        .tables = tables.items,
        .table_count = tables.count,
        .excluded = restoring->excluded.items,
        .excluded_count = restoring->excluded.count,
        .where = command->where,
        .keys = command->keys.items,
        .key_count = command->keys.count,
        .with_parents = command->with_parents,
        .no_create = command->no_create,
        .unrelated = command->orphans,
        .dry_run = command->dry_run,
        .maps = command->maps.items,
        .map_count = command->maps.count,
        .ignored = command->ignored.items,
        .ignored_count = command->ignored.count,
        .bad_row = restoring->bad_rows != NULL ? bad_rows_add : NULL,
        .bad_row_context = restoring->bad_rows,
        .before_commit = restoring->bad_rows != NULL ? keep_bad_rows : NULL,
        .before_commit_context = restoring->bad_rows,
        .cancelled = cancelled,
        .rows_done = &restoring->rows_done,
    };
    const struct target_options target = {
        .source = {.busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS,
                   .parallel = 2,
                   .cancelled = cancelled},
        .create = !command->no_create,
        .unrelated = command->orphans,
    };

    int error = one_database(&restoring->source.dataset, restoring->source.kind, command->database,
                             &options, tables.items, command->excluded.items, failure);

    if (error != 0)
        return error;
    return command->dry_run ? try_it(restoring, &target, &options, failure)
                            : do_it(restoring, &target, &options, failure);
}

/* One of both would be passed over. */
static int check_tables(const struct restoring *restoring, struct failure *failure)
{
    return restoring->source.table == NULL || restoring->command->tables.count == 0
               ? 0
               : failure_set(failure, EINVAL,
                             "--table, and \"/%s\" behind the snapshot: say in one of both which "
                             "tables",
                             restoring->source.table);
}

static int restore(struct restoring *restoring, const bool *cancelled, struct failure *failure)
{
    const struct restore_command *command = restoring->command;
    int error = 0;

    if (command->skip_bad != NULL)
        error = bad_rows_create(command->skip_bad, &restoring->bad_rows, failure);
    if (error == 0)
        error = restore_source_open(command->store, &command->passphrase, command->what, cancelled,
                                    &restoring->source, failure);
    if (error == 0)
        error = check_tables(restoring, failure);
    if (error == 0 && restoring->source.table == NULL && command->tables.count == 0) {
        restore_source_tell_lacking(&restoring->source, &restoring->excluded);
        restore_source_tell_unseen(&restoring->source);
    }
    if (error == 0)
        error = plan_and_run(restoring, cancelled, failure);
    if (restoring->target != NULL)
        restoring->target->class->close(restoring->target);
    restoring->lacks_parts = left_out_any(&restoring->source.left_out);
    restore_source_close(&restoring->source);
    if (restoring->bad_rows != NULL) {
        int ended = bad_rows_end(restoring->bad_rows, error != 0 && !restoring->done, failure);

        error = ended != 0 ? ended : error;
    }
    return error;
}

static int run(const struct restore_command *command)
{
    struct restoring restoring = {.command = command, .excluded = command->excluded};
    struct failure failure = {.code = 0};
    int error = restore(&restoring, stop_begin(), &failure);

    if (error == 0 && command->dry_run)
        return left_out_end(restoring.lacks_parts, "tried", NULL);
    if (error == 0)
        return left_out_end(restoring.lacks_parts, "restored", "the rows are restored");
    log_message(LOG_LEVEL_ERROR, "cannot restore: %s", failure_text(&failure, error));
    return stop_status(error);
}

static int complain(const struct failure *failure)
{
    if (failure->code != 0)
        log_message(LOG_LEVEL_ERROR, "%s", failure->text);
    else
        fputs("usage: crmfs restore [OPTION...] --store STORE --to TARGET "
              "SNAPSHOT[/SOURCE[/TABLE]]\n"
              "       crmfs restore [OPTION...] --to TARGET SOURCE\n"
              "crmfs restore --help says more\n",
              stderr);
    return STATUS_USAGE;
}

static int parse_and_run(struct restore_command *command, int argc, char **argv)
{
    static const struct option long_options[] = {{"store", required_argument, NULL, 's'},
                                                 {"to", required_argument, NULL, 't'},
                                                 {"mode", required_argument, NULL, 'm'},
                                                 {"database", required_argument, NULL, 'D'},
                                                 {"where", required_argument, NULL, 'w'},
                                                 {"key", required_argument, NULL, 'k'},
                                                 {"table", required_argument, NULL, 'T'},
                                                 {"exclude-table", required_argument, NULL, 'x'},
                                                 {"map", required_argument, NULL, 'M'},
                                                 {"ignore-columns", required_argument, NULL, 'i'},
                                                 {"skip-bad", required_argument, NULL, 'b'},
                                                 {"with-parents", no_argument, NULL, 'p'},
                                                 {"orphans", no_argument, NULL, 'o'},
                                                 {"no-create", no_argument, NULL, 'c'},
                                                 {"dry-run", no_argument, NULL, 'n'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"quiet", no_argument, NULL, 'q'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct failure failure = {.code = 0};
    int letter;

    while ((letter = getopt_long(argc, argv, "hnq", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_restore);
        if (take_option(command, letter, &failure) != 0)
            return complain(&failure);
    }
    if (take_what(command, argv + optind, argc - optind, &failure) != 0)
        return complain(&failure);
    return run(command);
}

int command_restore(int argc, char **argv)
{
    struct restore_command command = {.mode = LOAD_APPEND};
    int status = parse_and_run(&command, argc, argv);

    free(command.tables.items);
    free(command.keys.items);
    free(command.excluded.items);
    free(command.maps.items);
    free(command.ignored.items);
    return status;
}
