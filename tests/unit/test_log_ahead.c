/* SPDX-License-Identifier: MIT */
/* That reading the log ahead looks at and reads just the files which reading it then does. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/store/log_ahead.h"
#include "fs/store/log_internal.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/store_samples.h"

#define NAMES_MOST 200

struct names {
    char names[NAMES_MOST][LOG_NAME_SIZE];
    size_t count;
};

/* A storage around another that notes which files are asked for, and which read to their end. */
struct noting {
    struct storage base;
    struct storage *inner;
    struct names sized;
    struct names read;
    bool *enough; /* NULL: nothing; set when a file has been read */
    int error;    /* of every list, if not 0 */
};

static bool is_noted(const struct names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0)
            return true;
    }
    return false;
}

static void note(struct names *names, const char *name)
{
    if (is_noted(names, name))
        return;
    assert_true(names->count < NAMES_MOST && strlen(name) < LOG_NAME_SIZE);
    memcpy(names->names[names->count++], name, strlen(name) + 1);
}

static void assert_same_names(const struct names *left, const struct names *right)
{
    assert_int_equal(left->count, right->count);
    for (size_t i = 0; i < left->count; i++)
        assert_true(is_noted(right, left->names[i]));
}

static struct noting *noting_of(struct storage *storage)
{
    return (struct noting *)storage;
}

static int noting_read(struct storage *storage, const char *name, uint64_t offset, void *bytes,
                       size_t size, struct failure *failure)
{
    struct noting *noting = noting_of(storage);
    uint64_t whole = 0;
    int error = noting->inner->class->size(noting->inner, name, &whole, NULL);

    if (error == 0 && offset + size == whole) {
        note(&noting->read, name);
        if (noting->enough != NULL)
            *noting->enough = true;
    }
    return noting->inner->class->read(noting->inner, name, offset, bytes, size, failure);
}

static int noting_size(struct storage *storage, const char *name, uint64_t *ret_size,
                       struct failure *failure)
{
    struct noting *noting = noting_of(storage);

    note(&noting->sized, name);
    return noting->inner->class->size(noting->inner, name, ret_size, failure);
}

static int noting_list(struct storage *storage, const char *folder, storage_visit *visit,
                       void *context, struct failure *failure)
{
    struct noting *noting = noting_of(storage);

    return noting->error != 0
               ? noting->error
               : noting->inner->class->list(noting->inner, folder, visit, context, failure);
}

static void noting_close(struct storage *storage)
{
    (void)storage;
}

static const struct storage_class noting_class = {
    .read = noting_read, .size = noting_size, .list = noting_list, .close = noting_close};

/* A store whose log has so many records. */
static struct store *store_of(unsigned records)
{
    struct store *store = sample_store();
    struct log_state state = {.sequence = 0};
    struct failure failure = {0};

    assert_int_equal(log_read(store, &state, &failure), 0);
    while (state.sequence < records) {
        char name[32];

        snprintf(name, sizeof name, "s%u", (unsigned)state.sequence);

        struct snapshot snapshot = sample_snapshot(name, state.sequence);

        assert_int_equal(log_take(store, &state, &snapshot, NULL, 0, &failure), 0);
        sample_snapshot_release(&snapshot);
    }
    log_state_release(&state);
    return store;
}

/* What log_read() reads, of a store that a client opens which has seen nothing yet. */
static void note_log_read(struct noting *noting)
{
    struct store *store = sample_store_open(&noting->base);
    struct log_state state = {.sequence = 0};
    struct failure failure = {0};

    sample_state_forget();
    noting->sized.count = noting->read.count = 0;
    assert_int_equal(log_read(store, &state, &failure), 0);
    log_state_release(&state);
    store_close(store);
}

static void check_same_files(unsigned records, size_t files)
{
    const bool enough = false;
    struct store *store = store_of(records);
    struct noting ahead = {.base.class = &noting_class, .inner = store_storage(store)};
    struct noting read = ahead;

    log_read_ahead(&ahead.base, &enough);
    note_log_read(&read);
    assert_int_equal(ahead.read.count, files);
    assert_same_names(&ahead.read, &read.read);
    assert_same_names(&ahead.sized, &read.sized);
    store_close(store);
}

static void test_same_files(void **context)
{
    (void)context;
    check_same_files(5, 5);
    /* The checkpoint, the record that it stands for, and those after it. */
    check_same_files(CHECKPOINT_EVERY + 7, 1 + 1 + 7);
}

static void test_enough(void **context)
{
    bool enough = false;
    struct store *store = store_of(5);
    struct noting noting = {
        .base.class = &noting_class, .inner = store_storage(store), .enough = &enough};

    (void)context;
    log_read_ahead(&noting.base, &enough);
    assert_int_equal(noting.read.count, 1);
    log_read_ahead(&noting.base, &enough);
    assert_int_equal(noting.read.count, 1);
    store_close(store);
}

static void test_no_list(void **context)
{
    const bool enough = false;
    struct store *store = store_of(5);
    struct noting noting = {
        .base.class = &noting_class, .inner = store_storage(store), .error = -EIO};

    (void)context;
    log_read_ahead(&noting.base, &enough);
    assert_int_equal(noting.read.count, 0);
    store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_files),
        cmocka_unit_test(test_enough),
        cmocka_unit_test(test_no_list),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
