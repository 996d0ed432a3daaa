/* SPDX-License-Identifier: MIT */
/* The N-th operation of a store's storage fails: sabotage.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "tests/fault/file_sabotage.h"
#include "tests/fault/sabotage.h"
#include "tests/unit/cheap_pwhash.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"

#define ROWS 100

static struct scene *scene;

static struct storage *open_recording(void)
{
    struct storage *recording = recording_storage_new(memory_storage_new());

    must(recording != NULL);
    return recording;
}

static void fill(struct storage *faulty, struct storage *content)
{
    memory_storage_assign(recording_storage_inner(faulty), content);
    recording_storage_forget(faulty);
}

static void close_recording(struct storage *faulty)
{
    faulty->class->close(faulty);
}

static void arm(struct storage *faulty, const struct sabotage_mode *mode, uint64_t nth)
{
    const struct storage_fault fault = {
        .nth = nth,
        .operations = STORAGE_ALL,
        .code = mode->code,
        .for_ever = mode->for_ever,
        .effect = (enum fault_effect)mode->way,
    };

    recording_storage_set_fault(faulty, &fault);
}

static void disarm(struct storage *faulty, uint64_t *ret_counted, uint64_t *ret_failed)
{
    *ret_counted = recording_storage_counted(faulty);
    *ret_failed = recording_storage_failed(faulty);
    recording_storage_set_fault(faulty, NULL);
}

static const struct sabotage_mode modes[] = {
    {"EIO once", EIO, false, FAULT_NOTHING_DONE},
    {"EIO for ever", EIO, true, FAULT_NOTHING_DONE},
    {"ENOSPC once", ENOSPC, false, FAULT_NOTHING_DONE},
    {"EDQUOT for ever", EDQUOT, true, FAULT_NOTHING_DONE},
    {"EINTR once", EINTR, false, FAULT_NOTHING_DONE},
    {"EIO half-way", EIO, false, FAULT_PARTLY_DONE},
    {"ENOSPC half-way, for ever", ENOSPC, true, FAULT_PARTLY_DONE},
    {"EIO when all is done", EIO, false, FAULT_ALL_DONE},
};

static const struct saboteur saboteur = {
    .name = "operations of the storage",
    .modes = modes,
    .mode_count = sizeof modes / sizeof *modes,
    .open = open_recording,
    .fill = fill,
    .close = close_recording,
    .arm = arm,
    .disarm = disarm,
};

static void test_storage_faults(void **context)
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
        cmocka_unit_test(test_storage_faults),
    };
    int failed;

    scene = scene_create(ROWS);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    scene_free(scene);
    return failed;
}
