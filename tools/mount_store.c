/* SPDX-License-Identifier: MIT */
#include "tools/mount_store.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/store/header.h"
#include "tools/store_access.h"

bool mount_store_is(const char *path)
{
    cleanup_free char *header = NULL;
    struct stat status;

    if (asprintf(&header, "%s/" STORE_HEADER_NAME, path) < 0) {
        header = NULL;
        return false;
    }
    return stat(header, &status) == 0 && S_ISREG(status.st_mode);
}

int mount_store_take(struct mount_settings *settings, const char *path, bool alone,
                     struct failure *failure)
{
    if (settings->store != NULL)
        return failure_set(failure, EINVAL,
                           "%s is a store, not a source, and a mount has one store", path);
    if (!alone)
        return failure_set(failure, EINVAL,
                           "%s is a store, not a source; to mount sources beside it, say --store "
                           "%s",
                           path, path);
    settings->store = strdup(path);
    return settings->store != NULL ? 0 : failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

int mount_store_open(const struct mount_settings *settings,
                     const struct passphrase_options *command_line, struct store **ret_store,
                     struct failure *failure)
{
    struct passphrase_options options = *command_line;

    if (settings->store == NULL) {
        passphrase_forget(PASSPHRASE_OPEN);
        *ret_store = NULL;
        return 0;
    }
    if (options.file == NULL && options.command == NULL) {
        options.file = settings->passphrase_file;
        options.command = settings->passphrase_command;
    }
    return store_access_open(settings->store, &options, ret_store, failure);
}

void mount_store_owner(const struct mount_settings *settings, uid_t *ret_uid, gid_t *ret_gid)
{
    struct stat status;

    *ret_uid = (uid_t)settings->uid;
    *ret_gid = (gid_t)settings->gid;
    if (settings->store == NULL || geteuid() != 0 || settings->uid != getuid() ||
        stat(settings->store, &status) != 0)
        return;
    *ret_uid = status.st_uid;
    if (settings->gid == getgid())
        *ret_gid = status.st_gid;
}
