/* SPDX-License-Identifier: MIT */
/*
 * The configuration file, crmfs.conf(5): sections [mount] and [source NAME].
 * Every refusal names the file and the line.
 */
#ifndef CRMFS_TOOLS_CONFIG_H
#define CRMFS_TOOLS_CONFIG_H

#include "tools/mount_options.h"
#include "tools/sources.h"

#define CONFIG_LIMIT ((size_t)1 << 20)       /* bytes of a file */
#define CONFIG_LINE_LIMIT ((size_t)16 << 10) /* bytes of a line */

/*
 * Reads the file PATH into SETTINGS and SOURCES; paths in it are relative to
 * its own folder. -EINVAL when it is wrong, or as open(2) and read(2).
 */
int config_read(const char *path, struct mount_settings *settings, struct source_list *sources,
                struct failure *failure);

/* The same of SIZE bytes of text, called NAME in messages, in the absolute path DIRECTORY. */
int config_parse(const char *name, const char *directory, const char *text, size_t size,
                 struct mount_settings *settings, struct source_list *sources,
                 struct failure *failure);

#endif
