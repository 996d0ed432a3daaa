/* SPDX-License-Identifier: MIT */
/* files/ without a mount: while its disk is waited for, others go on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "fs/files/files_internal.h"
#include "fs/store/prune.h"
#include "tests/unit/file_scene.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/one_file.h"
#include "tests/unit/recording_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define MEMORY_BYTES ((size_t)4 << 20)
#define PATIENCE_SECONDS 60

struct visit {
    struct files *files;
    bool made;
    bool let_in;
};

/* Whether somebody else would be let in now. */
static void visit_files(void *context)
{
    struct visit *visit = context;
    struct timespec end;

    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_SECONDS;
    visit->made = true;
    visit->let_in = pthread_mutex_timedlock(&visit->files->lock, &end) == 0;
    if (visit->let_in)
        pthread_mutex_unlock(&visit->files->lock);
}

static void write_all(struct one_file *file, const char *text)
{
    succeed(files_write(file->files, file->number, 0, text, strlen(text), &failure));
}

/* What was found by then is written into an index after others have changed the store. */
static void nobody_waits_for_an_index(void **state)
{
    const struct prune_options at_once = {.unused = {UNUSED_PERCENT, 0}};
    struct one_file file = one_file_make(recording_storage_new(memory_storage_new()),
                                         (struct files_options){.memory_bytes = MEMORY_BYTES});
    struct visit visit = {.files = file.files};
    struct prune_result result;

    (void)state;
    write_all(&file, "one");
    succeed(files_sync(file.files, &failure));
    write_all(&file, "other");
    succeed(files_sync(file.files, &failure));
    succeed(prune(file.store, &at_once, &result, &failure));
    assert_true(result.garbage.packs > 0);
    write_all(&file, "third");
    recording_storage_interpose(file.storage, STORAGE_SYNC, visit_files, &visit);
    succeed(files_sync(file.files, &failure));
    assert_true(visit.made);
    assert_true(visit.let_in);
    one_file_close(&file);
}

#define MANY 3000 /* names: more than are kept in memory */

/* Nor while what there is of the tree goes to the store, because it is too much. */
static void nobody_waits_for_nodes(void **state)
{
    struct one_file file = one_file_make(recording_storage_new(memory_storage_new()),
                                         (struct files_options){.memory_bytes = FILE_SCENE_MEMORY});
    struct visit visit = {.files = file.files};

    (void)state;
    recording_storage_interpose(file.storage, STORAGE_COMMIT, visit_files, &visit);
    for (unsigned i = 0; i < MANY; i++) {
        uint64_t number;
        char name[16];

        snprintf(name, sizeof name, "f%u", i);
        succeed(file_make(file.files, name, &number, &failure));
    }
    assert_true(visit.made);
    assert_true(visit.let_in);
    succeed(files_sync(file.files, &failure));
    assert_int_equal(file_scene_check(file.store, 0), 0);
    one_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_waits_for_an_index),
        cmocka_unit_test(nobody_waits_for_nodes),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
