/* SPDX-License-Identifier: MIT */
/* crmfs mount, and mount.crmfs for mount(8): their command lines. */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "tools/commands.h"
#include "tools/mount_run.h"
#include "tools/usage.h"

#define LISTS_LIMIT ((size_t)256 << 10)

static int add_options(struct command_line *line, const char *list)
{
    struct buffer *options = &line->options;

    /* The NUL of the list before becomes the comma between them. */
    if (options->size != 0)
        options->data[options->size - 1] = ',';
    return buffer_append(options, list, strlen(list) + 1);
}

static int usage_error(const char *usage)
{
    fputs(usage, stderr);
    return STATUS_USAGE;
}

static int take_mount_option(struct command_line *line, int letter)
{
    if (passphrase_take_option(&line->passphrase, letter, optarg))
        return 0;
    switch (letter) {
    case 'o':
        if (add_options(line, optarg) == 0)
            return 0;
        log_message(LOG_LEVEL_ERROR, "cannot mount: the list of options is too long");
        return STATUS_USAGE;
    case 'f': line->foreground = true; return 0;
    case 'c':
        if (line->config == NULL) {
            line->config = optarg;
            return 0;
        }
        log_message(LOG_LEVEL_ERROR, "cannot mount: --config is given twice; one file says it all");
        return STATUS_USAGE;
    case 's': line->store = optarg; return 0;
    case 'h': line->help = true; return 0;
    default:
        return usage_error("usage: crmfs mount [OPTION...] [--store STORE] SOURCE... MOUNTPOINT\n"
                           "       crmfs mount [OPTION...] STORE MOUNTPOINT\n"
                           "crmfs mount --help says more\n");
    }
}

int command_mount(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"foreground", no_argument, NULL, 'f'},  {"config", required_argument, NULL, 'c'},
        {"store", required_argument, NULL, 's'}, PASSPHRASE_LONG_OPTIONS,
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    struct command_line line = {.options = BUFFER(LISTS_LIMIT)};
    cleanup(mount_release) struct mount mount = {.foreground = false};
    int status = 0;
    int letter;

    while (status == 0 && (letter = getopt_long(argc, argv, "o:fh", long_options, NULL)) != -1)
        status = take_mount_option(&line, letter);
    line.words = argv + optind;
    line.word_count = argc - optind;
    if (status == 0)
        status = line.help ? usage_show(usage_mount) : mount_run(&mount, &line);
    buffer_release(&line.options);
    return status;
}

static int take_helper_option(struct command_line *line, int letter)
{
    switch (letter) {
    case 'r': return add_options(line, "ro") == 0 ? 0 : usage_error(usage_mount_helper);
    case 'w': return add_options(line, "rw") == 0 ? 0 : usage_error(usage_mount_helper);
    case 'h': line->help = true; return 0;
    case 'V': line->version = true; return 0;
    case 'o': return add_options(line, optarg) == 0 ? 0 : usage_error(usage_mount_helper);
    case 's': line->sloppy = true; return 0;
    case 'f': line->pretend = true; return 0;
    case 'n':
    case 'v':
    case 't':
    case 'N': return 0;
    default: return usage_error(usage_mount_helper);
    }
}

/* SOURCE MOUNTPOINT */
static int run_helper(struct command_line *line)
{
    cleanup(mount_release) struct mount mount = {.foreground = false};

    if (line->word_count != 2)
        return usage_error(usage_mount_helper);
    /* mount -a knows by it what is mounted already. */
    mount.shown_source = strdup(line->words[0]);
    if (strcmp(line->words[0], "none") == 0) {
        line->words++;
        line->word_count--;
    }
    return mount_run(&mount, line);
}

int command_mount_helper(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"help", no_argument, NULL, 'h'}, {"version", no_argument, NULL, 'V'}, {NULL, 0, NULL, 0}};
    struct command_line line = {.options = BUFFER(LISTS_LIMIT)};
    int status = 0;
    int letter;

    while (status == 0 &&
           (letter = getopt_long(argc, argv, "o:sfnvrwhVt:N:", long_options, NULL)) != -1)
        status = take_helper_option(&line, letter);
    line.words = argv + optind;
    line.word_count = argc - optind;
    if (status == 0 && line.help)
        status = usage_show(usage_mount_helper);
    else if (status == 0 && line.version)
        status = usage_show("crmfs " CRMFS_VERSION "\n");
    else if (status == 0)
        status = run_helper(&line);
    buffer_release(&line.options);
    return status;
}
