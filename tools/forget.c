/* SPDX-License-Identifier: MIT */
/* crmfs forget: snapshots by name, or those that no rule keeps. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/forget_groups.h"
#include "tools/forget_report.h"
#include "tools/output.h"
#include "tools/prune_run.h"
#include "tools/usage.h"

#define ATTEMPTS 16 /* when others write to the log at the same time */

struct forget_command {
    struct passphrase_options passphrase;
    struct snapshot_filter filter;
    struct policy policy;
    const char *keep_tags[FILTER_WORDS_LIMIT];
    struct group_by by;
    bool dry_run;
    bool prune;
    bool json;
    const char *path;
    char **names;
    size_t name_count;
};

/* Those that go. Borrowed from the log's state, which is another once they are gone. */
struct chosen {
    const struct snapshot **snapshots;
    size_t count;
};

static void chosen_release(struct chosen *chosen)
{
    free((void *)chosen->snapshots);
    *chosen = (struct chosen){.snapshots = NULL};
}

static int chosen_begin(struct chosen *chosen, size_t most)
{
    chosen_release(chosen);
    chosen->snapshots = allocate_array(most, sizeof(const struct snapshot *));
    return chosen->snapshots != NULL ? 0 : -ENOMEM;
}

/* The names that were given, each once. */
static void drop_twins(struct forget_command *command)
{
    size_t count = 0;

    for (size_t i = 0; i < command->name_count; i++) {
        bool twice = false;

        for (size_t j = 0; j < count; j++)
            twice |= strcmp(command->names[j], command->names[i]) == 0;
        if (!twice)
            command->names[count++] = command->names[i];
    }
    command->name_count = count;
}

/* ---- By rule ---- */

/*
 * What no rule keeps. All of a group is a slip of whoever wrote the rules, though what is damaged
 * of it, or dated ahead, stays for another reason.
 */
static int gather(const struct snapshot_groups *groups, struct chosen *chosen,
                  struct failure *failure)
{
    for (size_t i = 0; i < groups->count; i++) {
        const struct snapshot_group *group = &groups->groups[i];
        size_t kept = 0;
        size_t before = chosen->count;

        for (size_t j = 0; j < group->count; j++) {
            if (group->reasons[j] == 0)
                chosen->snapshots[chosen->count++] = group->snapshots[j];
            else
                kept += policy_is_by_rule(group->reasons[j]);
        }
        if (kept == 0 && chosen->count != before)
            return failure_set(failure, EINVAL,
                               "these rules would keep no snapshot of %s; nothing was forgotten",
                               group->label[0] != '\0' ? group->label : "the store");
    }
    return 0;
}

/* -EAGAIN: the store has changed; all is to be decided anew. */
static int forget_by_rule_once(const struct forget_command *command, struct opened_store *opened,
                               struct chosen *chosen, struct forget_report *report,
                               struct failure *failure)
{
    struct snapshot_groups groups = {.count = 0};
    int error = chosen_begin(chosen, opened->state.snapshot_count);

    if (error == 0)
        error = snapshot_groups_make(opened, &command->filter, &command->by, &command->policy,
                                     &groups, failure);
    if (error == 0)
        error = gather(&groups, chosen, failure);
    if (error == 0 && !command->dry_run && chosen->count > 0) {
        /* What is said refers to the state, which the record changes. */
        struct log_state state = {.sequence = 0};

        error = log_read(opened->store, &state, failure);
        if (error == 0 && state.sequence != opened->state.sequence) {
            log_state_release(&opened->state);
            opened->state = state;
            state = (struct log_state){.sequence = 0};
            error = -EAGAIN;
        }
        if (error == 0)
            error = log_forget(opened->store, &state, chosen->snapshots, chosen->count, failure);
        log_state_release(&state);
    }
    if (error == 0)
        error = forget_report_groups(report, &groups);
    report->doubtful = groups.unread + groups.damaged;
    snapshot_groups_release(&groups);
    return error;
}

static int forget_by_rule(const struct forget_command *command, struct opened_store *opened,
                          struct chosen *chosen, struct forget_report *report,
                          struct failure *failure)
{
    int error = -EAGAIN;

    for (int attempt = 0; attempt < ATTEMPTS && error == -EAGAIN; attempt++) {
        error = log_read(opened->store, &opened->state, failure);
        if (error == 0)
            error = forget_by_rule_once(command, opened, chosen, report, failure);
    }
    return error;
}

/* ---- By name ---- */

static int find_named(const struct forget_command *command, const struct opened_store *opened,
                      struct chosen *chosen, struct failure *failure)
{
    chosen->count = 0;
    for (size_t i = 0; i < command->name_count; i++) {
        const struct snapshot *snapshot = log_find(&opened->state, command->names[i]);

        if (snapshot == NULL)
            return failure_set(failure, ENOENT,
                               "there is no snapshot \"%s\"; nothing was forgotten",
                               command->names[i]);
        chosen->snapshots[chosen->count++] = snapshot;
    }
    return 0;
}

static int forget_by_name(const struct forget_command *command, struct opened_store *opened,
                          struct chosen *chosen, struct forget_report *report,
                          struct failure *failure)
{
    int error = chosen_begin(chosen, command->name_count) == 0 ? -EAGAIN : -ENOMEM;

    for (int attempt = 0; attempt < ATTEMPTS && error == -EAGAIN; attempt++) {
        error = find_named(command, opened, chosen, failure);
        if (error == 0 && !command->dry_run)
            error = log_forget(opened->store, &opened->state, chosen->snapshots, chosen->count,
                               failure);
    }
    if (error == 0)
        forget_report_names(report, command->names, command->name_count);
    return error;
}

/* ---- The command ---- */

/* A dry run reckons with what would be forgotten. */
static int prune_as_well(const struct forget_command *command, struct opened_store *opened,
                         const struct chosen *chosen, struct forget_report *report,
                         struct failure *failure)
{
    struct prune_options options = PRUNE_USUAL;
    struct prune_result result;
    int error;

    options.dry_run = command->dry_run;
    if (command->dry_run) {
        options.gone = chosen->snapshots;
        options.gone_count = chosen->count;
    }
    error = prune_show(opened->store, &options, &result, failure);
    forget_report_prune(report, error == 0 ? &result : NULL, &options);
    return error;
}

/* RET_DEED: what failed, for "cannot …". */
static int run_opened(const struct forget_command *command, struct opened_store *opened,
                      const char **ret_deed, bool *ret_incomplete, struct failure *failure)
{
    struct forget_report report;
    struct failure unsaid = {.code = 0};
    cleanup(chosen_release) struct chosen chosen = {.snapshots = NULL};
    int error;
    int said;

    forget_report_begin(&report, command->json, command->dry_run, command->prune);
    error = command->name_count > 0 ? forget_by_name(command, opened, &chosen, &report, failure)
                                    : forget_by_rule(command, opened, &chosen, &report, failure);
    *ret_incomplete = report.doubtful != 0;
    *ret_deed = "forget snapshots";
    if (error == 0 && command->prune) {
        error = prune_as_well(command, opened, &chosen, &report, failure);
        if (!command->dry_run)
            *ret_deed = "prune the store, though the snapshots are forgotten";
    }
    said = forget_report_end(&report, error == 0 ? failure : &unsaid);
    return error != 0 ? error : said;
}

static int run(const struct forget_command *command)
{
    struct opened_store opened = {.path = NULL};
    struct failure failure = {.code = 0};
    const char *deed = "forget snapshots";
    bool incomplete = false;
    int error = opened_store_open(command->path, &command->passphrase, &opened, &failure);

    if (error == 0)
        error = run_opened(command, &opened, &deed, &incomplete, &failure);
    opened_store_release(&opened);
    if (error != 0)
        return answer_failure(deed, error, &failure);

    int status = output_end(command->dry_run ? NULL : "the snapshots are forgotten");

    return status == 0 && incomplete ? STATUS_INCOMPLETE : status;
}

/* The letters of --keep-last, --keep-hourly …, and of --keep-within, --keep-within-hourly … */
#define KEEP_LETTER 0x300
#define WITHIN_LETTER 0x310
#define KEEP_TAG_LETTER 0x320

static int take_keep(struct forget_command *command, int letter, const char *value,
                     struct failure *failure)
{
    struct policy *policy = &command->policy;

    if (letter >= WITHIN_LETTER) {
        if (policy_duration_parse(value, &policy->within[letter - WITHIN_LETTER]) == 0)
            return 0;
        return failure_set(failure, EINVAL,
                           "\"%s\" is no duration: years, months, days and hours are, as in "
                           "2y5m7d3h",
                           value);
    }
    if (letter < KEEP_LETTER + POLICY_PERIODS &&
        policy_count_parse(value, &policy->count[letter - KEEP_LETTER]) == 0)
        return 0;
    return failure_set(failure, EINVAL, "\"%s\" is no number of snapshots to keep, nor unlimited",
                       value);
}

static int take_keep_tags(struct forget_command *command, const char *list, struct failure *failure)
{
    if (command->policy.tag_list_count == FILTER_WORDS_LIMIT)
        return failure_set(failure, EINVAL, "--keep-tag is given too often");
    command->keep_tags[command->policy.tag_list_count++] = list;
    return 0;
}

/* -EINVAL without words: getopt has said it. */
static int take_option(struct forget_command *command, int letter, struct failure *failure)
{
    int taken = snapshot_filter_take(&command->filter, letter, optarg, failure);

    if (taken != 0)
        return taken < 0 ? taken : 0;
    if (passphrase_take_option(&command->passphrase, letter, optarg))
        return 0;
    if (letter == KEEP_TAG_LETTER)
        return take_keep_tags(command, optarg, failure);
    if (letter >= KEEP_LETTER && letter < KEEP_TAG_LETTER)
        return take_keep(command, letter, optarg, failure);
    switch (letter) {
    case 'b':
        return group_by_parse(optarg, &command->by) == 0
                   ? 0
                   : failure_set(failure, EINVAL,
                                 "--group-by cannot be \"%s\"; host, sources and tags can be",
                                 optarg);
    case 'n': command->dry_run = true; return 0;
    case 'p': command->prune = true; return 0;
    case 'j': command->json = true; return 0;
    default: return -EINVAL;
    }
}

static int check_words(const struct forget_command *command, struct failure *failure)
{
    bool rules = !policy_is_empty(&command->policy);
    bool filter = command->filter.host_count + command->filter.tag_list_count > 0;

    if (command->name_count == 0 && !rules)
        return failure_set(failure, EINVAL,
                           "which ones? Name snapshots, or say with --keep-... what to keep; "
                           "crmfs forget --help says more");
    if (command->name_count > 0 && (rules || filter))
        return failure_set(failure, EINVAL,
                           "snapshots are forgotten by name or by rule, not both at once");
    return 0;
}

int command_forget(int argc, char **argv)
{
    static const struct option long_options[] = {
        FILTER_TAG_OPTION,
        FILTER_HOST_OPTION,
        {"keep-last", required_argument, NULL, KEEP_LETTER + POLICY_LAST},
        {"keep-hourly", required_argument, NULL, KEEP_LETTER + POLICY_HOURLY},
        {"keep-daily", required_argument, NULL, KEEP_LETTER + POLICY_DAILY},
        {"keep-weekly", required_argument, NULL, KEEP_LETTER + POLICY_WEEKLY},
        {"keep-monthly", required_argument, NULL, KEEP_LETTER + POLICY_MONTHLY},
        {"keep-yearly", required_argument, NULL, KEEP_LETTER + POLICY_YEARLY},
        {"keep-within", required_argument, NULL, WITHIN_LETTER + POLICY_LAST},
        {"keep-within-hourly", required_argument, NULL, WITHIN_LETTER + POLICY_HOURLY},
        {"keep-within-daily", required_argument, NULL, WITHIN_LETTER + POLICY_DAILY},
        {"keep-within-weekly", required_argument, NULL, WITHIN_LETTER + POLICY_WEEKLY},
        {"keep-within-monthly", required_argument, NULL, WITHIN_LETTER + POLICY_MONTHLY},
        {"keep-within-yearly", required_argument, NULL, WITHIN_LETTER + POLICY_YEARLY},
        {"keep-tag", required_argument, NULL, KEEP_TAG_LETTER},
        {"group-by", required_argument, NULL, 'b'},
        {"dry-run", no_argument, NULL, 'n'},
        {"prune", no_argument, NULL, 'p'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        PASSPHRASE_LONG_OPTIONS,
        {NULL, 0, NULL, 0}};
    struct forget_command command = {.by = {.host = true, .sources = true}};
    struct failure failure = {.code = 0};
    int letter;

    command.policy.tag_lists = command.keep_tags;
    while ((letter = getopt_long(argc, argv, "hn", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_forget);
        if (take_option(&command, letter, &failure) != 0)
            return answer_usage("forget", &failure);
    }
    if (argc - optind < 1)
        return answer_usage("forget", NULL);
    command.path = argv[optind];
    command.names = argv + optind + 1;
    command.name_count = (size_t)(argc - optind - 1);
    drop_twins(&command);
    if (check_words(&command, &failure) != 0)
        return answer_usage("forget", &failure);
    return run(&command);
}
