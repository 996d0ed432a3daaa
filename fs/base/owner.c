/* SPDX-License-Identifier: MIT */
#include "fs/base/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int owner_follow(int folder, int made)
{
    struct stat theirs, ours;

    if (geteuid() != 0)
        return 0;
    if (fstat(folder, &theirs) != 0 || fstat(made, &ours) != 0)
        return -errno;
    if (theirs.st_uid == 0 || (ours.st_uid == theirs.st_uid && ours.st_gid == theirs.st_gid))
        return 0;
    return fchownat(made, "", theirs.st_uid, theirs.st_gid, AT_EMPTY_PATH) == 0 ? 0 : -errno;
}
