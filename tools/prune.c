/* SPDX-License-Identifier: MIT */
/* crmfs prune: gives back the room of what no snapshot needs. */
#include "fs/store/prune.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/size_text.h"
#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/output.h"
#include "tools/progress_line.h"
#include "tools/prune_run.h"
#include "tools/store_access.h"
#include "tools/usage.h"

struct prune_command {
    struct passphrase_options passphrase;
    struct prune_options options;
    bool json;
    const char *path;
};

static void answer_sum(struct answer *answer, const char *name, const struct prune_sum *sum)
{
    json_put_name(&answer->json, name);
    json_open(&answer->json, '{');
    answer_number(answer, "packs", sum->packs);
    answer_number(answer, "bytes", sum->bytes);
    json_close(&answer->json, '}');
}

void prune_answer(struct answer *answer, const struct prune_result *result, bool dry_run)
{
    json_open(&answer->json, '{');
    answer_flag(answer, "dry_run", dry_run);
    answer_sum(answer, "found", &result->found);
    answer_sum(answer, "garbage", &result->garbage);
    answer_sum(answer, "emptied", &result->emptied);
    answer_sum(answer, "written", &result->written);
    answer_sum(answer, "removed", &result->removed);
    answer_sum(answer, "waiting", &result->waiting);
    answer_sum(answer, "young", &result->young);
    answer_number(answer, "unused_bytes", result->unused_bytes);
    answer_number(answer, "ancestor_bytes", result->ancestor_bytes);
    answer_number(answer, "records_removed", result->records_removed);
    answer_kept(answer, "kept", &result->kept);
    json_close(&answer->json, '}');
}

static void say_sum(const char *what, const struct prune_sum *sum)
{
    char packs[AMOUNT_SIZE], bytes[AMOUNT_SIZE];

    if (sum->packs != 0)
        printf("%-42s %6s, %s\n", what, amount_count(sum->packs, packs),
               amount_bytes(sum->bytes, bytes));
}

/* When what is marked, or would be, goes. */
static void say_waiting(const struct prune_result *result, const struct prune_options *options)
{
    char bytes[AMOUNT_SIZE], grace[AMOUNT_SIZE];

    amount_time(options->grace_ns / NS_PER_SECOND, grace);
    if (options->dry_run && result->garbage.packs + result->emptied.packs != 0)
        printf("A prune %s after that one, or later, would remove what would be marked\n", grace);
    if (result->waiting.packs != 0)
        printf(options->dry_run ? "Marked already, for a prune in %s or later to remove: %s\n"
                                : "A prune in %s or later removes what is marked: %s\n",
               grace, amount_bytes(result->waiting.bytes, bytes));
}

void prune_say(const struct prune_result *result, const struct prune_options *options)
{
    bool dry = options->dry_run;
    char count[AMOUNT_SIZE], bytes[AMOUNT_SIZE];

    if (dry)
        printf("Nothing is changed, as --dry-run says. A prune would do this:\n");
    say_sum("packs in the store:", &result->found);
    say_sum(dry ? "would be removed:" : "removed:", &result->removed);
    say_sum(dry ? "would be marked, not needed:" : "marked, not needed:", &result->garbage);
    say_sum(dry ? "would be rewritten, then marked:" : "rewritten, then marked:", &result->emptied);
    say_sum("packs written instead:", &result->written);
    say_sum("perhaps of a snapshot that is being taken:", &result->young);
    if (result->kept.count != 0)
        printf("%-42s %6s, %s\n",
               dry ? "kept tables that would be removed:" : "kept tables removed:",
               amount_count(result->kept.count, count), amount_bytes(result->kept.bytes, bytes));
    if (result->unused_bytes != 0)
        printf("%s %s unused in packs that are needed\n", amount_bytes(result->unused_bytes, bytes),
               dry ? "would stay" : "stay");
    if (result->ancestor_bytes != 0)
        printf("%s %s kept because what is needed is stored as changes to it; only\n"
               "a new store, with a new snapshot, is without that\n",
               amount_bytes(result->ancestor_bytes, bytes), dry ? "would be" : "are");
    say_waiting(result, options);
    if (result->removed.packs + result->garbage.packs + result->emptied.packs +
            result->waiting.packs + result->kept.count ==
        0)
        printf(dry ? "There would be nothing to do\n" : "There is nothing to be done\n");
}

int prune_show(struct store *store, const struct prune_options *options,
               struct prune_result *ret_result, struct failure *failure)
{
    struct prune_options with_progress = *options;
    struct store_progress progress;
    struct progress_line *line = progress_line_begin_phases(&progress);
    int error;

    with_progress.progress = &progress;
    error = prune(store, &with_progress, ret_result, failure);
    progress_line_end(line);
    return error;
}

static int prune_and_say(const struct prune_command *command, struct store *store,
                         struct failure *failure)
{
    const struct prune_options *options = &command->options;
    struct prune_result result;
    struct answer answer;
    int error = prune_show(store, options, &result, failure);

    if (error != 0)
        return error;
    if (!command->json) {
        prune_say(&result, options);
        return 0;
    }
    answer_begin(&answer);
    prune_answer(&answer, &result, options->dry_run);
    return answer_end(&answer, failure);
}

static int run(const struct prune_command *command)
{
    struct store *store = NULL;
    struct failure failure = {.code = 0};
    int error = store_access_open(command->path, &command->passphrase, &store, &failure);

    if (error == 0)
        error = prune_and_say(command, store, &failure);
    store_close(store);
    return error == 0 ? output_end(command->options.dry_run ? NULL : "the store is pruned")
                      : answer_failure("prune the store", error, &failure);
}

/* "5%", "10G", "unlimited". */
static int take_unused(struct prune_unused *unused, const char *value, struct failure *failure)
{
    char *end;
    size_t size = strlen(value);

    if (strcmp(value, "unlimited") == 0) {
        unused->kind = UNUSED_UNLIMITED;
        return 0;
    }
    if (size > 1 && size <= 3 && value[size - 1] == '%' && value[0] >= '0' && value[0] <= '9') {
        unused->kind = UNUSED_PERCENT;
        unused->amount = strtoul(value, &end, 10);
        if (*end == '%')
            return 0;
    } else if (size_text_bytes(value, &unused->amount) == 0) {
        unused->kind = UNUSED_BYTES;
        return 0;
    }
    return failure_set(failure, EINVAL,
                       "--max-unused cannot be \"%s\"; 0%% to 99%%, a size, or unlimited can be",
                       value);
}

static int take_grace(struct prune_options *options, const char *value, struct failure *failure)
{
    return size_text_duration(value, &options->grace_ns) == 0
               ? 0
               : failure_set(failure, EINVAL,
                             "--grace cannot be \"%s\"; a duration can be: 30m, 1h, 2d", value);
}

static int take_option(struct prune_command *command, int letter, struct failure *failure)
{
    switch (letter) {
    case 'u': return take_unused(&command->options.unused, optarg, failure);
    case 'g': return take_grace(&command->options, optarg, failure);
    case 'n': command->options.dry_run = true; return 0;
    case 'j': command->json = true; return 0;
    default: return passphrase_take_option(&command->passphrase, letter, optarg) ? 0 : -EINVAL;
    }
}

int command_prune(int argc, char **argv)
{
    static const struct option long_options[] = {{"max-unused", required_argument, NULL, 'u'},
                                                 {"grace", required_argument, NULL, 'g'},
                                                 {"dry-run", no_argument, NULL, 'n'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct prune_command command = {.options = PRUNE_USUAL};
    struct failure failure = {.code = 0};
    int letter;

    while ((letter = getopt_long(argc, argv, "hn", long_options, NULL)) != -1) {
        if (letter == 'h')
            return usage_show(usage_prune);
        if (take_option(&command, letter, &failure) != 0)
            return answer_usage("prune", &failure);
    }
    if (argc - optind != 1)
        return answer_usage("prune", NULL);
    command.path = argv[optind];
    return run(&command);
}
