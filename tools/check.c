/* SPDX-License-Identifier: MIT */
/* crmfs check: is a store sound? */
#include "fs/store/check.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/shell_word.h"
#include "fs/files/verify.h"
#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/finding.h"
#include "tools/output.h"
#include "tools/progress_line.h"
#include "tools/store_access.h"
#include "tools/store_writers.h"
#include "tools/usage.h"

struct check_command {
    struct passphrase_options passphrase;
    struct check_options options;
    bool json;
    const char *path;
};

/* Damage there costs a mount some time, and nothing else. */
static void say_kept(const struct image_cache_sum *kept)
{
    char count[AMOUNT_SIZE], size[AMOUNT_SIZE];

    if (kept->count == 0)
        return;
    printf("%s kept table%s of live sources, %s", amount_count(kept->count, count),
           kept->count == 1 ? "" : "s", amount_bytes(kept->bytes, size));
    if (kept->damaged != 0)
        printf("; %llu of them damaged: a mount will read what they show from its source again",
               (unsigned long long)kept->damaged);
    printf("\n");
}

/* All is there, and read as before; only what prune has moved takes longer to be found. */
static void say_unindexed(const struct check_command *command, const struct check_result *result)
{
    char count[AMOUNT_SIZE];
    char word[SHELL_WORD_SIZE];

    if (result->packs_unindexed > 0)
        printf("%s pack%s in no index: nothing is lost, but reading takes longer; `crmfs repair "
               "%s`\nmakes the indexes again\n",
               amount_count(result->packs_unindexed, count),
               result->packs_unindexed == 1 ? " is" : "s are", shell_word(command->path, word));
}

static void say_remedies(const struct check_command *command, const struct findings *findings)
{
    char word[SHELL_WORD_SIZE];
    const char *path = shell_word(command->path, word);

    if (findings->repairable > 0)
        printf("`crmfs repair%s %s` makes indexes, checkpoints and packs again of which nothing is "
               "lost.\n",
               command->options.read_data ? " --read-data" : "", path);
    if (findings->records > 0)
        printf("Put the records of the log back from a copy of the store, if there is one. "
               "`crmfs repair\n--drop-records %s` goes on without them, and says what is given "
               "up.\n",
               path);
    findings_say_losses(findings, command->path, command->options.read_data);
}

static void say_result(const struct check_command *command, const struct check_result *result,
                       const struct findings *findings)
{
    char snapshots[AMOUNT_SIZE], packs[AMOUNT_SIZE], size[AMOUNT_SIZE], read[AMOUNT_SIZE];

    printf("%s snapshot%s, %s pack%s of %s", amount_count(result->snapshots, snapshots),
           result->snapshots == 1 ? "" : "s", amount_count(result->packs, packs),
           result->packs == 1 ? "" : "s", amount_bytes(result->pack_bytes, size));
    if (command->options.read_data)
        printf(", %s of data read", amount_bytes(result->bytes_read, read));
    if (result->findings == 0) {
        printf(": all is well\n");
        say_unindexed(command, result);
        say_kept(&result->kept);
        return;
    }
    printf(": %llu finding%s\n", (unsigned long long)result->findings,
           result->findings == 1 ? "" : "s");
    say_unindexed(command, result);
    say_kept(&result->kept);
    say_remedies(command, findings);
}

static void answer_result(struct answer *answer, const struct check_command *command,
                          const struct check_result *result)
{
    json_close(&answer->json, ']');
    answer_number(answer, "harmful", result->harmful);
    answer_number(answer, "snapshots", result->snapshots);
    answer_number(answer, "packs", result->packs);
    answer_number(answer, "packs_unindexed", result->packs_unindexed);
    answer_number(answer, "pack_bytes", result->pack_bytes);
    answer_number(answer, "objects", result->objects);
    answer_number(answer, "objects_read", result->objects_read);
    answer_number(answer, "bytes_read", result->bytes_read);
    answer_kept(answer, "kept", &result->kept);
    answer_flag(answer, "others_may_write", store_writers_any(command->path));
    json_close(&answer->json, '}');
}

static void begin_answer(struct answer *answer)
{
    answer_begin(answer);
    json_open(&answer->json, '{');
    json_put_name(&answer->json, "findings");
    json_open(&answer->json, '[');
}

static int verify_files(struct store *store, struct findings *findings, struct check_result *result,
                        struct failure *failure)
{
    uint64_t found = 0;
    int error = files_verify(store, finding_say, findings, &found, failure);

    result->findings += found;
    result->harmful += found;
    return error;
}

static int run_opened(const struct check_command *command, struct store *store,
                      struct check_result *result, struct failure *failure)
{
    struct check_options options = command->options;
    struct store_progress progress;
    struct answer answer = {.json = {.error = 0}};
    struct findings findings = {.store = store, .answer = command->json ? &answer : NULL};
    int error;

    begin_answer(&answer);
    findings.line = progress_line_begin_phases(&progress);
    options.progress = &progress;
    options.report = finding_say;
    options.context = &findings;
    error = check(store, &options, result, failure);
    /* Where something is lost, there is no telling what it was. */
    if (error == 0 && result->harmful == 0)
        error = verify_files(store, &findings, result, failure);
    progress_line_end(findings.line);
    if (error != 0 || !command->json) {
        buffer_release(&answer.text);
        if (error == 0)
            say_result(command, result, &findings);
        return error;
    }
    answer_result(&answer, command, result);
    return answer_end(&answer, failure);
}

static int run(const struct check_command *command)
{
    struct store *store = NULL;
    struct check_result result = {.findings = 0};
    struct failure failure = {.code = 0};
    int error = store_access_open(command->path, &command->passphrase, &store, &failure);
    int status;

    if (error == 0)
        error = run_opened(command, store, &result, &failure);
    store_close(store);
    if (error != 0)
        return answer_failure("check the store", error, &failure);
    status = output_end(NULL);
    return status != 0 || result.findings == 0 ? status : STATUS_FAILED;
}

static int take_subset(struct check_options *options, const char *value, struct failure *failure)
{
    options->read_data = true;
    return subset_parse(value, &options->subset, &options->subsets) == 0
               ? 0
               : failure_set(failure, EINVAL,
                             "--read-data-subset cannot be \"%s\"; N/T can be, N from 1 to T",
                             value);
}

int command_check(int argc, char **argv)
{
    static const struct option long_options[] = {{"read-data", no_argument, NULL, 'd'},
                                                 {"read-data-subset", required_argument, NULL, 's'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct check_command command = {.path = NULL};
    struct failure failure = {.code = 0};
    int letter;

    while ((letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        int error = 0;

        switch (letter) {
        case 'h': return usage_show(usage_check);
        case 'd': command.options.read_data = true; break;
        case 's': error = take_subset(&command.options, optarg, &failure); break;
        case 'j': command.json = true; break;
        default:
            if (!passphrase_take_option(&command.passphrase, letter, optarg))
                error = -EINVAL;
        }
        if (error != 0)
            return answer_usage("check", &failure);
    }
    if (argc - optind != 1)
        return answer_usage("check", NULL);
    command.path = argv[optind];
    return run(&command);
}
