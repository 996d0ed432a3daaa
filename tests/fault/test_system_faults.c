/* SPDX-License-Identifier: MIT */
/*
 * The N-th system call of the directory storage fails, is interrupted, or reads and writes
 * less than it was asked to: sabotage.h says what then must be so. The calls are defined here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/fault/real_folder.h"
#include "tests/fault/sabotage.h"

#define ROWS 100
#define MOST 60 /* calls of one act that are tried */

static struct scene *scene;

/* ---- The system calls ---- */

enum way { WAY_FAIL, WAY_SHORT };

static struct {
    bool armed;
    bool for_ever;
    enum way way;
    int code;
    uint64_t nth;
    uint64_t counted; /* atomic, as the next */
    uint64_t failed;
} calls;

/* Whether this call is the one. */
static bool is_struck(void)
{
    if (!__atomic_load_n(&calls.armed, __ATOMIC_ACQUIRE))
        return false;

    uint64_t number = __atomic_add_fetch(&calls.counted, 1, __ATOMIC_RELAXED);

    if (calls.nth == 0 || number < calls.nth || (number > calls.nth && !calls.for_ever))
        return false;
    __atomic_add_fetch(&calls.failed, 1, __ATOMIC_RELAXED);
    return true;
}

static bool fails(void)
{
    if (!is_struck() || calls.way != WAY_FAIL)
        return false;
    errno = calls.code;
    return true;
}

/* Of a read or a write of *SIZE bytes. */
static bool fails_or_shortens(size_t *size)
{
    if (!is_struck())
        return false;
    if (calls.way == WAY_SHORT) {
        *size = (*size + 1) / 2;
        return false;
    }
    errno = calls.code;
    return true;
}

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's own are __x */
ssize_t write(int descriptor, const void *bytes, size_t size)
{
    return fails_or_shortens(&size) ? -1 : syscall(SYS_write, descriptor, bytes, size);
}

ssize_t pread(int descriptor, void *bytes, size_t size, off_t offset)
{
    return fails_or_shortens(&size) ? -1 : syscall(SYS_pread64, descriptor, bytes, size, offset);
}

/* No power is cut here. */
int fdatasync(int descriptor)
{
    (void)descriptor;
    return fails() ? -1 : 0;
}

int fsync(int descriptor)
{
    (void)descriptor;
    return fails() ? -1 : 0;
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags)
{
    return fails() ? -1 : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}

int mkdirat(int folder, const char *name, mode_t mode)
{
    return fails() ? -1 : (int)syscall(SYS_mkdirat, folder, name, mode);
}

int unlinkat(int folder, const char *name, int flags)
{
    return fails() ? -1 : (int)syscall(SYS_unlinkat, folder, name, flags);
}

int openat(int folder, const char *name, int flags, ...)
{
    va_list arguments;

    va_start(arguments, flags);

    mode_t mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;

    va_end(arguments);
    return fails() ? -1 : (int)syscall(SYS_openat, folder, name, flags, mode);
}

int fstat(int descriptor, struct stat *status)
{
    return fails() ? -1 : (int)syscall(SYS_fstat, descriptor, status);
}

int fstatat(int folder, const char *name, struct stat *status, int flags)
{
    return fails() ? -1 : (int)syscall(SYS_newfstatat, folder, name, status, flags);
}

/* All further ones; of them the storage uses openat2. What was not passed is read, and not used. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
    static long (*real)(long, ...);
    va_list arguments;
    long values[6];

    if (real == NULL)
        *(void **)&real = dlsym(RTLD_NEXT, "syscall");
    va_start(arguments, number);
    for (size_t i = 0; i < 6; i++)
        values[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_openat2 && fails())
        return -1;
    return real(number, values[0], values[1], values[2], values[3], values[4], values[5]);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- The saboteur ---- */

static void arm(struct storage *faulty, const struct sabotage_mode *mode, uint64_t nth)
{
    (void)faulty;
    calls.nth = nth;
    calls.for_ever = mode->for_ever;
    calls.way = (enum way)mode->way;
    calls.code = mode->code;
    calls.counted = 0;
    calls.failed = 0;
    __atomic_store_n(&calls.armed, true, __ATOMIC_RELEASE);
}

static void disarm(struct storage *faulty, uint64_t *ret_counted, uint64_t *ret_failed)
{
    (void)faulty;
    __atomic_store_n(&calls.armed, false, __ATOMIC_RELEASE);
    *ret_counted = calls.counted;
    *ret_failed = calls.failed;
}

static const struct sabotage_mode modes[] = {
    {"EIO once", EIO, false, WAY_FAIL},           {"EIO for ever", EIO, true, WAY_FAIL},
    {"ENOSPC once", ENOSPC, false, WAY_FAIL},     {"ENOSPC for ever", ENOSPC, true, WAY_FAIL},
    {"EDQUOT once", EDQUOT, false, WAY_FAIL},     {"EINTR once", EINTR, false, WAY_FAIL},
    {"half of it, for ever", 0, true, WAY_SHORT},
};

static void test_system_faults(void **context)
{
    const struct saboteur saboteur = {
        .name = "system calls",
        .modes = modes,
        .mode_count = sizeof modes / sizeof *modes,
        .open = real_folder_open,
        .fill = real_folder_fill,
        .close = real_folder_close,
        .arm = arm,
        .disarm = disarm,
        .most = MOST,
    };

    (void)context;
    sabotage_everything(scene, &saboteur);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_system_faults),
    };
    int failed;

    scene = scene_create(ROWS);
    real_folders_begin();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    real_folders_end();
    scene_free(scene);
    return failed;
}
