/* SPDX-License-Identifier: MIT */
/* crmfs snapshot: takes a snapshot of sources into a store, without a mount. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/source/source.h"
#include "fs/base/json_text.h"
#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/base/size_text.h"
#include "fs/tree/take.h"
#include "fs/tree/view_bounds.h"
#include "tools/amount.h"
#include "tools/commands.h"
#include "tools/opened_store.h"
#include "tools/processors.h"
#include "tools/sources.h"
#include "tools/stop.h"
#include "tools/take_display.h"
#include "tools/usage.h"

#define THREADS_MOST 16
#define BUSY_TIMEOUT_MS 5000
#define OUTPUT_LIMIT ((size_t)1 << 20)
#define NAMES_TRIED 100
#define NAME_SIZE 48

/* Texts of the command line, in the order given. */
struct words {
    const char **items;
    size_t count;
};

struct snapshot_command {
    struct passphrase_options passphrase;
    const char *store;
    const char *name; /* NULL: the time */
    struct words tags;
    struct words tables;
    struct source_list sources;
    uint64_t view_timeout_ns;
    bool json;
    bool quiet;
};

static int add_word(struct words *words, const char *word, struct failure *failure)
{
    const char **items = reallocarray(words->items, words->count + 1, sizeof *items);

    if (items == NULL)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    items[words->count++] = word;
    words->items = items;
    return 0;
}

/* "accounts,crm.contacts"; TEXT is cut up. */
static int add_tables(struct snapshot_command *command, char *text, struct failure *failure)
{
    int error = 0;

    for (char *table; error == 0 && (table = strsep(&text, ",")) != NULL;) {
        if (table[0] == '\0')
            return failure_set(failure, EINVAL, "there is an empty name of a table in --table");
        error = add_word(&command->tables, table, failure);
    }
    return error;
}

/* -EINVAL without words: getopt has said it. */
static int take_option(struct snapshot_command *command, int letter, struct failure *failure)
{
    if (passphrase_take_option(&command->passphrase, letter, optarg))
        return 0;
    switch (letter) {
    case 's': command->store = optarg; return 0;
    case 'n': command->name = optarg; return 0;
    case 't': return add_word(&command->tags, optarg, failure);
    case 'T': return add_tables(command, optarg, failure);
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
        return failure_set(failure, EINVAL, "there is no source; crmfs snapshot --help says more");
    if (error == 0 && command->store == NULL)
        return failure_set(failure, EINVAL,
                           "into which store? --store STORE; crmfs snapshot --help says more");
    return error;
}

/* ---- Taking it ---- */

/* One snapshot being taken; zeroed at first. */
struct taking {
    const struct snapshot_command *command;
    struct opened_store opened;
    struct take_source *sources;
    size_t source_count; /* open ones */
    struct take_progress progress;
    struct take_display display;
    char name[NAME_SIZE]; /* made of the time */
};

static int open_sources(struct taking *taking, const bool *cancelled, struct failure *failure)
{
    const struct source_list *list = &taking->command->sources;
    const struct source_options options = {.busy_timeout_ms = BUSY_TIMEOUT_MS,
                                           .parallel = processors(THREADS_MOST),
                                           .cancelled = cancelled};

    taking->sources = allocate_array(list->count, sizeof *taking->sources);
    if (taking->sources == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < list->count; i++) {
        struct take_source *source = &taking->sources[i];
        int error = source_open(list->items[i].url, &options, &source->source, failure);

        if (error != 0)
            return failure_name(failure, -error, list->items[i].url);
        source->name = list->items[i].name;
        taking->source_count++;
    }
    return 0;
}

static void release(struct taking *taking)
{
    for (size_t i = 0; i < taking->source_count; i++)
        taking->sources[i].source->class->close(taking->sources[i].source);
    free(taking->sources);
    opened_store_release(&taking->opened);
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
    time_t seconds = time(NULL);
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
        .name = command->name,
        .tags = command->tags.items,
        .tag_count = command->tags.count,
        .threads = processors(THREADS_MOST),
        .view_timeout_ns = command->view_timeout_ns,
        .cancelled = cancelled,
        .progress = &taking->progress,
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

struct taken {
    uint64_t tables;
    uint64_t rows;
};

static struct taken count(const struct stored_tree *tree)
{
    struct taken taken = {.rows = 0};

    for (size_t i = 0; i < tree->source_count; i++) {
        taken.tables += tree->sources[i].table_count;
        for (size_t j = 0; j < tree->sources[i].table_count; j++)
            taken.rows += tree->sources[i].tables[j].rows;
    }
    return taken;
}

static void say_to_people(const struct snapshot *snapshot, struct taken taken)
{
    char tables[AMOUNT_SIZE], rows[AMOUNT_SIZE], raw[AMOUNT_SIZE], stored[AMOUNT_SIZE];

    printf("Took snapshot %s: %s rows in %s table%s, %s as CSV, %s added to the store\n",
           snapshot->name, amount_count(taken.rows, rows), amount_count(taken.tables, tables),
           taken.tables == 1 ? "" : "s", amount_bytes(snapshot->raw_bytes, raw),
           amount_bytes(snapshot->stored_bytes, stored));
}

static int say_as_json(const struct snapshot *snapshot, struct taken taken)
{
    cleanup_buffer struct buffer output = BUFFER(OUTPUT_LIMIT);
    char id[2 * SNAPSHOT_ID_BYTES + 1], time[AMOUNT_SIZE];
    int error = buffer_append_text(&output, "{\"name\":");

    sodium_bin2hex(id, sizeof id, snapshot->id, sizeof snapshot->id);
    if (error == 0)
        error = json_text_append(&output, snapshot->name, strlen(snapshot->name));
    if (error == 0)
        error =
            buffer_print(&output,
                         ",\"id\":\"%s\",\"time\":\"%s\",\"tables\":%" PRIu64 ",\"rows\":%" PRIu64
                         ",\"raw_bytes\":%" PRIu64 ",\"stored_bytes\":%" PRIu64 ",\"tags\":[",
                         id, amount_utc(snapshot->time_ns, time), taken.tables, taken.rows,
                         snapshot->raw_bytes, snapshot->stored_bytes);
    for (size_t i = 0; i < snapshot->tag_count && error == 0; i++) {
        error = i == 0 ? 0 : buffer_append_text(&output, ",");
        if (error == 0)
            error = json_text_append(&output, snapshot->tags[i], strlen(snapshot->tags[i]));
    }
    if (error == 0)
        error = buffer_append_text(&output, "]}\n");
    if (error == 0)
        fwrite(output.data, 1, output.size, stdout);
    return error;
}

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
        error = say_as_json(snapshot, count(&tree));
    else if (error == 0)
        say_to_people(snapshot, count(&tree));
    stored_tree_release(&tree);
    return error;
}

static int run_opened(struct taking *taking, struct failure *failure)
{
    const bool *cancelled = stop_begin();
    int error = open_sources(taking, cancelled, failure);

    if (error == 0 && !taking->command->quiet)
        take_display_begin(&taking->display, &taking->opened, &taking->command->sources,
                           &taking->progress);
    if (error == 0)
        error = take(taking, cancelled, failure);
    take_display_end(&taking->display);
    return error != 0 ? error : say_taken(taking, failure);
}

static int run(const struct snapshot_command *command)
{
    struct taking taking = {.command = command};
    struct failure failure = {.code = 0};
    int error = opened_store_open(command->store, &command->passphrase, &taking.opened, &failure);

    if (error == 0)
        error = run_opened(&taking, &failure);
    release(&taking);
    if (error == 0)
        return usage_show("");
    log_message(LOG_LEVEL_ERROR, "cannot take a snapshot: %s", failure_text(&failure, error));
    if (error == -ECANCELED)
        stop_obey();
    return STATUS_FAILED;
}

static int complain(const struct failure *failure)
{
    if (failure->code != 0)
        log_message(LOG_LEVEL_ERROR, "%s", failure->text);
    else
        fputs("usage: crmfs snapshot [OPTION...] --store STORE SOURCE...\n"
              "crmfs snapshot --help says more\n",
              stderr);
    return STATUS_USAGE;
}

static int parse_and_run(struct snapshot_command *command, int argc, char **argv)
{
    static const struct option long_options[] = {{"store", required_argument, NULL, 's'},
                                                 {"name", required_argument, NULL, 'n'},
                                                 {"tag", required_argument, NULL, 't'},
                                                 {"table", required_argument, NULL, 'T'},
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
            return usage_show(usage_snapshot);
        if (take_option(command, letter, &failure) != 0)
            return complain(&failure);
    }
    if (read_sources(command, argv + optind, argc - optind, &failure) != 0 ||
        check_words(command, &failure) != 0)
        return complain(&failure);
    return run(command);
}

int command_snapshot(int argc, char **argv)
{
    struct snapshot_command command = {.view_timeout_ns = VIEW_TIMEOUT_NS};
    int status = parse_and_run(&command, argc, argv);

    free(command.tags.items);
    free(command.tables.items);
    source_list_release(&command.sources);
    return status;
}
