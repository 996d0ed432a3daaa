/* SPDX-License-Identifier: MIT */
/*
 * The N-th allocation of memory fails, whoever asks for it: crmfs, the C library, or the
 * libraries for compression, encryption and JSON. sabotage.h says what then must be so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/fault/file_sabotage.h"
#include "tests/fault/real_folder.h"
#include "tests/fault/sabotage.h"
#include "tests/fault/spread.h"

#define ROWS 100
#define MOST 150 /* allocations of one act that are tried */

static struct scene *scene;

/* ---- The allocator ---- */

static struct {
    bool armed;
    bool for_ever;
    uint64_t nth;
    uint64_t counted; /* atomic, as the next */
    uint64_t failed;
} memory;

/* The real ones: of the C library, or of the sanitizer, which needs memory before it has begun. */
#if SANITIZED
#define REAL(name) __interceptor_##name
#define EARLY __attribute__((disable_sanitizer_instrumentation))
#else
#define REAL(name) __libc_##name
#define EARLY
#endif

/* Whether this one is to fail. What the fake source asks for does not count. */
EARLY static bool fails(void)
{
    if (!__atomic_load_n(&memory.armed, __ATOMIC_ACQUIRE) || fake_source_allocates > 0)
        return false;

    uint64_t number = __atomic_add_fetch(&memory.counted, 1, __ATOMIC_RELAXED);

    if (memory.nth == 0 || number < memory.nth || (number > memory.nth && !memory.for_ever))
        return false;
    __atomic_add_fetch(&memory.failed, 1, __ATOMIC_RELAXED);
    errno = ENOMEM;
    return true;
}

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *REAL(malloc)(size_t size);
void *REAL(calloc)(size_t count, size_t size);
void *REAL(realloc)(void *pointer, size_t size);
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* NOLINTBEGIN(readability-inconsistent-declaration-parameter-name): the C library's own are __x */
EARLY void *malloc(size_t size)
{
    return fails() ? NULL : REAL(malloc)(size);
}

EARLY void *calloc(size_t count, size_t size)
{
    return fails() ? NULL : REAL(calloc)(count, size);
}

EARLY void *realloc(void *pointer, size_t size)
{
    return fails() ? NULL : REAL(realloc)(pointer, size);
}

EARLY void *reallocarray(void *pointer, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        errno = ENOMEM;
        return NULL;
    }
    return realloc(pointer, bytes);
}

#if SANITIZED
/* AddressSanitizer asks where the stack of each new thread is, and gives up when it is not told. */
int pthread_getattr_np(pthread_t thread, pthread_attr_t *attributes)
{
    int (*real)(pthread_t, pthread_attr_t *);

    fake_source_allocates += 1;
    *(void **)&real = dlsym(RTLD_NEXT, "pthread_getattr_np");

    int error = real(thread, attributes);

    fake_source_allocates -= 1;
    return error;
}
#endif

/* Nothing here asks what is durable, and the disk would take most of the time. */
int fsync(int descriptor)
{
    (void)descriptor;
    return 0;
}

int fdatasync(int descriptor)
{
    (void)descriptor;
    return 0;
}

/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */

/* ---- The saboteur ---- */

static void arm(struct storage *faulty, const struct sabotage_mode *mode, uint64_t nth)
{
    (void)faulty;
    memory.nth = nth;
    memory.for_ever = mode->for_ever;
    memory.counted = 0;
    memory.failed = 0;
    __atomic_store_n(&memory.armed, true, __ATOMIC_RELEASE);
}

static void disarm(struct storage *faulty, uint64_t *ret_counted, uint64_t *ret_failed)
{
    (void)faulty;
    __atomic_store_n(&memory.armed, false, __ATOMIC_RELEASE);
    *ret_counted = memory.counted;
    *ret_failed = memory.failed;
}

static const struct sabotage_mode modes[] = {
    {"ENOMEM once", ENOMEM, false, 0},
    {"ENOMEM for ever", ENOMEM, true, 0},
};

static const struct saboteur saboteur = {
    .name = "allocations",
    .modes = modes,
    .mode_count = sizeof modes / sizeof *modes,
    .open = real_folder_open,
    .fill = real_folder_fill,
    .close = real_folder_close,
    .arm = arm,
    .disarm = disarm,
    .most = MOST,
};

static void test_memory_faults(void **context)
{
    (void)context;
    sabotage_everything(scene, &saboteur);
}

static void test_files(void **context)
{
    (void)context;
    file_sabotage_everything(&saboteur);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_memory_faults),
    };
    int failed;

    scene = scene_create(ROWS);
    real_folders_begin();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    real_folders_end();
    scene_free(scene);
    return failed;
}
