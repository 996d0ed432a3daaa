/* SPDX-License-Identifier: MIT */
/*
 * The options of a mount, from -o and from a configuration file alike. An
 * option that is not known is refused by name; those that mount(8) handles
 * itself, or that say what is so anyway, are taken and have no effect.
 */
#ifndef CRMFS_TOOLS_MOUNT_OPTIONS_H
#define CRMFS_TOOLS_MOUNT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"

#define MOUNT_OPTIONS_LIMIT ((size_t)64 << 10) /* bytes of a -o list, and of a value */

struct mount_settings {
    bool allow_other;
    bool allow_root;
    bool auto_unmount;
    bool debug;
    bool read_only;
    bool list_records;
    bool write_live;
    uint64_t uid;
    uint64_t gid;
    uint64_t umask;
    uint64_t max_read;
    uint64_t max_garbage_bytes;
    uint64_t max_memory_bytes;
    uint64_t refresh_ns;
    uint64_t spool_bytes; /* 0: as tree_options has it */
    uint64_t busy_timeout_ns;
    uint64_t view_timeout_ns; /* 0: none */
    char *spool_directory;    /* as given; NULL: none was */
    char *fsname;
    char *subtype;
    char *config;
    char *store; /* a directory, as given; NULL: none was */
    char *passphrase_file;
    char *passphrase_command;
    struct buffer passed; /* what the kernel is told as it is: ",name=value…" */
};

/* The defaults; owner and group are this process's. */
void mount_settings_init(struct mount_settings *settings);
void mount_settings_release(struct mount_settings *settings);

/*
 * Sets the option NAME, in which '-' and '_' are one. VALUE NULL: none was
 * given; a flag may have yes or no for one. NOUN is what a message calls an
 * unknown one: an "option", a "key". -EINVAL or -ENOMEM.
 */
int mount_settings_set(struct mount_settings *settings, const char *noun, const char *name,
                       const char *value, struct failure *failure);

/*
 * Sets what a list says: "name,name=value,…", with a backslash before a comma
 * that belongs to a value. SLOPPY: what is not known is passed over.
 */
int mount_settings_parse(struct mount_settings *settings, const char *list, bool sloppy,
                         struct failure *failure);

/* That nothing contradicts something else. 0 or -EINVAL. */
int mount_settings_check(const struct mount_settings *settings, struct failure *failure);

/* That neither spool nor store, absolute paths, lies in what MOUNTPOINT will cover. 0 or -EINVAL.
 */
int mount_settings_check_places(const struct mount_settings *settings, const char *mountpoint,
                                struct failure *failure);

/*
 * Appends what libfuse is to be told, as one list, ended by NUL: read-only, unless there is a store
 * or live rows may be written, and nothing says ro. FSNAME is what mount(8) shows as the source
 * when no option says so. 0, -ENOMEM, -EFBIG.
 */
int mount_settings_fuse_options(const struct mount_settings *settings, const char *fsname,
                                struct buffer *list);

#endif
