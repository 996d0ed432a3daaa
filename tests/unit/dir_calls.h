/* SPDX-License-Identifier: MIT */
/*
 * The system calls of the directory storage in the hands of the test: watched, cut short,
 * interrupted, made to fail and never to come back. To be included once in a program: they take the
 * place of the C library's.
 */
#ifndef CRMFS_TESTS_UNIT_DIR_CALLS_H
#define CRMFS_TESTS_UNIT_DIR_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/unit/dir_place.h"

enum call {
    CALL_WRITE,
    CALL_DATA_FLUSH,
    CALL_FLUSH,
    CALL_MOVE,
    CALL_MAKE_FOLDER,
    CALL_UNLINK,
    CALL_PREAD,
};

static struct {
    bool armed;
    bool stuttering;      /* writes and reads are short, and interrupted every second time */
    bool no_renaming;     /* as on NFS */
    bool failing_flushes; /* of data */
    unsigned count;       /* of calls since the last arm() */
    unsigned fail_at;     /* from 1; 0: never */
    bool for_ever;
    int code;           /* errno; 0: the process ends there */
    char journal[8192]; /* what was done to what */
} calls;

static void arm(unsigned fail_at, int code, bool for_ever)
{
    memset(&calls, 0, sizeof calls);
    calls.armed = true;
    calls.fail_at = fail_at;
    calls.code = code;
    calls.for_ever = for_ever;
}

static void disarm(void)
{
    calls.armed = false;
}

static const char *path_of(int descriptor)
{
    static char path[4096];
    char link[64];

    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);

    ssize_t size = readlink(link, path, sizeof path - 1);

    path[size > 0 ? size : 0] = '\0';
    return path;
}

static void note(const char *what, int descriptor)
{
    size_t used = strlen(calls.journal);

    snprintf(calls.journal + used, sizeof calls.journal - used, "%s %s\n", what,
             path_of(descriptor));
}

/* Whether the call is to fail, errno being set. */
static bool fails(enum call call)
{
    if (!calls.armed)
        return false;
    calls.count++;
    if (calls.stuttering && calls.count % 2 == 1 && call != CALL_MOVE && call != CALL_UNLINK &&
        call != CALL_MAKE_FOLDER) {
        errno = EINTR;
        return true;
    }
    if (calls.fail_at == 0 || calls.count < calls.fail_at ||
        (calls.count > calls.fail_at && !calls.for_ever))
        return false;
    if (calls.code == 0)
        _exit(0);
    errno = calls.code;
    return true;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's own are __x */
ssize_t write(int descriptor, const void *bytes, size_t size)
{
    if (fails(CALL_WRITE))
        return -1;
    if (calls.armed && calls.stuttering && size > 3)
        size = size / 2 + 1;
    return syscall(SYS_write, descriptor, bytes, size);
}

ssize_t pread(int descriptor, void *bytes, size_t size, off_t offset)
{
    if (fails(CALL_PREAD))
        return -1;
    if (calls.armed && calls.stuttering && size > 3)
        size = size / 2 + 1;
    return syscall(SYS_pread64, descriptor, bytes, size, offset);
}

int fdatasync(int descriptor)
{
    if (fails(CALL_DATA_FLUSH))
        return -1;
    if (calls.armed && calls.failing_flushes) {
        errno = EIO;
        return -1;
    }
    if (calls.armed)
        note("data", descriptor);
    return 0;
}

int fsync(int descriptor)
{
    if (fails(CALL_FLUSH))
        return -1;
    if (calls.armed)
        note("flush", descriptor);
    return 0;
}

int renameat2(int from, const char *old, int to, const char *new, unsigned flags)
{
    if (fails(CALL_MOVE))
        return -1;
    if (calls.armed && calls.no_renaming) {
        errno = EINVAL;
        return -1;
    }
    if (calls.armed)
        note("move to", to);
    return (int)syscall(SYS_renameat2, from, old, to, new, flags);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    return fails(CALL_MAKE_FOLDER) ? -1 : (int)syscall(SYS_mkdirat, folder, name, mode);
}

int posix_fadvise(int descriptor, off_t offset, off_t size, int advice)
{
    if (calls.armed && offset == 0 && size == 0 && advice == POSIX_FADV_WILLNEED)
        note("all of", descriptor);
    return 0;
}

int unlinkat(int folder, const char *name, int flags)
{
    return fails(CALL_UNLINK) ? -1 : (int)syscall(SYS_unlinkat, folder, name, flags);
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* For a test's teardown: what failed in the test does not fail here. */
static int place_end_calm(void **state)
{
    disarm();
    return place_end(state);
}

#endif
