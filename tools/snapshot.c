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
#include <unistd.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/base/size_text.h"
#include "fs/store/log.h"
#include "fs/tree/view_bounds.h"
#include "tools/commands.h"
#include "tools/taking.h"
#include "tools/usage.h"

/* -EINVAL without words: getopt has said it. */
static int take_option(struct taking_order *command, int letter, struct failure *failure)
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
static int check_words(const struct taking_order *command, struct failure *failure)
{
    const struct snapshot snapshot = {
        .name = command->name != NULL ? (char *)command->name : (char[]){"name"},
        .tags = (char **)command->tags.items,
        .tag_count = command->tags.count,
    };

    return snapshot_check(&snapshot, failure);
}

static const char *command_name(const struct taking_order *command)
{
    return command->import ? "import" : "snapshot";
}

/* Each is a snapshot of its own, for which one name is not enough. */
static int check_import(struct taking_order *command, struct failure *failure)
{
    if (command->name != NULL && command->sources.count > 1)
        return failure_set(failure, EINVAL, "--name names one snapshot, and there are %zu backups",
                           command->sources.count);
    return source_list_strip_dates(&command->sources, failure);
}

static int read_sources(struct taking_order *command, char **words, int count,
                        struct failure *failure)
{
    cleanup_free char *directory = getcwd(NULL, 0);
    int error = 0;

    if (directory == NULL)
        return failure_set(failure, errno, "cannot tell the working directory: %s",
                           strerror(errno));
    command->sources.apart = command->import;
    for (int i = 0; i < count && error == 0; i++)
        error = source_list_add(&command->sources, words[i], directory, failure);
    /* Without a source, files/ is taken. */
    if (error == 0 && count == 0 && (command->import || command->store == NULL))
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

static int complain(const struct taking_order *command, const struct failure *failure)
{
    if (failure->code != 0)
        log_message(LOG_LEVEL_ERROR, "%s", failure->text);
    else
        fprintf(stderr,
                "usage: crmfs %s [OPTION...] --store STORE %s\n"
                "crmfs %s --help says more\n",
                command_name(command), command->import ? "BACKUP..." : "[SOURCE...]",
                command_name(command));
    return STATUS_USAGE;
}

static int parse_and_run(struct taking_order *command, int argc, char **argv)
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
    return taking_run(command);
}

static int run_command(bool import, int argc, char **argv)
{
    struct taking_order command = {.view_timeout_ns = VIEW_TIMEOUT_NS, .import = import};
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
