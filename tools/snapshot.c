/* SPDX-License-Identifier: MIT */
/*
 * crmfs snapshot: takes a snapshot of sources into a store, without a mount.
 * crmfs import: the same of each of some backups, with the time of the backup.
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/source/source.h"
#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/base/size_text.h"
#include "fs/tree/take.h"
#include "fs/tree/view_bounds.h"
#include "tools/commands.h"
#include "tools/indexing.h"
#include "tools/opened_store.h"
#include "tools/output.h"
#include "tools/processors.h"
#include "tools/sources.h"
#include "tools/stop.h"
#include "tools/take_display.h"
#include "tools/taken.h"
#include "tools/usage.h"
#include "tools/words.h"

#define THREADS_MOST 16
#define BUSY_TIMEOUT_MS 5000
#define NAMES_TRIED 100
#define NAME_SIZE 48

/* Texts of the command line, in the order given. */
struct snapshot_command {
    struct passphrase_options passphrase;
    const char *store;
    const char *name; /* NULL: the time */
    struct words tags;
    struct words tables;
    struct words excluded;
    struct source_list sources;
    uint64_t view_timeout_ns;
    bool json;
    bool quiet;
    bool import; /* each source by itself, as of its own time */
};

/* -EINVAL without words: getopt has said it. */
static int take_option(struct snapshot_command *command, int letter, struct failure *failure)
{
    if (passphrase_take_option(&command->passphrase, letter, optarg))
        return 0;
    switch (letter) {
    case 's': command->store = optarg; return 0;
    case 'n': command->name = optarg; return 0;
    case 't': return words_add(&command->tags, optarg, failure);
    case 'T': return words_add_list(&command->tables, "--table", optarg, failure);
    case 'x': return words_add_list(&command->excluded, "--exclude-table", optarg, failure);
    case 'v':
        if (size_text_duration(optarg, &command->view_timeout_ns) == 0)
            return 0;
        return failure_set(failure, EINVAL,
                           "--view-timeout: \"%s\" is no time; write seconds, such as 2 or 0.5",
                           optarg);
    case 'j': command->json = true; return 0;
    case 'q': command->quiet = true; return 0;
    default: return -EINVAL;
    }
}

/* What the log would refuse is refused before the work. */
static int check_words(const struct snapshot_command *command, struct failure *failure)
{
    const struct snapshot snapshot = {
        .name = command->name != NULL ? (char *)command->name : (char[]){"name"},
        .tags = (char **)command->tags.items,
        .tag_count = command->tags.count,
    };

    return snapshot_check(&snapshot, failure);
}

static const char *command_name(const struct snapshot_command *command)
{
    return command->import ? "import" : "snapshot";
}

/* Each is a snapshot of its own, for which one name is not enough. */
static int check_import(struct snapshot_command *command, struct failure *failure)
{
    if (command->name != NULL && command->sources.count > 1)
        return failure_set(failure, EINVAL, "--name names one snapshot, and there are %zu backups",
                           command->sources.count);
    return source_list_strip_dates(&command->sources, failure);
}

static int read_sources(struct snapshot_command *command, char **words, int count,
                        struct failure *failure)
{
    cleanup_free char *directory = getcwd(NULL, 0);
    int error = 0;

    if (directory == NULL)
        return failure_set(failure, errno, "cannot tell the working directory: %s",
                           strerror(errno));
    for (int i = 0; i < count && error == 0; i++)
        error = source_list_add(&command->sources, words[i], directory, failure);
    if (error == 0 && count == 0)
        return failure_set(failure, EINVAL, "there is no %s; crmfs %s --help says more",
                           command->import ? "backup" : "source", command_name(command));
    if (error == 0 && command->store == NULL)
        return failure_set(failure, EINVAL,
                           "into which store? --store STORE; crmfs %s --help says more",
                           command_name(command));
    if (error == 0 && command->import)
        error = check_import(command, failure);
    return error;
}

/* ---- Taking it ---- */

/* One snapshot being taken; zeroed at first. */
struct taking {
    const struct snapshot_command *command;
    struct opened_store opened;
    struct source_list list; /* borrowed: sources of this snapshot */
    struct take_source *sources;
    size_t source_count; /* open ones */
    struct indexing indexing;
    const bool *cancelled;
    struct take_progress progress;
    struct take_display display;
    time_t time;
    char name[NAME_SIZE]; /* made of the time */
};

/* What of an archive is left out. */
static void warn_part(void *context, const struct failure *why)
{
    struct taking *taking = context;

    take_display_clear(&taking->display);
    log_message(LOG_LEVEL_WARNING, "left out: %s", why->text);
}

static int open_sources(struct taking *taking, struct failure *failure)
{
    const struct source_list *list = &taking->list;

    taking->sources = allocate_array(list->count, sizeof *taking->sources);
    if (taking->sources == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        struct take_source *source = &taking->sources[i];
        const struct source_options options = {
            .busy_timeout_ms = BUSY_TIMEOUT_MS,
            .parallel = processors(THREADS_MOST),
            .cancelled = taking->cancelled,
            .password = list->items[i].password,
            .password_command = list->items[i].password_command,
        };
        int error = source_open(list->items[i].url, &options, &source->source, failure);

        if (error == 0)
            error =
                indexing_wrap(&taking->indexing, store_key(taking->opened.store, STORE_BOUNDARIES),
                              taking->cancelled, warn_part, taking, &source->source, failure);

        if (error != 0)
            return failure_name(failure, -error, list->items[i].url);
        source->name = list->items[i].name;
        taking->source_count++;
    }
    return 0;
}

static void close_sources(struct taking *taking)
{
    for (size_t i = 0; i < taking->source_count; i++)
        taking->sources[i].source->class->close(taking->sources[i].source);
    free(taking->sources);
    taking->sources = NULL;
    taking->source_count = 0;
    indexing_end(&taking->indexing);
}

static void warn(void *context, const char *source, const char *table, const struct failure *why)
{
    struct taking *taking = context;

    take_display_clear(&taking->display);
    log_message(LOG_LEVEL_WARNING, "%s, view %s is left out: %s", source, table, why->text);
}

/* The time in UTC, without what cannot be in a file's name elsewhere; then with a number. */
static void make_name(struct taking *taking)
{
    time_t seconds = taking->time;
    char stem[NAME_SIZE - 8];
    struct tm parts;

    gmtime_r(&seconds, &parts);
    strftime(stem, sizeof stem, "%Y-%m-%dT%H%M%SZ", &parts);
    snprintf(taking->name, sizeof taking->name, "%s", stem);
    for (int i = 2; i < NAMES_TRIED && log_find(&taking->opened.state, taking->name) != NULL; i++)
        snprintf(taking->name, sizeof taking->name, "%s-%d", stem, i);
}

static int take(struct taking *taking, const bool *cancelled, struct failure *failure)
{
    const struct snapshot_command *command = taking->command;
    struct take_options options = {
        .store = taking->opened.store,
        .reader = taking->opened.reader,
        .sources = taking->sources,
        .source_count = taking->source_count,
        .tables = command->tables.items,
        .table_count = command->tables.count,
        .excluded = command->excluded.items,
        .excluded_count = command->excluded.count,
        .name = command->name,
        .tags = command->tags.items,
        .tag_count = command->tags.count,
        .threads = processors(THREADS_MOST),
        .view_timeout_ns = command->view_timeout_ns,
        .cancelled = cancelled,
        .progress = &taking->progress,
        .as_of_sources = command->import,
        .warn = warn,
        .warn_context = taking,
    };
    int error = -EEXIST;

    if (command->name == NULL)
        options.name = taking->name;
    /* Whose name is the time does not mind that somebody else came first. */
    for (int i = 0; i < NAMES_TRIED && error == -EEXIST; i++) {
        if (command->name == NULL)
            make_name(taking);
        error = snapshot_take(&options, &taking->opened.state, NULL, failure);
        if (command->name != NULL)
            break;
    }
    return error;
}

/* ---- What is said of it ---- */

/* The snapshot is durable, whatever comes of this. */
static int say_taken(const struct taking *taking, struct failure *failure)
{
    const struct snapshot_command *command = taking->command;
    const struct snapshot *snapshot =
        log_find(&taking->opened.state, command->name != NULL ? command->name : taking->name);
    struct stored_tree tree = {.source_count = 0};
    int error = 0;

    if (snapshot == NULL || (command->quiet && !command->json))
        return 0;
    error = opened_store_tree(&taking->opened, snapshot, &tree, failure);
    if (error == 0 && command->json)
        error = taken_as_json(snapshot, &tree);
    else if (error == 0)
        taken_to_people(snapshot, &tree);
    stored_tree_release(&tree);
    return error;
}

/* Now; for a backup, when that was made, which it says when it has been read. */
static int choose_time(struct taking *taking, struct failure *failure)
{
    struct source_version version;
    struct dataset *dataset;

    taking->time = time(NULL);
    if (!taking->command->import)
        return 0;

    struct source *source = taking->sources[0].source;
    int error = source->class->begin(source, &dataset, &version, failure);

    if (error != 0)
        return failure_name(failure, -error, taking->list.items[0].url);
    taking->time = dataset->changed.tv_sec;
    dataset->class->finish(dataset);
    dataset->class->release(dataset);
    return 0;
}

/* One snapshot, of the sources in the list. */
static int take_list(struct taking *taking, const struct source_list *list, struct failure *failure)
{
    taking->list = *list;
    taking->progress = (struct take_progress){.rows = 0};

    int error = open_sources(taking, failure);

    if (error == 0)
        error = choose_time(taking, failure);
    if (error == 0 && !taking->command->quiet)
        take_display_begin(&taking->display, &taking->opened, &taking->list, &taking->progress);
    if (error == 0)
        error = take(taking, taking->cancelled, failure);
    take_display_end(&taking->display);
    if (error == 0)
        error = say_taken(taking, failure);
    close_sources(taking);
    return error;
}

static int run_opened(struct taking *taking, struct failure *failure)
{
    const struct source_list *all = &taking->command->sources;
    int error = 0;

    taking->cancelled = stop_begin();
    if (!taking->command->import)
        return take_list(taking, all, failure);
    for (size_t i = 0; i < all->count && error == 0; i++)
        error =
            take_list(taking, &(struct source_list){.items = &all->items[i], .count = 1}, failure);
    return error;
}

/* What else can be done about a table that may not be read. */
static const char *advice(const struct taking *taking, int error)
{
    const struct take_progress *progress = &taking->progress;

    return error == -EACCES && progress->tables_done < progress->tables
               ? "; or leave it out with --exclude-table"
               : "";
}

static int run(const struct snapshot_command *command)
{
    struct taking taking = {.command = command};
    struct failure failure = {.code = 0};
    int error = opened_store_open(command->store, &command->passphrase, &taking.opened, &failure);

    if (error == 0)
        error = run_opened(&taking, &failure);
    opened_store_release(&taking.opened);
    if (error == 0)
        return output_end("what was to be taken is in the store");
    log_message(LOG_LEVEL_ERROR, "cannot %s: %s%s", command->import ? "import" : "take a snapshot",
                failure_text(&failure, error), advice(&taking, error));
    if (error == -ECANCELED)
        stop_obey();
    return STATUS_FAILED;
}

static int complain(const struct snapshot_command *command, const struct failure *failure)
{
    if (failure->code != 0)
        log_message(LOG_LEVEL_ERROR, "%s", failure->text);
    else
        fprintf(stderr,
                "usage: crmfs %s [OPTION...] --store STORE %s...\n"
                "crmfs %s --help says more\n",
                command_name(command), command->import ? "BACKUP" : "SOURCE",
                command_name(command));
    return STATUS_USAGE;
}

static int parse_and_run(struct snapshot_command *command, int argc, char **argv)
{
    static const struct option long_options[] = {{"store", required_argument, NULL, 's'},
                                                 {"name", required_argument, NULL, 'n'},
                                                 {"tag", required_argument, NULL, 't'},
                                                 {"table", required_argument, NULL, 'T'},
                                                 {"exclude-table", required_argument, NULL, 'x'},
                                                 {"view-timeout", required_argument, NULL, 'v'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"quiet", no_argument, NULL, 'q'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct failure failure = {.code = 0};
    int letter;

    while ((letter = getopt_long(argc, argv, "hq", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(command->import ? usage_import : usage_snapshot);
        if (take_option(command, letter, &failure) != 0)
            return complain(command, &failure);
    }
    if (read_sources(command, argv + optind, argc - optind, &failure) != 0 ||
        check_words(command, &failure) != 0)
        return complain(command, &failure);
    return run(command);
}

static int run_command(bool import, int argc, char **argv)
{
    struct snapshot_command command = {.view_timeout_ns = VIEW_TIMEOUT_NS, .import = import};
    int status = parse_and_run(&command, argc, argv);

    free(command.tags.items);
    free(command.tables.items);
    free(command.excluded.items);
    source_list_release(&command.sources);
    return status;
}

int command_snapshot(int argc, char **argv)
{
    return run_command(false, argc, argv);
}

int command_import(int argc, char **argv)
{
    return run_command(true, argc, argv);
}
