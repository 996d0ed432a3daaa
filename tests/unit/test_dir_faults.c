/* SPDX-License-Identifier: MIT */
/* Killed at every system call, or each of them failing: nothing is in a directory storage by
 * halves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "tests/unit/dir_calls.h"
#include "tests/unit/dir_place.h"

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* What a writer does; whatever it meets, nothing is there by halves. */
static int write_some(struct storage *storage, const char *bytes)
{
    int error = put_large(storage, "packs/3f/3f", bytes, LARGE);

    if (error == 0)
        error = storage->class->sync(storage, NULL);
    if (error == 0)
        error = put_text(storage, "log/1", "record");
    return error;
}

static void check_whole(struct storage *storage, const char *bytes)
{
    bool record = storage->class->size(storage, "log/1", &(uint64_t){0}, NULL) == 0;
    bool pack = storage->class->size(storage, "packs/3f/3f", &(uint64_t){0}, NULL) == 0;

    assert_true(!pack || holds(storage, "packs/3f/3f", bytes, LARGE));
    assert_true(!record || (pack && holds(storage, "log/1", "record", 6)));
}

static void start_anew(struct place *place)
{
    struct storage *storage = place->storage;

    storage->class->remove(storage, "packs/3f/3f", NULL);
    storage->class->remove(storage, "log/1", NULL);
    assert_int_equal(storage->class->sweep(storage, time(NULL) + 10, NULL), 0);
    storage->class->close(storage);
    assert_int_equal(dir_storage_open(place->path, 1, &place->storage, NULL), 0);
}

/* Killed at every system call. */
static void test_killed(void **state)
{
    struct place *place = *state;
    char *bytes = pattern_bytes();
    int status;
    unsigned at = 0;

    do {
        at++;
        start_anew(place);
        fflush(NULL);

        pid_t child = fork();

        if (child == 0) {
            arm(at, 0, false);
            _exit(write_some(place->storage, bytes) == 0 ? 7 : 8);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        check_whole(place->storage, bytes);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) != 8);
    } while (WEXITSTATUS(status) != 7);
    assert_true(at > 30);
    assert_true(holds(place->storage, "log/1", "record", 6));
    free(bytes);
}

/* Every system call fails, once and for ever. */
static void check_failing(struct place *place, int code, bool for_ever)
{
    char *bytes = pattern_bytes();
    unsigned before;
    unsigned at = 0;
    unsigned calls_made;
    int error;

    do {
        at++;
        start_anew(place);
        before = open_descriptors();
        arm(at, code, for_ever);
        error = write_some(place->storage, bytes);
        calls_made = calls.count;
        disarm();
        assert_true(error == 0 || error == -code);
        assert_int_equal(open_descriptors(), before);
        check_whole(place->storage, bytes);
        /* The next try works, unless what failed had been done already. */
        if (error != 0) {
            error = write_some(place->storage, bytes);
            assert_true(error == 0 || error == -EEXIST);
            check_whole(place->storage, bytes);
        }
    } while (at <= calls_made);
    assert_true(at > 30);
    free(bytes);
}

static void test_failing(void **state)
{
    static const int codes[] = {EIO, ENOSPC, EDQUOT};

    for (size_t i = 0; i < COUNT_OF(codes); i++) {
        check_failing(*state, codes[i], false);
        check_failing(*state, codes[i], true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed, place_begin, place_end_calm),
        cmocka_unit_test_setup_teardown(test_failing, place_begin, place_end_calm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
