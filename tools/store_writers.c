/* SPDX-License-Identifier: MIT */
#include "tools/store_writers.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/base/shell_word.h"

/* A group of the owner's own, as most systems make one for each user, has the user's number. */
static bool lets_others_write(const struct stat *status)
{
    return S_ISDIR(status->st_mode) &&
           ((status->st_mode & S_IWOTH) != 0 ||
            ((status->st_mode & S_IWGRP) != 0 && status->st_gid != status->st_uid));
}

bool store_writers_any(const char *path)
{
    static const char *const folders[] = {".", "keys", "log", "checkpoints", "packs", "index"};
    cleanup_fd int root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    bool any = false;

    for (size_t i = 0; root >= 0 && i < sizeof folders / sizeof *folders; i++) {
        struct stat status;

        any |= fstatat(root, folders[i], &status, AT_SYMLINK_NOFOLLOW) == 0 &&
               lets_others_write(&status);
    }
    return any;
}

void store_writers_tell(const char *path)
{
    char word[SHELL_WORD_SIZE];

    if (store_writers_any(path))
        log_message(LOG_LEVEL_WARNING,
                    "others than its owner may write to the store %s: they can destroy what is in "
                    "it, though not read it; `chmod -R go-w %s` ends that",
                    path, shell_word(path, word));
}
