/* SPDX-License-Identifier: MIT */
#include "fs/mount/mountpoint.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/base/shell_word.h"

/* Dead mounts upon each other; more than anybody makes by accident. */
#define MOST_DEAD_MOUNTS 16

static void close_directory(DIR *const *directory)
{
    if (*directory != NULL)
        closedir(*directory);
}

bool mountpoint_is_dead(const char *path)
{
    struct statx attributes;
    int result;

    /* What the kernel remembers of the root would hide that nobody answers. */
    do {
        result =
            statx(AT_FDCWD, path, AT_STATX_FORCE_SYNC | AT_NO_AUTOMOUNT, STATX_TYPE, &attributes);
    } while (result != 0 && (errno == EINTR || errno == ECONNABORTED));
    return result != 0 && errno == ENOTCONN;
}

static int run_fusermount(const char *path)
{
    const char *const arguments[] = {"fusermount3", "-u", "-z", "-q", "--", path, NULL};
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status;

    posix_spawn_file_actions_init(&actions);
    for (int descriptor = 0; descriptor <= 2; descriptor++)
        posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0);

    int error =
        posix_spawnp(&child, arguments[0], &actions, NULL, (char *const *)arguments, environ);

    if (error == ENOENT) /* where libfuse looks for it, whatever $PATH says */
        error = posix_spawn(&child, "/usr/bin/fusermount3", &actions, NULL,
                            (char *const *)arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (error != 0)
        return -error;
    while (waitpid(child, &status, 0) < 0) {
        if (errno != EINTR)
            return -errno;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

int mountpoint_detach(const char *path)
{
    if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        return 0;
    return errno == EPERM ? run_fusermount(path) : -errno;
}

static int remove_dead_mounts(const char *path, struct failure *failure)
{
    char word[SHELL_WORD_SIZE];

    for (int i = 0; i < MOST_DEAD_MOUNTS && mountpoint_is_dead(path); i++) {
        int error = mountpoint_detach(path);

        if (error != 0)
            return failure_set(failure, -error,
                               "a process that was killed left a dead mount there, which cannot "
                               "be taken away: %s; try fusermount3 -u -z %s",
                               strerror(-error), shell_word(path, word));
    }
    return 0;
}

static int check_empty(const char *path, struct failure *failure)
{
    cleanup(close_directory) DIR *directory = opendir(path);

    if (directory == NULL)
        return failure_set(failure, errno, "cannot look into the mountpoint: %s", strerror(errno));

    const struct dirent *entry;

    while ((entry = readdir(directory)) != NULL) {
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            return failure_set(failure, ENOTEMPTY,
                               "the mountpoint is not empty (it holds \"%s\"); take an empty "
                               "directory",
                               entry->d_name);
    }
    return 0;
}

int mountpoint_prepare(const char *path, struct failure *failure)
{
    struct statx attributes;
    int error = remove_dead_mounts(path, failure);

    if (error != 0)
        return error;
    /* Asking for nothing else, one learns of a mount even where one may not look into it. */
    if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, 0, &attributes) != 0) {
        if (errno == ENOENT)
            return failure_set(failure, ENOENT,
                               "no such file or directory; make it first: mkdir -p %s", path);
        return failure_set(failure, errno, "cannot reach the mountpoint: %s", strerror(errno));
    }
    if ((attributes.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0)
        return failure_set(failure, EBUSY,
                           "something is mounted there already; unmount it first, or take "
                           "another directory");
    if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_TYPE, &attributes) != 0)
        return failure_set(failure, errno, "cannot reach the mountpoint: %s", strerror(errno));
    if (!S_ISDIR(attributes.stx_mode))
        return failure_set(failure, ENOTDIR, "it is not a directory");
    error = check_empty(path, failure);
    if (error != 0)
        return error;
    if (geteuid() != 0 && access(path, W_OK) != 0)
        return failure_set(failure, errno,
                           "you may mount only on a directory that you may write to: %s",
                           strerror(errno));
    return 0;
}
