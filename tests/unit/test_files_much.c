/* SPDX-License-Identifier: MIT */
/* files/ without a mount, and much of what there usually is little of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdlib.h>

#include "fs/files/files_internal.h"
#include "fs/store/prune.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/one_file.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define MEMORY_BYTES ((size_t)4 << 20)
#define PART_BYTES 5000
#define APART 20000 /* so each is a piece of its own */

static void cut_all(struct one_file *file)
{
    struct stat stat = {.st_size = 0};

    succeed(files_set(file->files, file->number, FILES_SET_SIZE, &stat, &stat, &failure));
}

#define MANY_PACKS 120 /* of one record each there would be too many */

static ssize_t copy_parts(struct one_file *file, uint64_t view)
{
    const struct files_copied wanted = {
        .number = (view & ~UINT64_C(0xffff)) | (file->number & 0xffff),
        .to_number = file->number,
        .size = MANY_PACKS * (uint64_t)APART,
    };

    return files_copy(file->files, &wanted, &failure);
}

/* They are taken back into use at once, however many others have marked. */
static void marked_packs_are_kept_however_many(void **state)
{
    const struct prune_options options = {.grace_ns = PRUNE_GRACE_NS};
    struct one_file file =
        one_file_make(memory_storage_new(), (struct files_options){.memory_bytes = MEMORY_BYTES});
    struct prune_result result;
    struct log_state log = {0};
    uint8_t bytes[PART_BYTES];
    uint64_t view;

    (void)state;
    for (unsigned part = 0; part < MANY_PACKS; part++) {
        randombytes_buf(bytes, sizeof bytes);
        succeed(files_write(file.files, file.number, (uint64_t)part * APART, bytes, sizeof bytes,
                            &failure));
        succeed(files_sync(file.files, &failure));
    }
    succeed(files_log(file.files, &log));
    succeed(files_view_open(file.files, &log.files, &view));
    cut_all(&file);
    succeed(files_sync(file.files, &failure));
    assert_in_range(copy_parts(&file, view), (MANY_PACKS - 1) * APART, MANY_PACKS * APART);
    succeed(prune(file.store, &options, &result, &failure));
    assert_in_range(result.garbage.packs, MANY_PACKS, 2 * MANY_PACKS);
    succeed(files_sync(file.files, &failure));
    files_view_close(file.files, view);
    log_state_release(&log);
    one_file_find(&file, memory_storage_copy(file.storage));
    assert_int_equal(files_read(file.files, file.number, (uint64_t)(MANY_PACKS - 1) * APART,
                                (uint8_t[PART_BYTES]){0}, PART_BYTES, &failure),
                     PART_BYTES);
    one_file_close(&file);
}

#define LITTLE_MEMORY ((size_t)1 << 20)
#define PIECES 6000

static size_t memory_of_pasts(struct one_file *file)
{
    size_t bytes = 0;

    for (const struct held_file *held = file->files->held; held != NULL; held = held->hh.next)
        bytes += held->past.room * sizeof *held->past.pieces;
    return bytes;
}

/* However many pieces it consisted of. */
static void an_earlier_version_takes_a_part_of_the_memory(void **state)
{
    struct one_file file =
        one_file_make(memory_storage_new(), (struct files_options){.memory_bytes = LITTLE_MEMORY});

    (void)state;
    for (unsigned i = 0; i < PIECES; i++)
        succeed(files_write(file.files, file.number, (uint64_t)i * APART, (char[]){(char)(i % 251)},
                            1, &failure));
    succeed(files_sync(file.files, &failure));
    cut_all(&file);
    assert_in_range(memory_of_pasts(&file), 1, LITTLE_MEMORY / 4);
    one_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marked_packs_are_kept_however_many),
        cmocka_unit_test(an_earlier_version_takes_a_part_of_the_memory),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
