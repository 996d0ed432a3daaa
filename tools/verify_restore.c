/* SPDX-License-Identifier: MIT */
/*
 * crmfs verify-restore: can a snapshot be restored? It is, into a database to be thrown away, read
 * back there and compared, and taken back. Its exit status is for cron.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/restore/restore.h"
#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/output.h"
#include "tools/progress_line.h"
#include "tools/restore_source.h"
#include "tools/stop.h"
#include "tools/usage.h"

/* In memory: nothing of a snapshot comes to rest in plain. */
#define SCRATCH_FOLDER "/dev/shm"

struct verify_command {
    struct passphrase_options passphrase;
    const char *store;
    const char *what;
    const char *target;  /* NULL: an SQLite file of our own */
    const char *scratch; /* the folder where that is */
    bool json;
    bool quiet;
};

struct verification {
    const struct verify_command *command;
    const bool *cancelled;
    char *folder; /* of our own; NULL: none was made */
    char *file;
    struct answer answer;
    struct columns columns;
    struct progress_line *line;
    uint64_t rows_done;
    bool lacking; /* what nobody left out on purpose */
};

/* ---- Where to ----------------------------------------------------------------------------------
 */

static int make_scratch(struct verification *verification, struct failure *failure)
{
    if (asprintf(&verification->folder, "%s/crmfs-verify-XXXXXX", verification->command->scratch) <
        0) {
        verification->folder = NULL;
        return -ENOMEM;
    }
    if (mkdtemp(verification->folder) == NULL) {
        int error = failure_set(failure, errno,
                                "cannot make a folder in %s: %s; --scratch DIR says "
                                "where one can be made",
                                verification->command->scratch, strerror(errno));

        free(verification->folder);
        verification->folder = NULL;
        return error;
    }
    return asprintf(&verification->file, "%s/restored.db", verification->folder) < 0 ? -ENOMEM : 0;
}

static void remove_scratch(struct verification *verification)
{
    static const char *const endings[] = {"", "-journal", "-wal", "-shm"};

    for (size_t i = 0; verification->file != NULL && i < sizeof endings / sizeof *endings; i++) {
        cleanup_free char *path = NULL;

        if (asprintf(&path, "%s%s", verification->file, endings[i]) >= 0)
            unlink(path);
    }
    if (verification->folder != NULL)
        rmdir(verification->folder);
    free(verification->file);
    free(verification->folder);
}

/* ---- A source of the snapshot ------------------------------------------------------------------
 */

static void say_tables(struct verification *verification, const char *source,
                       const struct restore_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct restore_table *table = &plan->tables[i];
        char name[FAILURE_TEXT_SIZE];
        char count[AMOUNT_SIZE];
        char digest[40];

        snprintf(digest, sizeof digest, "%016llx%016llx",
                 (unsigned long long)table->counts.digest[0],
                 (unsigned long long)table->counts.digest[1]);
        if (verification->command->json) {
            json_open(&verification->answer.json, '{');
            answer_bytes(&verification->answer, "source", source);
            answer_bytes(&verification->answer, "table", table->source->name);
            answer_number(&verification->answer, "rows", table->counts.inserted);
            answer_text(&verification->answer, "digest", digest);
            json_close(&verification->answer.json, '}');
        } else {
            printable_copy(name, sizeof name, table->source->name);
            columns_print(&verification->columns, "%s/%s\t%s\t%s\tequal\n", source, name,
                          amount_count(table->counts.inserted, count), digest);
        }
    }
}

static int restore_there(struct verification *verification, const char *name,
                         const struct restore_source *source, struct failure *failure)
{
    const struct verify_command *command = verification->command;
    const struct target_options options = {
        .source = {.busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS,
                   .parallel = 1,
                   .cancelled = verification->cancelled},
        .create = true,
        .unrelated = source->table != NULL,
    };
    const struct restore_options restore = {
        .mode = LOAD_APPEND,
        .tables = &source->table,
        .table_count = source->table != NULL,
        .must_create = true,
        .unrelated = source->table != NULL,
        .dry_run = true,
        .cancelled = verification->cancelled,
        .rows_done = &verification->rows_done,
    };
    struct restore_plan plan = {.count = 0};
    struct target *target;
    int error = target_open(command->target != NULL ? command->target : verification->file,
                            &options, &target, failure);

    if (error != 0)
        return error;
    error = target->class->begin(target, failure);
    if (error == 0)
        error = restore_plan(source->dataset, source->kind, target, &restore, &plan, failure);
    if (error == 0)
        error = restore_run(&plan, failure);
    if (error == 0)
        say_tables(verification, name, &plan);
    restore_plan_release(&plan);
    target->class->close(target);
    return error;
}

/* What is not there cannot be restored: whoever wants all of it is told. */
static void tell_lacking(struct verification *verification, struct restore_source *source)
{
    struct words none = {.count = 0};

    if (source->table != NULL)
        return;
    progress_line_clear(verification->line);
    restore_source_tell_lacking(source, &none);
    restore_source_tell_unseen(source);
    verification->lacking |= left_out_any(&source->left_out);
}

/* Opens SNAPSHOT/NAME[/TABLE] and restores it. */
static int verify_source(struct verification *verification, const struct opened_store *opened,
                         const char *what, struct failure *failure)
{
    struct restore_source source = {.dataset = NULL};
    int error = restore_source_open_in(opened, what, &source, failure);

    if (error == 0)
        tell_lacking(verification, &source);
    if (error == 0 && (source.stored->table_count != 0 || !left_out_any(&source.left_out)))
        error =
            restore_there(verification, source.name != NULL ? source.name : what, &source, failure);
    restore_source_close(&source);
    return error;
}

/* No database has files/; but whoever asks whether all of a snapshot can be restored is told. */
static void tell_files(struct verification *verification)
{
    struct left_out list = {.items = NULL};

    left_out_tell_unread_files(&list);
    verification->lacking = true;
    left_out_clear(&list);
}

/* The names of the snapshot's sources that have tables, or lack some. */
static int list_sources(struct verification *verification, const struct opened_store *opened,
                        const char *what, char ***ret_names, size_t *ret_count,
                        struct failure *failure)
{
    struct stored_tree tree = {.source_count = 0};
    const struct snapshot *snapshot;
    char **names = NULL;
    size_t count = 0;
    int error = opened_store_find(opened, what, &snapshot, failure);

    if (error == 0)
        error = opened_store_tree(opened, snapshot, &tree, failure);
    if (error == 0) {
        names = allocate_array(tree.source_count, sizeof *names);
        error = names != NULL ? 0 : -ENOMEM;
    }
    if (error == 0 && tree.lacks_files)
        tell_files(verification);
    for (size_t i = 0; i < tree.source_count && error == 0; i++) {
        if (tree.sources[i].table_count == 0 && tree.sources[i].lacking.count == 0 &&
            !tree.sources[i].unseen)
            continue;
        error = asprintf(&names[count], "%s/%s", what, tree.sources[i].name) < 0 ? -ENOMEM : 0;
        count += error == 0;
    }
    stored_tree_release(&tree);
    *ret_names = names;
    *ret_count = count;
    return error;
}

static int verify_sources(struct verification *verification, const struct opened_store *opened,
                          struct failure *failure)
{
    const char *what = verification->command->what;
    char **names = NULL;
    size_t count = 0;
    int error;

    if (strchr(what, '/') != NULL)
        return verify_source(verification, opened, what, failure);
    error = list_sources(verification, opened, what, &names, &count, failure);
    if (error == 0 && count == 0)
        error = failure_set(failure, ENOENT, "snapshot %s has no tables", what);
    for (size_t i = 0; i < count && error == 0; i++)
        error = verify_source(verification, opened, names[i], failure);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free((void *)names);
    return error;
}

/* The store is opened once: a passphrase may be typed, or come from a pipe. */
static int verify_all(struct verification *verification, struct failure *failure)
{
    const struct verify_command *command = verification->command;
    struct opened_store opened = {.path = NULL};
    int error = opened_store_open(command->store, &command->passphrase, &opened, failure);

    if (error == 0)
        error = verify_sources(verification, &opened, failure);
    opened_store_release(&opened);
    return error;
}

/* ---- The command -------------------------------------------------------------------------------
 */

static void write_progress(void *context, double seconds, char *text, size_t size)
{
    const struct verification *verification = context;
    char elapsed[AMOUNT_SIZE], count[AMOUNT_SIZE];

    snprintf(text, size, "%s  %s rows", amount_time((uint64_t)seconds, elapsed),
             amount_count(__atomic_load_n(&verification->rows_done, __ATOMIC_RELAXED), count));
}

static void begin_report(struct verification *verification)
{
    if (verification->command->json) {
        answer_begin(&verification->answer);
        json_open(&verification->answer.json, '[');
    } else {
        columns_begin(&verification->columns, " r  ");
        columns_print(&verification->columns, "TABLE\tROWS\tDIGEST\tRESTORED\n");
    }
}

static int end_report(struct verification *verification, int error, struct failure *failure)
{
    if (verification->command->json) {
        json_close(&verification->answer.json, ']');
        if (error == 0)
            return answer_end(&verification->answer, failure);
        buffer_release(&verification->answer.text);
    } else if (error == 0 && !verification->command->quiet) {
        return columns_end(&verification->columns);
    } else {
        buffer_release(&verification->columns.text);
    }
    return error;
}

static int run(const struct verify_command *command)
{
    struct verification verification = {.command = command, .cancelled = stop_begin()};
    struct failure failure = {.code = 0};
    int error = command->target == NULL ? make_scratch(&verification, &failure) : 0;

    begin_report(&verification);
    verification.line = command->quiet ? NULL : progress_line_begin(write_progress, &verification);
    if (error == 0)
        error = verify_all(&verification, &failure);
    progress_line_end(verification.line);
    remove_scratch(&verification);
    error = end_report(&verification, error, &failure);
    if (error == 0)
        return left_out_end(verification.lacking, "it can be restored", "it can be restored");
    log_message(LOG_LEVEL_ERROR, "%s cannot be restored: %s", command->what,
                failure_text(&failure, error));
    return stop_status(error);
}

/* -EINVAL without words: getopt has said it. */
static int take_option(struct verify_command *command, int letter)
{
    if (passphrase_take_option(&command->passphrase, letter, optarg))
        return 0;
    switch (letter) {
    case 's': command->store = optarg; return 0;
    case 't': command->target = optarg; return 0;
    case 'S': command->scratch = optarg; return 0;
    case 'j': command->json = true; return 0;
    case 'q': command->quiet = true; return 0;
    default: return -EINVAL;
    }
}

static int complain(void)
{
    fputs("usage: crmfs verify-restore [OPTION...] --store STORE SNAPSHOT[/SOURCE[/TABLE]]\n"
          "crmfs verify-restore --help says more\n",
          stderr);
    return STATUS_USAGE;
}

int command_verify_restore(int argc, char **argv)
{
    static const struct option long_options[] = {{"store", required_argument, NULL, 's'},
                                                 {"to", required_argument, NULL, 't'},
                                                 {"scratch", required_argument, NULL, 'S'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"quiet", no_argument, NULL, 'q'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct verify_command command = {.scratch = SCRATCH_FOLDER};
    int letter;

    while ((letter = getopt_long(argc, argv, "hq", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_verify_restore);
        if (take_option(&command, letter) != 0)
            return complain();
    }
    if (argc - optind != 1 || command.store == NULL)
        return complain();
    command.what = argv[optind];
    return run(&command);
}
