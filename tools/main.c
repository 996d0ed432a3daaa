/* SPDX-License-Identifier: MIT */
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fs/mount/write_out.h"
#include "tools/commands.h"
#include "tools/guard.h"
#include "tools/harden.h"
#include "tools/passphrase.h"
#include "tools/usage.h"

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *usage;
};

static const struct command commands[] = {
    {"mount", command_mount, usage_mount},
    {"init", command_init, usage_init},
    {"key", command_key, usage_key},
    {"snapshot", command_snapshot, usage_snapshot},
    {"import", command_import, usage_import},
    {"export", command_export, usage_export},
    {"restore", command_restore, usage_restore},
    {"migrate", command_migrate, usage_migrate},
    {"verify-restore", command_verify_restore, usage_verify_restore},
    {"snapshots", command_snapshots, usage_snapshots},
    {"forget", command_forget, usage_forget},
    {"prune", command_prune, usage_prune},
    {"check", command_check, usage_check},
    {"repair", command_repair, usage_repair},
    {"stats", command_stats, usage_stats},
    {"diff", command_diff, usage_diff},
};
#define COMMANDS (sizeof commands / sizeof *commands)

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

static int wrong_command(const char *name)
{
    fprintf(stderr, "crmfs: unknown command \"%s\"; crmfs --help lists them\n", name);
    return STATUS_USAGE;
}

static int help(int argc, char **argv)
{
    if (argc < 2)
        return usage_show(usage_crmfs);

    const struct command *command = find_command(argv[1]);

    return command != NULL ? usage_show(command->usage) : wrong_command(argv[1]);
}

static bool is_either(const char *word, const char *one, const char *other)
{
    return strcmp(word, one) == 0 || strcmp(word, other) == 0;
}

int main(int argc, char **argv)
{
    static char program[] = "crmfs";
    const char *name = argc > 0 ? basename(argv[0]) : program;

    if (strcmp(name, GUARD_NAME) == 0)
        return guard_main();
    if (strcmp(name, WRITE_OUT_NAME) == 0)
        return write_out_main(argc, argv);
    harden_process();
    passphrase_take_environment();
    if (is_either(name, "mount.crmfs", "mount.fuse.crmfs")) {
        passphrase_forget(PASSPHRASE_ANOTHER);
        return command_mount_helper(argc, argv);
    }
    if (argc < 2) {
        fputs("crmfs: which command? crmfs --help lists them\n", stderr);
        return STATUS_USAGE;
    }
    if (is_either(argv[1], "--help", "-h"))
        return usage_show(usage_crmfs);
    if (is_either(argv[1], "--version", "-V"))
        return usage_show("crmfs " CRMFS_VERSION "\n");
    if (strcmp(argv[1], "help") == 0)
        return help(argc - 1, argv + 1);

    const struct command *command = find_command(argv[1]);

    if (command == NULL)
        return wrong_command(argv[1]);
    if (command->run != command_key) /* nobody else adds one */
        passphrase_forget(PASSPHRASE_ANOTHER);
    argv[1] = program; /* which getopt's messages begin with */
    return command->run(argc - 1, argv + 1);
}
