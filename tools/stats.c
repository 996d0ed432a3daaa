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
#include "tools/opened_store.h"
#include "tools/output.h"
#include "tools/progress_line.h"
#include "tools/usage.h"

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

static int say_as_json(const struct stats *stats, const struct log_state *state,
                       struct failure *failure)
{
    struct answer answer;

    answer_begin(&answer);
    json_open(&answer.json, '{');
    answer_number(&answer, "raw_bytes", stats->raw_bytes);
    answer_number(&answer, "stored_bytes", stats->stored_bytes);
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

static int say_snapshots(const struct log_state *state)
{
    struct columns columns;

    columns_begin(&columns, "lrrr");
    columns_print(&columns, "SNAPSHOT\tAS CSV\tADDED\tRATIO\n");
    for (size_t i = 0; i < state->snapshot_count; i++) {
        const struct snapshot *snapshot = &state->snapshots[i];
        char raw[AMOUNT_SIZE], stored[AMOUNT_SIZE], share[AMOUNT_SIZE];

        columns_print(&columns, "%s\t%s\t%s\t%s\n", snapshot->name,
                      amount_bytes(snapshot->raw_bytes, raw),
                      amount_bytes(snapshot->stored_bytes, stored),
                      ratio(snapshot->raw_bytes, snapshot->stored_bytes, share));
    }
    return columns_end(&columns);
}

static void print_sum(struct columns *columns, const char *what, const struct stats_sum *sum)
{
    char count[AMOUNT_SIZE], bytes[AMOUNT_SIZE];

    columns_print(columns, "%s\t%s\t%s\n", what, amount_count(sum->count, count),
                  amount_bytes(sum->bytes, bytes));
}

static int say_to_people(const struct stats *stats, const struct log_state *state)
{
    struct columns columns;
    char raw[AMOUNT_SIZE], stored[AMOUNT_SIZE], share[AMOUNT_SIZE], deltas[AMOUNT_SIZE];
    int error = say_snapshots(state);

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
    printf("%s as CSV in %s: a ratio of %s.\n", amount_bytes(stats->raw_bytes, raw),
           amount_bytes(stats->stored_bytes, stored),
           ratio(stats->raw_bytes, stats->stored_bytes, share));
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
    struct stats stats;
    int error = opened_store_open(command->path, &command->passphrase, &opened, &failure);

    if (error == 0) {
        struct store_progress progress;
        struct progress_line *line = progress_line_begin_phases(&progress);

        error = stats_collect(opened.store, &opened.state, &progress, &stats, &failure);
        progress_line_end(line);
    }
    if (error == 0)
        error = command->json ? say_as_json(&stats, &opened.state, &failure)
                              : say_to_people(&stats, &opened.state);
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
