/* SPDX-License-Identifier: MIT */
#include "fs/files/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define FOLDER "tmp"

static uint64_t wanted_bytes(int folder)
{
    struct statvfs disk;
    uint64_t bytes = 0;

    if (fstatvfs(folder, &disk) == 0)
        bytes = (uint64_t)disk.f_blocks * disk.f_frsize / RESERVE_PART;
    if (bytes < RESERVE_BYTES_LEAST)
        return RESERVE_BYTES_LEAST;
    return bytes < RESERVE_BYTES_MOST ? bytes : RESERVE_BYTES_MOST;
}

int reserve_hold(struct reserve *reserve, struct storage *storage)
{
    if (reserve->file >= 0 || storage->class->local_folder == NULL)
        return 0;

    cleanup_fd int folder = storage->class->local_folder(storage, FOLDER, true);

    if (folder < 0)
        return folder == -ENOSPC || folder == -EDQUOT ? -ENOSPC : 0;

    int file = openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    uint64_t bytes = wanted_bytes(folder);
    int error = file < 0 || fallocate(file, 0, 0, (off_t)bytes) != 0 ? errno : 0;

    if (error == 0) {
        reserve->file = file;
        reserve->bytes = bytes;
        return 0;
    }
    if (file >= 0)
        close(file);
    return error == ENOSPC || error == EDQUOT ? -ENOSPC : 0;
}

bool reserve_beside(const struct reserve *reserve, uint64_t *ret_bytes)
{
    struct statvfs disk;

    if (reserve->file < 0 || fstatvfs(reserve->file, &disk) != 0 || disk.f_blocks == 0)
        return false;
    *ret_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    return true;
}

bool reserve_spend(struct reserve *reserve)
{
    if (reserve->file < 0)
        return false;
    close(reserve->file);
    reserve->file = -1;
    return true;
}
