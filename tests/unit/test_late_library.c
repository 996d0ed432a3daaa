/* SPDX-License-Identifier: MIT */
/* Libraries that come when they are first needed, and libraries that do not come. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <errno.h>
#include <string.h>

#include "backends/source/archive_library.h"
#include "backends/source/late_library.h"
#include "backends/source/postgres_library.h"

static bool is_loaded(const char *file)
{
    void *handle = dlopen(file, RTLD_LAZY | RTLD_NOLOAD);

    if (handle != NULL)
        dlclose(handle);
    return handle != NULL;
}

static void test_not_before(void **context)
{
    struct failure failure = {.code = 0};

    (void)context;
    assert_false(is_loaded("libarchive.so.13"));
    assert_false(is_loaded("libpq.so.5"));
    /* What frees may be called without it. */
    archive_read_free(NULL);
    PQclear(NULL);
    PQfinish(NULL);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(archive_library_load(&failure), 0);
        assert_int_equal(postgres_library_load(&failure), 0);
    }
    assert_true(is_loaded("libarchive.so.13"));
    assert_true(is_loaded("libpq.so.5"));
    assert_non_null(strstr(archive_version_details(), "libarchive"));

    struct archive *archive = archive_read_new();

    assert_non_null(archive);
    assert_int_equal(archive_read_free(archive), ARCHIVE_OK);
    assert_int_equal(PQstatus(NULL), CONNECTION_BAD);
}

/* Loads NAMES of FILE, which fails in words that say WHAT; no function was taken. */
static void refuse(const char *file, const char *const names[2], const char *what)
{
    void *functions[2] = {NULL, NULL};
    struct late_library library = {
        .file = file,
        .names = names,
        .functions = functions,
        .count = 2,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    struct failure failure = {.code = 0};

    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(late_library_load(&library, &failure), -ENOTSUP);
        assert_int_equal(failure.code, ENOTSUP);
        assert_non_null(strstr(failure.text, file));
        assert_non_null(strstr(failure.text, what));
        assert_null(functions[0]);
    }
}

static void test_refused(void **context)
{
    static const char *const names[] = {"cos", "crmfs_no_such_function"};

    (void)context;
    refuse("libcrmfs-none.so.1", names, "cannot open");
    refuse("libm.so.6", names, "crmfs_no_such_function");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_not_before),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
