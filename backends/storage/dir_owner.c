/* SPDX-License-Identifier: MIT */
/*
 * Whose a store's files are: its directory's owner, whoever writes. Root gives away what it makes;
 * who else writes to another's store must let its owner read that, or writes nothing: the owner's
 * mount and commands would fail from then on.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "fs/base/memory.h"
#include "fs/base/owner.h"

#define FOR_THE_GROUP ((mode_t)(S_IRGRP | S_IXGRP))
#define FOR_OTHERS ((mode_t)(S_IROTH | S_IXOTH))

static bool owner_can_use(const struct stat *root, const struct stat *made)
{
    return made->st_uid == root->st_uid || (made->st_mode & FOR_OTHERS) == FOR_OTHERS ||
           (made->st_gid == root->st_gid && (made->st_mode & FOR_THE_GROUP) == FOR_THE_GROUP);
}

bool dir_owner_look(struct dir_storage *dir)
{
    struct stat root, made;

    if (fstat(dir->root, &root) != 0 || root.st_uid == geteuid())
        return true;
    dir->gives_away = geteuid() == 0;

    /* As its folders will be: the umask, and a default ACL, count. */
    cleanup_fd int trial =
        openat(dir->root, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, FOR_THE_GROUP | FOR_OTHERS | 0700);

    if (trial < 0) /* a file system that has none: it shows with the first file */
        return true;
    /* Not where the owner is none of a container's users. */
    if (dir->gives_away)
        dir->gives_away = owner_follow(dir->root, trial) == 0;
    return fstat(trial, &made) != 0 || owner_can_use(&root, &made);
}

int dir_owner_give(const struct dir_storage *dir, int made)
{
    return dir->gives_away ? owner_follow(dir->root, made) : 0;
}
