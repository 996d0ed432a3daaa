/* SPDX-License-Identifier: MIT */
/* crmfs stats: how much a store holds, and how much room that takes. */
#include "fs/store/stats.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/content.h"
#include "tools/opened_store.h"
#include "tools/output.h"
#include "tools/progress_line.h"
#include "tools/usage.h"

#define LACKING_SHOWN 1024

struct stats_command {
    struct passphrase_options passphrase;
    bool json;
    const char *path;
};

static const char *const type_names[OBJECT_TYPES] = {
    [OBJECT_ROW_GROUP] = "row groups", [OBJECT_PAGE] = "pages",
    [OBJECT_IMAGE] = "images",         [OBJECT_SCHEMA] = "schemas",
    [OBJECT_TREE] = "table lists",     [OBJECT_CONTENT] = "file content",
    [OBJECT_NODE] = "file nodes"};

static const char *const type_keys[OBJECT_TYPES] = {
    [OBJECT_ROW_GROUP] = "row_groups", [OBJECT_PAGE] = "pages", [OBJECT_IMAGE] = "images",
    [OBJECT_SCHEMA] = "schemas",       [OBJECT_TREE] = "trees", [OBJECT_CONTENT] = "file_content",
    [OBJECT_NODE] = "file_nodes"};

static void answer_sum(struct answer *answer, const char *name, const struct stats_sum *sum)
{
    json_put_name(&answer->json, name);
    json_open(&answer->json, '{');
    answer_number(answer, "count", sum->count);
    answer_number(answer, "bytes", sum->bytes);
    json_close(&answer->json, '}');
}

/* Of all snapshots together, as raw_bytes is; what is damaged does not count. */
static uint64_t sum_files(const struct contents *contents)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < contents->count; i++)
        bytes += contents->items[i].files.bytes;
    return bytes;
}

static int say_as_json(const struct stats *stats, const struct log_state *state,
                       const struct contents *contents, struct failure *failure)
{
    struct answer answer;

    answer_begin(&answer);
    json_open(&answer.json, '{');
    answer_number(&answer, "raw_bytes", stats->raw_bytes);
    answer_number(&answer, "files_bytes", sum_files(contents));
    answer_number(&answer, "stored_bytes", stats->stored_bytes);
    json_put_name(&answer.json, "now");
    json_open(&answer.json, '{');
    content_answer_files(&contents->now, &answer);
    json_close(&answer.json, '}');
    answer_sum(&answer, "packs", &stats->packs);
    answer_sum(&answer, "indexes", &stats->indexes);
    answer_sum(&answer, "records", &stats->records);
    answer_sum(&answer, "checkpoints", &stats->checkpoints);
    answer_sum(&answer, "keys", &stats->keys);
    for (int type = OBJECT_ROW_GROUP; type < OBJECT_TYPES; type++)
        answer_sum(&answer, type_keys[type], &stats->objects[type]);
    answer_number(&answer, "deltas", stats->deltas);
    answer_number(&answer, "packs_unreadable", stats->packs_unreadable);
    answer_kept(&answer, "kept", &stats->kept);
    json_put_name(&answer.json, "snapshots");
    json_open(&answer.json, '[');
    for (size_t i = 0; i < state->snapshot_count; i++) {
        answer_snapshot(&answer, &state->snapshots[i]);
        content_answer(&contents->items[i], &answer);
        json_close(&answer.json, '}');
    }
    json_close(&answer.json, ']');
    json_close(&answer.json, '}');
    return answer_end(&answer, failure);
}

/* "12.3", or "-" where nothing was stored. */
static const char *ratio(uint64_t raw, uint64_t stored, char text[AMOUNT_SIZE])
{
    if (stored == 0)
        snprintf(text, AMOUNT_SIZE, "-");
    else
        snprintf(text, AMOUNT_SIZE, "%.1f", (double)raw / (double)stored);
    return text;
}

static const char *file_count(const struct content *content, char text[AMOUNT_SIZE])
{
    if (content->has_files && content->files_known)
        return amount_count(content->files.files, text);
    return content->has_files ? "?" : "-";
}

static void say_files_now(struct columns *columns, const struct content *now)
{
    char files[AMOUNT_SIZE], bytes[AMOUNT_SIZE];

    columns_print(columns, "files/ now\t\t%s\t%s\t\t\n", file_count(now, files),
                  content_files(now, bytes));
}

/* Without files/ in the store, there are no columns of it. */
static int say_snapshots(const struct log_state *state, const struct contents *contents)
{
    bool with_files = contents->any_files || contents->now.has_files;
    struct columns columns;

    columns_begin(&columns, with_files ? "lrrrrrl" : "lrrrl");
    columns_print(&columns, with_files ? "SNAPSHOT\tAS CSV\tFILES\tTHEIR SIZE\tADDED\tRATIO\t\n"
                                       : "SNAPSHOT\tAS CSV\tADDED\tRATIO\t\n");
    for (size_t i = 0; i < state->snapshot_count; i++) {
        const struct snapshot *snapshot = &state->snapshots[i];
        const struct content *content = &contents->items[i];
        char raw[AMOUNT_SIZE], stored[AMOUNT_SIZE], share[AMOUNT_SIZE], lacking[LACKING_SHOWN];
        char files[AMOUNT_SIZE], weight[AMOUNT_SIZE];

        columns_print(&columns, "%s\t%s\t%s%s%s%s%s\t%s\t%s\n", snapshot->name,
                      amount_bytes(snapshot->raw_bytes, raw),
                      with_files ? file_count(content, files) : "", with_files ? "\t" : "",
                      with_files ? content_files(content, weight) : "", with_files ? "\t" : "",
                      amount_bytes(snapshot->stored_bytes, stored),
                      ratio(snapshot->raw_bytes, snapshot->stored_bytes, share),
                      content_lacking(content, lacking, sizeof lacking));
    }
    if (with_files)
        say_files_now(&columns, &contents->now);
    return columns_end(&columns);
}

static void print_sum(struct columns *columns, const char *what, const struct stats_sum *sum)
{
    char count[AMOUNT_SIZE], bytes[AMOUNT_SIZE];

    columns_print(columns, "%s\t%s\t%s\n", what, amount_count(sum->count, count),
                  amount_bytes(sum->bytes, bytes));
}

static uint64_t sum_content(const struct contents *contents)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < contents->count; i++)
        bytes += contents->items[i].files.content_bytes;
    return bytes;
}

/*
 * What would take room on a disk without the store, where holes take none: each snapshot's tables
 * and files, or, where files/ is in none of them, those that there are now.
 */
static void say_ratio(const struct stats *stats, const struct contents *contents)
{
    uint64_t files =
        contents->any_files ? sum_content(contents) : contents->now.files.content_bytes;
    char raw[AMOUNT_SIZE], weight[AMOUNT_SIZE], stored[AMOUNT_SIZE], share[AMOUNT_SIZE];

    printf("%s as CSV", amount_bytes(stats->raw_bytes, raw));
    if (files != 0)
        printf(" and %s of files", amount_bytes(files, weight));
    printf(" in %s: a ratio of %s.\n", amount_bytes(stats->stored_bytes, stored),
           ratio(stats->raw_bytes + files, stats->stored_bytes, share));
}

static int say_to_people(const struct stats *stats, const struct log_state *state,
                         const struct contents *contents)
{
    struct columns columns;
    char deltas[AMOUNT_SIZE];
    int error = say_snapshots(state, contents);

    if (error != 0)
        return error;
    putchar('\n');
    columns_begin(&columns, "lrr");
    columns_print(&columns, "IN THE STORE\tCOUNT\tSIZE\n");
    for (int type = OBJECT_ROW_GROUP; type < OBJECT_TYPES; type++)
        print_sum(&columns, type_names[type], &stats->objects[type]);
    print_sum(&columns, "packs of all these", &stats->packs);
    print_sum(&columns, "indexes", &stats->indexes);
    print_sum(&columns, "records of the log", &stats->records);
    print_sum(&columns, "checkpoints", &stats->checkpoints);
    print_sum(&columns, "keys", &stats->keys);
    if (stats->kept.count != 0)
        print_sum(&columns, "kept tables of live sources",
                  &(struct stats_sum){stats->kept.count, stats->kept.bytes});
    error = columns_end(&columns);
    if (error != 0)
        return error;
    printf("\n%s row group%s stored as what has changed.\n", amount_count(stats->deltas, deltas),
           stats->deltas == 1 ? " is" : "s are");
    say_ratio(stats, contents);
    if (stats->packs_unreadable != 0)
        printf("%llu pack%s cannot be read: see crmfs check.\n",
               (unsigned long long)stats->packs_unreadable,
               stats->packs_unreadable == 1 ? "" : "s");
    return 0;
}

static int run(const struct stats_command *command)
{
    struct opened_store opened = {.path = NULL};
    struct failure failure = {.code = 0};
    struct contents contents = {.count = 0};
    struct stats stats;
    int error = opened_store_open(command->path, &command->passphrase, &opened, &failure);

    if (error == 0) {
        struct store_progress progress;
        struct progress_line *line = progress_line_begin_phases(&progress);

        error = stats_collect(opened.store, &opened.state, &progress, &stats, &failure);
        progress_line_end(line);
    }
    if (error == 0)
        error = contents_read(&opened, &contents);
    if (error == 0)
        error = command->json ? say_as_json(&stats, &opened.state, &contents, &failure)
                              : say_to_people(&stats, &opened.state, &contents);
    contents_release(&contents);
    opened_store_release(&opened);
    return error == 0 ? output_end(NULL) : answer_failure("count what is stored", error, &failure);
}

int command_stats(int argc, char **argv)
{
    static const struct option long_options[] = {{"json", no_argument, NULL, 'j'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct stats_command command = {.path = NULL};
    int letter;

    while ((letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_stats);
        if (letter == 'j')
            command.json = true;
        else if (!passphrase_take_option(&command.passphrase, letter, optarg))
            return answer_usage("stats", NULL);
    }
    if (argc - optind != 1)
        return answer_usage("stats", NULL);
    command.path = argv[optind];
    return run(&command);
}
