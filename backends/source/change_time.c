/* SPDX-License-Identifier: MIT */
#include "backends/source/change_time.h"

#include <stddef.h>
#include <string.h>
#include <sys/vfs.h>

#define NS_PER_S INT64_C(1000000000)
#define LONGEST_TICK_NS INT64_C(10000000) /* of a kernel's clock, and so of a file's times */
#define COARSE_TICK_NS (2 * NS_PER_S)     /* FAT's, where times are whole seconds */

/* File systems on a disk of this machine, or in its memory. */
bool change_time_is_kept(const char *path, uint64_t *ret_id)
{
    static const uint32_t types[] = {
        0xEF53 /* ext2, 3, 4 */, 0x58465342 /* XFS */,       0x9123683E /* Btrfs */,
        0x01021994 /* tmpfs */,  0x794C7630 /* overlayfs */, 0xF2F52010 /* F2FS */,
        0x2FC12FC1 /* ZFS */,    0xCA451A4E /* bcachefs */,
    };
    struct statfs about;

    if (statfs(path, &about) != 0)
        return false;
    memcpy(ret_id, &about.f_fsid, sizeof *ret_id);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if ((uint32_t)about.f_type == types[i])
            return true;
    }
    return false;
}

static int64_t since(const struct timespec *from, const struct timespec *to)
{
    int64_t seconds = (int64_t)to->tv_sec - from->tv_sec;

    if (seconds > 1000 || seconds < -1000)
        return seconds > 0 ? 1000 * NS_PER_S : -1000 * NS_PER_S;
    return seconds * NS_PER_S + (to->tv_nsec - from->tv_nsec);
}

bool change_time_is_fresh(const struct timespec *changed, const struct timespec *now)
{
    int64_t age = since(changed, now);
    int64_t tick = changed->tv_nsec == 0 ? COARSE_TICK_NS : LONGEST_TICK_NS;

    return age < tick && age > -COARSE_TICK_NS;
}
