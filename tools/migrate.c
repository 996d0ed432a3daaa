/* SPDX-License-Identifier: MIT */
/*
 * crmfs migrate: a whole database into an empty one, of the same kind or another.
 *
 * Table by table, parents first, each in a transaction of its own. Before a table is committed, its
 * rows and digest are written into a journal; so an interrupted migration knows which tables are
 * there, and whether their source is still what it was. When all are, each is read back from the
 * target and compared.
 */
#include <errno.h>
#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/restore/one_database.h"
#include "tools/amount.h"
#include "tools/commands.h"
#include "tools/migration.h"
#include "tools/migration_compare.h"
#include "tools/migration_report.h"
#include "tools/path.h"
#include "tools/stop.h"
#include "tools/usage.h"

void migration_progress(void *context, double seconds, char *text, size_t size)
{
    const struct migration *migration = context;
    uint64_t rows = __atomic_load_n(&migration->rows_done, __ATOMIC_RELAXED);
    char elapsed[AMOUNT_SIZE], count[AMOUNT_SIZE];

    snprintf(text, size, "%s  %s rows", amount_time((uint64_t)seconds, elapsed),
             amount_count(rows, count));
}

/* Copies, compares and reports. */
static int migrate_all(struct migration *migration, struct failure *failure)
{
    const struct migrate_command *command = migration->command;
    struct progress_line *line = NULL;
    int error = migration_list(migration, failure);

    if (error == 0 && !command->quiet)
        line = progress_line_begin(migration_progress, migration);
    if (error == 0)
        error = migration_copy(migration, failure);
    if (error == 0)
        error = migration_compare(command->target, migration->cancelled, migration->source.dataset,
                                  &migration->journal, migration->names, migration->count, failure);
    progress_line_end(line);
    if (error == 0 && command->json)
        error = migration_report_as_json(&migration->journal, migration->names, migration->count,
                                         migration->interrupted, &migration->outdated,
                                         &migration->source.left_out, failure);
    else if (error == 0 && !command->quiet)
        migration_report_to_people(&migration->journal, migration->names, migration->count,
                                   migration->interrupted && migration->outdated.count == 0);
    return error;
}

static int open_source(struct migration *migration, struct failure *failure)
{
    const struct migrate_command *command = migration->command;
    struct words none = {.count = 0};
    struct restore_options all = {.table_count = 0};
    int error = restore_source_open(command->store, &command->passphrase, command->source,
                                    migration->cancelled, &migration->source, failure);

    if (error == 0 && migration->source.table != NULL)
        error = failure_set(failure, EINVAL,
                            "all tables are migrated: leave \"/%s\" away, or say crmfs restore",
                            migration->source.table);
    if (error == 0) {
        restore_source_tell_lacking(&migration->source, &none);
        restore_source_tell_unseen(&migration->source);
        error = one_database(&migration->source.dataset, migration->source.kind, command->database,
                             &all, NULL, NULL, failure);
    }
    return error;
}

/*
 * Of which source the journal is: "latest" is soon another snapshot, and crm.db another file
 * elsewhere. NULL: errno says why.
 */
static char *journal_source(const struct migration *migration)
{
    const struct restore_source *source = &migration->source;
    char id[2 * SNAPSHOT_ID_BYTES + 1];
    char *text = NULL;

    if (source->snapshot == NULL)
        return path_absolute_url(migration->command->source, NULL);
    sodium_bin2hex(id, sizeof id, source->snapshot->id, sizeof source->snapshot->id);
    return asprintf(&text, "snapshot %s, %s", id, source->name) < 0 ? NULL : text;
}

/* A target that is refused, for a password in its URL say, does not get into the journal. */
static int open_journal(struct migration *migration, struct failure *failure)
{
    const struct migrate_command *command = migration->command;
    cleanup_free char *source = journal_source(migration);
    cleanup_free char *to = path_absolute_url(command->target, NULL);
    struct target *target;
    int error;

    if (source == NULL || to == NULL)
        return failure_set(failure, errno, "cannot tell the working directory: %s",
                           strerror(errno));
    error = migration_connect(migration, &target, failure);
    if (error != 0)
        return error;
    target->class->close(target);
    return migration_journal_open(command->journal, source, to, &migration->journal, failure);
}

static int migrate(struct migration *migration, struct failure *failure)
{
    const struct migrate_command *command = migration->command;
    bool has_journal = false;
    bool is_done;
    int error = open_source(migration, failure);

    if (error == 0) {
        error = open_journal(migration, failure);
        has_journal = error == 0;
    }
    if (error == 0)
        error =
            command->dry_run ? migration_try(migration, failure) : migrate_all(migration, failure);
    for (size_t i = 0; i < migration->count; i++)
        free(migration->names[i]);
    free((void *)migration->names);
    /* Whoever drops a table that is outdated goes on with the others as they are. */
    migration->lacks_parts =
        left_out_any(&migration->source.left_out) || migration->outdated.count != 0;
    is_done = error == 0 && !command->dry_run && migration->outdated.count == 0;
    free((void *)migration->outdated.items);
    for (size_t i = 0; i < migration->view_count; i++)
        free(migration->views[i]);
    free((void *)migration->views);
    restore_source_close(&migration->source);
    /*
     * Last of all, so that whoever is told to do it again until it ends well need not know how far
     * it came. Where nothing has been done there is nothing to go on with.
     */
    if (has_journal)
        migration_journal_close(&migration->journal, is_done || migration->journal.count == 0);
    return error;
}

static int run(const struct migrate_command *command)
{
    struct migration migration = {.command = command, .cancelled = stop_begin()};
    struct failure failure = {.code = 0};
    int error = migrate(&migration, &failure);

    if (error == 0 && command->dry_run)
        return left_out_end(migration.lacks_parts, "tried", NULL);
    if (error == 0)
        return left_out_end(migration.lacks_parts, "migrated", "the database is migrated");
    log_message(LOG_LEVEL_ERROR, "cannot migrate: %s", failure_text(&failure, error));
    return stop_status(error);
}

/* -EINVAL without words: getopt has said it. */
static int take_option(struct migrate_command *command, int letter)
{
    if (passphrase_take_option(&command->passphrase, letter, optarg))
        return 0;
    switch (letter) {
    case 's': command->store = optarg; return 0;
    case 'D': command->database = optarg; return 0;
    case 'J': command->journal = optarg; return 0;
    case 'o': command->orphans = true; return 0;
    case 'n': command->dry_run = true; return 0;
    case 'j': command->json = true; return 0;
    case 'q': command->quiet = true; return 0;
    default: return -EINVAL;
    }
}

static int complain(void)
{
    fputs("usage: crmfs migrate [OPTION...] SOURCE TARGET\n"
          "crmfs migrate --help says more\n",
          stderr);
    return STATUS_USAGE;
}

int command_migrate(int argc, char **argv)
{
    static const struct option long_options[] = {{"store", required_argument, NULL, 's'},
                                                 {"database", required_argument, NULL, 'D'},
                                                 {"journal", required_argument, NULL, 'J'},
                                                 {"orphans", no_argument, NULL, 'o'},
                                                 {"dry-run", no_argument, NULL, 'n'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"quiet", no_argument, NULL, 'q'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct migrate_command command = {.json = false};
    int letter;

    while ((letter = getopt_long(argc, argv, "hnq", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_migrate);
        if (take_option(&command, letter) != 0)
            return complain();
    }
    if (argc - optind != 2)
        return complain();
    command.source = argv[optind];
    command.target = argv[optind + 1];
    return run(&command);
}
