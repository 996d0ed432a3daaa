/* SPDX-License-Identifier: MIT */
/* What --help says. crmfs(1) says more. */
#ifndef CRMFS_TOOLS_USAGE_H
#define CRMFS_TOOLS_USAGE_H

extern const char usage_crmfs[];
extern const char usage_mount[];
extern const char usage_init[];
extern const char usage_key[];
extern const char usage_snapshot[];
extern const char usage_import[];
extern const char usage_export[];
extern const char usage_restore[];
extern const char usage_migrate[];
extern const char usage_verify_restore[];
extern const char usage_snapshots[];
extern const char usage_forget[];
extern const char usage_prune[];
extern const char usage_check[];
extern const char usage_repair[];
extern const char usage_stats[];
extern const char usage_diff[];
extern const char usage_mount_helper[];

/* Says TEXT on standard output. The exit status: a full disk or a closed pipe is a failure. */
int usage_show(const char *text);

#endif
