/* SPDX-License-Identifier: MIT */
/* The storages that tests of the store rely on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"

static int put(struct storage *storage, const char *name, const char *text)
{
    return storage->class->put_exclusive(storage, name, text, strlen(text), NULL);
}

static int write_pieces(struct storage *storage, const char *name, const char *one, const char *two)
{
    struct storage_writer *writer;
    int error = storage->class->create(storage, name, &writer, NULL);

    if (error != 0)
        return error;
    error = storage->class->append(writer, one, strlen(one), NULL);
    if (error == 0)
        error = storage->class->append(writer, two, strlen(two), NULL);
    if (error != 0) {
        storage->class->abort(writer);
        return error;
    }
    return storage->class->commit(writer, NULL);
}

/* All files with their contents. */
static const char *shown(struct storage *storage)
{
    static char text[1024];
    size_t size;

    text[0] = '\0';
    for (size_t i = 0; i < memory_storage_count(storage); i++) {
        const char *name = memory_storage_name(storage, i);
        const uint8_t *bytes = memory_storage_bytes(storage, name, &size);
        size_t used = strlen(text);

        snprintf(text + used, sizeof text - used, "%s=%.*s ", name, (int)size, (const char *)bytes);
    }
    return text;
}

static int count_name(void *context, const char *name, uint64_t size, time_t modified)
{
    (void)name;
    (void)size;
    (void)modified;
    ++*(unsigned *)context;
    return 0;
}

static void test_memory(void **state)
{
    struct storage *storage = memory_storage_new();
    struct storage *copy;
    unsigned count = 0;
    char found[4];

    (void)state;
    assert_int_equal(put(storage, "store", "s"), 0);
    assert_int_equal(put(storage, "store", "t"), -EEXIST);
    assert_int_equal(put(storage, "st\nore", "t"), -EINVAL);
    assert_int_equal(write_pieces(storage, "packs/b/b", "12", "34"), 0);
    assert_int_equal(write_pieces(storage, "packs/b/b", "5", "6"), -EEXIST);
    assert_int_equal(write_pieces(storage, "packs/a/a", "", ""), 0);
    assert_int_equal(put(storage, "packsx", "x"), 0);
    assert_int_equal(storage->class->list(storage, "packs", count_name, &count, NULL), 0);
    assert_int_equal(count, 2);
    assert_int_equal(storage->class->read(storage, "packs/b/b", 1, found, 3, NULL), 0);
    assert_memory_equal(found, "234", 3);
    assert_int_equal(storage->class->read(storage, "packs/b/b", 1, found, 4, NULL), -ENODATA);
    assert_int_equal(storage->class->read(storage, "absent", 0, found, 0, NULL), -ENOENT);
    copy = memory_storage_copy(storage);
    assert_int_equal(storage->class->remove(storage, "packs/b/b", NULL), 0);
    assert_int_equal(storage->class->remove(storage, "packs/b/b", NULL), -ENOENT);
    assert_string_equal(shown(storage), "packs/a/a= packsx=x store=s ");
    assert_string_equal(shown(copy), "packs/a/a= packs/b/b=1234 packsx=x store=s ");
    storage->class->close(storage);
    copy->class->close(copy);
}

static void test_faults(void **state)
{
    struct storage *storage = recording_storage_new(memory_storage_new());
    struct storage *inner = recording_storage_inner(storage);
    struct storage_fault fault = {.operations = STORAGE_ALL, .code = EIO};

    (void)state;
    for (fault.nth = 1; fault.nth <= 4; fault.nth++) { /* create, append, append, commit */
        recording_storage_set_fault(storage, &fault);
        assert_int_equal(write_pieces(storage, "a", "12", "34"), -EIO);
        assert_int_equal(recording_storage_failed(storage), 1);
        assert_int_equal(memory_storage_count(inner), 0);
    }
    recording_storage_set_fault(storage, &fault);
    assert_int_equal(write_pieces(storage, "a", "12", "34"), 0);
    assert_int_equal(recording_storage_counted(storage), 4);
    fault = (struct storage_fault){
        .operations = STORAGE_PUT, .nth = 1, .for_ever = true, .code = ENOSPC};
    recording_storage_set_fault(storage, &fault);
    assert_int_equal(put(storage, "b", "b"), -ENOSPC);
    assert_int_equal(put(storage, "b", "b"), -ENOSPC);
    assert_int_equal(storage->class->remove(storage, "a", NULL), 0);
    fault = (struct storage_fault){
        .operations = STORAGE_PUT, .nth = 1, .code = EIO, .effect = FAULT_ALL_DONE};
    recording_storage_set_fault(storage, &fault);
    assert_int_equal(put(storage, "b", "b"), -EIO);
    assert_int_equal(put(storage, "b", "b"), -EEXIST);
    assert_string_equal(shown(inner), "b=b ");
    storage->class->close(storage);
}

static void check_replay(struct storage *storage, struct replay how, const char *expected,
                         size_t in_flight)
{
    struct storage *into = memory_storage_new();
    struct replayed replayed;

    assert_int_equal(recording_storage_replay(storage, &how, into, &replayed, NULL), 0);
    assert_string_equal(shown(into), expected);
    assert_int_equal(replayed.in_flight, in_flight);
    into->class->close(into);
}

static void test_replay(void **state)
{
    struct storage *storage = recording_storage_new(memory_storage_new());

    (void)state;
    assert_int_equal(write_pieces(storage, "a", "12", "34"), 0);     /* 0 */
    assert_int_equal(write_pieces(storage, "b", "56", "78"), 0);     /* 1 */
    assert_int_equal(storage->class->sync(storage, NULL), 0);        /* 2 */
    assert_int_equal(put(storage, "c", "90"), 0);                    /* 3 */
    assert_int_equal(storage->class->remove(storage, "a", NULL), 0); /* 4 */
    assert_int_equal(write_pieces(storage, "d", "x", "y"), 0);       /* 5 */
    assert_int_equal(recording_storage_count(storage), 6);

    check_replay(storage, (struct replay){.point = 0, .fate = REPLAY_DROPPED}, "", 1);
    check_replay(storage, (struct replay){.point = 0, .fate = REPLAY_KEPT}, "a=1234 ", 1);
    check_replay(storage, (struct replay){.point = 2, .fate = REPLAY_DROPPED}, "", 2);
    check_replay(storage, (struct replay){.point = 2, .fate = REPLAY_KEPT}, "a=1234 b=5678 ", 2);
    check_replay(storage, (struct replay){.point = 2, .fate = REPLAY_CHOSEN, .choice = 2},
                 "b=5678 ", 2);
    check_replay(storage, (struct replay){.point = 2, .fate = REPLAY_TORN, .torn = 1, .cut = 3},
                 "a=1234 b=567 ", 2);
    check_replay(storage, (struct replay){.point = 3, .fate = REPLAY_DROPPED}, "a=1234 b=5678 ", 1);
    check_replay(storage, (struct replay){.point = 3, .fate = REPLAY_KEPT}, "a=1234 b=5678 c=90 ",
                 1);
    check_replay(storage, (struct replay){.point = 6, .fate = REPLAY_DROPPED},
                 "a=1234 b=5678 c=90 ", 2);
    check_replay(storage, (struct replay){.point = 6, .fate = REPLAY_KEPT}, "b=5678 c=90 d=xy ", 2);
    check_replay(storage, (struct replay){.point = 6, .fate = REPLAY_CHOSEN, .choice = 2},
                 "a=1234 b=5678 c=90 d=xy ", 2);
    check_replay(storage, (struct replay){.point = 6, .fate = REPLAY_TORN, .cut = 1},
                 "b=5678 c=90 d=x ", 2);
    storage->class->close(storage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_replay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
