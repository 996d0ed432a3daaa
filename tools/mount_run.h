/* SPDX-License-Identifier: MIT */
/* What a command line says of a mount, and the mount that is made of it. */
#ifndef CRMFS_TOOLS_MOUNT_RUN_H
#define CRMFS_TOOLS_MOUNT_RUN_H

#include <stdbool.h>

#include "fs/base/buffer.h"
#include "tools/mount_options.h"
#include "tools/passphrase.h"
#include "tools/sources.h"

struct mount {
    struct mount_settings settings;
    struct source_list sources;
    char *mountpoint;                     /* absolute */
    char *shown_source;                   /* what mount(8) shows; NULL: made of the sources */
    struct passphrase_options passphrase; /* of the command line */
    bool foreground;
};

/* What the command line says, before it is looked at. */
struct command_line {
    struct buffer options; /* all -o lists in one */
    const char *config;
    const char *store;
    struct passphrase_options passphrase;
    bool foreground;
    bool sloppy;  /* unknown options are passed over */
    bool pretend; /* mount nothing */
    bool help;
    bool version;
    char **words; /* sources and mountpoint */
    int word_count;
};

/* Mounts and serves, in the background unless told otherwise; the status to exit with. */
int mount_run(struct mount *mount, const struct command_line *line);
void mount_release(struct mount *mount);

#endif
