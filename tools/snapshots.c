/* SPDX-License-Identifier: MIT */
/* crmfs snapshots: lists them. */
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
#include "tools/snapshot_filter.h"
#include "tools/usage.h"

#define TAGS_SHOWN 256
#define LACKING_SHOWN 1024

struct snapshots_command {
    struct passphrase_options passphrase;
    struct snapshot_filter filter;
    bool json;
    const char *path;
};

static int list_as_json(const struct snapshots_command *command, const struct log_state *state,
                        const struct contents *contents, struct failure *failure)
{
    struct answer answer;

    answer_begin(&answer);
    json_open(&answer.json, '[');
    for (size_t i = 0; i < state->snapshot_count; i++) {
        if (!snapshot_filter_has(&command->filter, &state->snapshots[i]))
            continue;
        answer_snapshot(&answer, &state->snapshots[i]);
        content_answer(&contents->items[i], &answer);
        json_close(&answer.json, '}');
    }
    json_close(&answer.json, ']');
    return answer_end(&answer, failure);
}

/* Without files/ in any of them, there is no column of it. */
static void list_one(struct columns *columns, const struct snapshot *snapshot,
                     const struct content *content, bool files)
{
    char time[AMOUNT_SIZE], raw[AMOUNT_SIZE], stored[AMOUNT_SIZE], weight[AMOUNT_SIZE];
    char tags[TAGS_SHOWN], lacking[LACKING_SHOWN];

    columns_print(columns, "%s\t%s\t%s\t%s%s%s\t%s\t%s\t%s\n", snapshot->name,
                  amount_utc(snapshot->time_ns, time), amount_bytes(snapshot->raw_bytes, raw),
                  files ? content_files(content, weight) : "", files ? "\t" : "",
                  amount_bytes(snapshot->stored_bytes, stored), snapshot->host,
                  tags_text(snapshot, tags, sizeof tags),
                  content_lacking(content, lacking, sizeof lacking));
}

static int list_for_people(const struct snapshots_command *command, const struct log_state *state,
                           const struct contents *contents)
{
    bool files = contents->any_files;
    struct columns columns;
    size_t count = 0;

    columns_begin(&columns, files ? "llrrrlll" : "llrrlll");
    columns_print(&columns, files ? "NAME\tTIME\tAS CSV\tFILES\tADDED\tHOST\tTAGS\t\n"
                                  : "NAME\tTIME\tAS CSV\tADDED\tHOST\tTAGS\t\n");
    for (size_t i = 0; i < state->snapshot_count; i++) {
        if (!snapshot_filter_has(&command->filter, &state->snapshots[i]))
            continue;
        list_one(&columns, &state->snapshots[i], &contents->items[i], files);
        count++;
    }

    int error = columns_end(&columns);

    if (error == 0)
        printf("%zu snapshot%s\n", count, count == 1 ? "" : "s");
    return error;
}

static int run(const struct snapshots_command *command)
{
    struct opened_store opened = {.path = NULL};
    struct contents contents = {.count = 0};
    struct failure failure = {.code = 0};
    int error = opened_store_open(command->path, &command->passphrase, &opened, &failure);

    if (error == 0)
        error = contents_read(&opened, &contents);
    if (error == 0)
        error = command->json ? list_as_json(command, &opened.state, &contents, &failure)
                              : list_for_people(command, &opened.state, &contents);
    contents_release(&contents);
    opened_store_release(&opened);
    return error == 0 ? output_end(NULL) : answer_failure("list the snapshots", error, &failure);
}

int command_snapshots(int argc, char **argv)
{
    static const struct option long_options[] = {FILTER_TAG_OPTION,
                                                 FILTER_HOST_OPTION,
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct snapshots_command command = {.path = NULL};
    struct failure failure = {.code = 0};
    int letter;

    while ((letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        int taken = snapshot_filter_take(&command.filter, letter, optarg, &failure);

        if (letter == 'h')
            return usage_show(usage_snapshots);
        if (letter == 'j')
            command.json = true;
        else if (taken < 0 ||
                 (taken == 0 && !passphrase_take_option(&command.passphrase, letter, optarg)))
            return answer_usage("snapshots", &failure);
    }
    if (argc - optind != 1)
        return answer_usage("snapshots", NULL);
    command.path = argv[optind];
    return run(&command);
}
