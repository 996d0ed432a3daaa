/* SPDX-License-Identifier: MIT */
/* crmfs snapshots: lists them. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/opened_store.h"
#include "tools/output.h"
#include "tools/snapshot_filter.h"
#include "tools/usage.h"

#define TAGS_SHOWN 256

struct snapshots_command {
    struct passphrase_options passphrase;
    struct snapshot_filter filter;
    bool json;
    const char *path;
};

static int list_as_json(const struct snapshots_command *command, const struct log_state *state,
                        struct failure *failure)
{
    struct answer answer;

    answer_begin(&answer);
    json_open(&answer.json, '[');
    for (size_t i = 0; i < state->snapshot_count; i++) {
        if (!snapshot_filter_has(&command->filter, &state->snapshots[i]))
            continue;
        answer_snapshot(&answer, &state->snapshots[i]);
        json_close(&answer.json, '}');
    }
    json_close(&answer.json, ']');
    return answer_end(&answer, failure);
}

static int list_for_people(const struct snapshots_command *command, const struct log_state *state)
{
    struct columns columns;
    size_t count = 0;

    columns_begin(&columns, "llrrll");
    columns_print(&columns, "NAME\tTIME\tAS CSV\tADDED\tHOST\tTAGS\n");
    for (size_t i = 0; i < state->snapshot_count; i++) {
        const struct snapshot *snapshot = &state->snapshots[i];
        char time[AMOUNT_SIZE], raw[AMOUNT_SIZE], stored[AMOUNT_SIZE], tags[TAGS_SHOWN];

        if (!snapshot_filter_has(&command->filter, snapshot))
            continue;
        columns_print(&columns, "%s\t%s\t%s\t%s\t%s\t%s\n", snapshot->name,
                      amount_utc(snapshot->time_ns, time), amount_bytes(snapshot->raw_bytes, raw),
                      amount_bytes(snapshot->stored_bytes, stored), snapshot->host,
                      tags_text(snapshot, tags, sizeof tags));
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
    struct failure failure = {.code = 0};
    int error = opened_store_open(command->path, &command->passphrase, &opened, &failure);

    if (error == 0)
        error = command->json ? list_as_json(command, &opened.state, &failure)
                              : list_for_people(command, &opened.state);
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
