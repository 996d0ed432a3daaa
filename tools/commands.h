/* SPDX-License-Identifier: MIT */
/*
 * The subcommands. They speak to the user and return the exit status: 0, or one of those below.
 * argv[0] is the command's name.
 */
#ifndef CRMFS_TOOLS_COMMANDS_H
#define CRMFS_TOOLS_COMMANDS_H

#define STATUS_FAILED 1
#define STATUS_USAGE 2      /* the command line or the configuration is wrong */
#define STATUS_INCOMPLETE 3 /* done, without what could not be read */

int command_mount(int argc, char **argv);
int command_init(int argc, char **argv);
int command_key(int argc, char **argv);
int command_snapshot(int argc, char **argv);
int command_import(int argc, char **argv);
int command_export(int argc, char **argv);
int command_restore(int argc, char **argv);
int command_migrate(int argc, char **argv);
int command_verify_restore(int argc, char **argv);
int command_snapshots(int argc, char **argv);
int command_forget(int argc, char **argv);
int command_prune(int argc, char **argv);
int command_check(int argc, char **argv);
int command_repair(int argc, char **argv);
int command_stats(int argc, char **argv);
int command_diff(int argc, char **argv); /* its status is diff(1)'s */

/* As mount(8) calls it: mount.crmfs SOURCE MOUNTPOINT [-sfnvrw] [-N namespace] [-o options]. */
int command_mount_helper(int argc, char **argv);

#endif
