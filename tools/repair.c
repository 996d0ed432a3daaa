/* SPDX-License-Identifier: MIT */
/* crmfs repair: makes again what of a store can be made again. */
#include "fs/store/repair.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fs/files/claim.h"
#include "fs/files/set_back.h"
#include "tools/amount.h"
#include "tools/answer.h"
#include "tools/commands.h"
#include "tools/finding.h"
#include "tools/output.h"
#include "tools/progress_line.h"
#include "tools/store_access.h"
#include "tools/usage.h"

struct repair_command {
    struct passphrase_options passphrase;
    struct repair_options options;
    bool release_files; /* and nothing else */
    bool json;
    const char *path;
    char set_back[SET_BACK_TEXT_SIZE]; /* what files/ was set back to; empty: it was not */
};

/* A struct repair_options' forget_files. */
static int forget_files(void *context, struct store *store, struct failure *failure)
{
    return files_set_back(store, ((struct repair_command *)context)->set_back, failure);
}

static void say_to_people(const struct repair_command *command, const struct repair_result *result)
{
    char objects[AMOUNT_SIZE], packs[AMOUNT_SIZE];

    if (command->options.drop_records && result->log.removed == 0 && result->log.lost == 0)
        printf("The log is not damaged: no record was given up\n");
    else if (command->options.drop_records)
        printf("Gave up %llu record%s of the log, which goes up to record %llu now\n",
               (unsigned long long)result->log.lost, result->log.lost == 1 ? "" : "s",
               (unsigned long long)result->log.sequence);
    if (result->recovered != 0)
        printf("Listed %zu snapshot%s again, as recovered-...; `mv` in a mount gives %s a name\n",
               result->recovered, result->recovered == 1 ? "" : "s",
               result->recovered == 1 ? "it" : "them");
    if (result->misnamed.put_back != 0)
        printf("Put back %zu pack%s under %s own name\n", result->misnamed.put_back,
               result->misnamed.put_back == 1 ? "" : "s",
               result->misnamed.put_back == 1 ? "its" : "their");
    if (result->misnamed.set_aside != 0)
        printf("Kept %zu file%s that stood in their place, as packs/.../*.aside1\n",
               result->misnamed.set_aside, result->misnamed.set_aside == 1 ? "" : "s");
    printf("Made the indexes again: %s object%s in %s pack%s\n",
           amount_count(result->objects, objects), result->objects == 1 ? "" : "s",
           amount_count(result->packs, packs), result->packs == 1 ? "" : "s");
    if (!command->options.check.read_data && result->packs != 0)
        printf("Their data was not read, and may be damaged all the same: with --read-data, it is "
               "read\n");
    if (result->packs_damaged != 0)
        printf("%zu pack%s cannot be read: crmfs check says whether a snapshot needs %s\n",
               result->packs_damaged, result->packs_damaged == 1 ? "" : "s",
               result->packs_damaged == 1 ? "it" : "them");
    if (result->packs_replaced != 0)
        printf("Wrote anew what is needed of %zu damaged pack%s, %s object%s; crmfs prune "
               "removes the old files\n",
               result->packs_replaced, result->packs_replaced == 1 ? "" : "s",
               amount_count(result->objects_rewritten, objects),
               result->objects_rewritten == 1 ? "" : "s");
    if (result->checkpoints_removed != 0)
        printf("Removed %zu damaged checkpoint%s\n", result->checkpoints_removed,
               result->checkpoints_removed == 1 ? "" : "s");
    if (result->kept_removed != 0)
        printf("Removed %llu damaged kept table%s\n", (unsigned long long)result->kept_removed,
               result->kept_removed == 1 ? "" : "s");
    if (command->options.forget_damaged)
        printf("Forgot %zu damaged snapshot%s\n", result->forgotten,
               result->forgotten == 1 ? "" : "s");
    if (result->spared != 0)
        printf("Kept %zu snapshot%s of which files/ alone lost something\n", result->spared,
               result->spared == 1 ? "" : "s");
    if (command->set_back[0] != '\0')
        printf("Set files/ back to %s; what was changed since is lost\n", command->set_back);
}

/* FINDINGS: all that was told of, some of which may be forgotten now. */
static void say_lost(const struct repair_command *command, const struct findings *findings)
{
    struct findings lost = *findings;

    if (command->options.forget_damaged) {
        lost.lost_kept = command->options.forget_files_damaged ? 0 : lost.lost_kept;
        lost.losses = lost.lost_files + lost.lost_trees + lost.lost_kept;
    }
    findings_say_losses(&lost, command->path, command->options.check.read_data);
}

static void answer_result(struct answer *answer, const struct repair_command *command,
                          const struct repair_result *result)
{
    json_close(&answer->json, ']');
    answer_number(answer, "packs_put_back", result->misnamed.put_back);
    answer_number(answer, "packs_set_aside", result->misnamed.set_aside);
    answer_number(answer, "packs", result->packs);
    answer_flag(answer, "data_read", command->options.check.read_data);
    answer_number(answer, "packs_damaged", result->packs_damaged);
    answer_number(answer, "objects", result->objects);
    answer_number(answer, "packs_replaced", result->packs_replaced);
    answer_number(answer, "objects_rewritten", result->objects_rewritten);
    answer_number(answer, "records_lost", result->log.lost);
    answer_number(answer, "recovered", result->recovered);
    answer_number(answer, "records_removed", result->log.removed);
    answer_number(answer, "checkpoints_removed", result->checkpoints_removed);
    answer_flag(answer, "checkpoint_written", result->checkpoint_written);
    answer_number(answer, "forgotten", result->forgotten);
    answer_number(answer, "spared", result->spared);
    if (command->set_back[0] != '\0')
        answer_text(answer, "files_set_back", command->set_back);
    answer_number(answer, "lost", result->lost);
    answer_number(answer, "kept_removed", result->kept_removed);
    json_close(&answer->json, '}');
}

static int run_opened(struct repair_command *command, struct store *store, bool *ret_lost,
                      struct failure *failure)
{
    struct repair_options options = command->options;
    struct store_progress progress;
    struct answer answer = {.json = {.error = 0}};
    struct findings findings = {.store = store, .answer = command->json ? &answer : NULL};
    struct repair_result result = {.lost = 0};
    int error;

    answer_begin(&answer);
    json_open(&answer.json, '{');
    json_put_name(&answer.json, "findings");
    json_open(&answer.json, '[');
    findings.line = progress_line_begin_phases(&progress);
    options.check.progress = &progress;
    options.check.report = finding_say;
    options.check.context = &findings;
    options.forget_files = forget_files;
    options.forget_context = command;
    error = repair(store, &options, &result, failure);
    progress_line_end(findings.line);
    *ret_lost = result.lost != 0 || result.files_unsure;
    if (error == 0 && command->json) {
        answer_result(&answer, command, &result);
        return answer_end(&answer, failure);
    }
    buffer_release(&answer.text);
    if (error == 0)
        say_to_people(command, &result);
    if (error == 0 && result.lost != 0)
        say_lost(command, &findings);
    return error;
}

static int release_files(const struct repair_command *command, struct store *store,
                         struct failure *failure)
{
    struct answer answer = {.json = {.error = 0}};
    bool stood;
    int error = claim_end(store, &stood, failure);

    if (error != 0)
        return error;
    if (!command->json) {
        printf(stood ? "files/ can be written to by another mount now\n"
                     : "Nobody was writing to files/\n");
        return 0;
    }
    answer_begin(&answer);
    json_open(&answer.json, '{');
    answer_flag(&answer, "files_released", stood);
    json_close(&answer.json, '}');
    return answer_end(&answer, failure);
}

static int run(struct repair_command *command)
{
    struct store *store = NULL;
    struct failure failure = {.code = 0};
    bool lost = false;
    int error = store_access_open(command->path, &command->passphrase, &store, &failure);
    int status;

    if (error == 0)
        error = command->release_files ? release_files(command, store, &failure)
                                       : run_opened(command, store, &lost, &failure);
    store_close(store);
    if (error != 0)
        return answer_failure("repair the store", error, &failure);
    status = output_end("what can be made again is made");
    return status != 0 || !lost ? status : STATUS_FAILED;
}

static int take_forget(struct repair_options *options, const char *value, struct failure *failure)
{
    options->forget_damaged = true;
    if (value == NULL)
        return 0;
    options->forget_files_damaged = true;
    return strcmp(value, "files") == 0
               ? 0
               : failure_set(failure, EINVAL,
                             "--forget-damaged cannot be \"%s\"; \"files\" or nothing can be",
                             value);
}

int command_repair(int argc, char **argv)
{
    static const struct option long_options[] = {{"forget-damaged", optional_argument, NULL, 'f'},
                                                 {"drop-records", no_argument, NULL, 'r'},
                                                 {"read-data", no_argument, NULL, 'd'},
                                                 {"release-files", no_argument, NULL, 'w'},
                                                 {"json", no_argument, NULL, 'j'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 PASSPHRASE_LONG_OPTIONS,
                                                 {NULL, 0, NULL, 0}};
    struct repair_command command = {.path = NULL};
    struct failure failure = {.code = 0};
    int letter;

    while ((letter = getopt_long(argc, argv, "h", long_options, NULL)) != -1) {
        switch (letter) {
        case 'h': return usage_show(usage_repair);
        case 'f':
            if (take_forget(&command.options, optarg, &failure) != 0)
                return answer_usage("repair", &failure);
            break;
        case 'r': command.options.drop_records = true; break;
        case 'd': command.options.check.read_data = true; break;
        case 'w': command.release_files = true; break;
        case 'j': command.json = true; break;
        default:
            if (!passphrase_take_option(&command.passphrase, letter, optarg))
                return answer_usage("repair", NULL);
        }
    }
    if (argc - optind != 1)
        return answer_usage("repair", NULL);
    if (command.release_files && (command.options.forget_damaged || command.options.drop_records ||
                                  command.options.check.read_data)) {
        failure_set(&failure, EINVAL, "--release-files is all that such a run does");
        return answer_usage("repair", &failure);
    }
    command.path = argv[optind];
    return run(&command);
}
