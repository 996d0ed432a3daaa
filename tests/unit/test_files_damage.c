/* SPDX-License-Identifier: MIT */
/*
 * files/ of which one part cannot be read: where the content of the middle of one file stands. What
 * is written there is refused; what was accepted before is held back, and all else goes on.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <string.h>

#include "fs/files/files_internal.h"
#include "tests/unit/file_scene.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/one_file.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define MEMORY_BYTES ((size_t)4 << 20)
#define PARTS 1000                             /* extents: some nodes full */
#define APART ((uint64_t)5 * FILES_PAGE_BYTES) /* so each is one of its own */
#define MIDDLE (PARTS / 2 * APART)

struct damage {
    struct one_file file;
    char pack[200]; /* that has the node, and is needed for nothing else */
};

/* A files_options.report: counts. */
static void count_report(void *context, const struct failure *said)
{
    assert_int_equal(said->code, EIO);
    ++*(unsigned *)context;
}

static void write_byte(struct one_file *file, uint64_t offset, char byte)
{
    succeed(files_write(file->files, file->number, offset, &byte, 1, &failure));
}

static bool is_pack_of(struct storage *storage, const char *name)
{
    size_t size;

    return memory_storage_bytes(storage, name, &size) != NULL;
}

/* The pack that SYNC puts is the one that was not there. */
static void sync_and_find_pack(struct damage *damage)
{
    struct storage *before = memory_storage_copy(damage->file.storage);

    succeed(files_sync(damage->file.files, &failure));
    for (size_t i = 0; i < memory_storage_count(damage->file.storage); i++) {
        const char *name = memory_storage_name(damage->file.storage, i);

        if (strncmp(name, "packs/", 6) == 0 && !is_pack_of(before, name))
            snprintf(damage->pack, sizeof damage->pack, "%s", name);
    }
    before->class->close(before);
    assert_true(damage->pack[0] != '\0');
}

static void restart(struct one_file *file)
{
    files_free(file->files);
    file->files = NULL;
    one_file_find(file, memory_storage_copy(file->storage));
}

/* As the next mount finds it, REPORTS being what it reports. */
static void begin(struct damage *damage, unsigned *reports)
{
    struct stat stat = {.st_mode = S_IFREG | 0600};
    struct one_file *file = &damage->file;

    *damage =
        (struct damage){.file = one_file_make(memory_storage_new(),
                                              (struct files_options){.memory_bytes = MEMORY_BYTES,
                                                                     .report = count_report,
                                                                     .report_context = reports})};
    for (uint64_t i = 0; i < PARTS; i++)
        write_byte(file, i * APART, 'a');
    succeed(files_sync(file->files, &failure));
    write_byte(file, MIDDLE, 'b');
    sync_and_find_pack(damage);
    /* All nodes above it are written again, and the file's first. */
    succeed(files_set(file->files, file->number, FILES_SET_MODE, &stat, &stat, &failure));
    succeed(files_sync(file->files, &failure));
    restart(file);
}

static void harm(struct damage *damage)
{
    struct storage *storage = damage->file.storage;

    succeed(storage->class->remove(storage, damage->pack, &failure));
}

/* Others are made, written and stored. */
static void others_go_on(struct one_file *file, const char *name)
{
    uint64_t number;

    succeed(file_make(file->files, name, &number, &failure));
    succeed(files_write(file->files, number, 0, "other", 5, &failure));
    succeed(files_sync_file(file->files, number, &failure));
}

static void test_what_has_no_place_is_not_accepted(void **state)
{
    struct damage damage;
    unsigned reports = 0;
    struct stat stat = {.st_size = 1};
    const char page[FILES_PAGE_BYTES] = {'c'}; /* of which nothing needs to be read before */

    (void)state;
    begin(&damage, &reports);
    harm(&damage);

    struct one_file *file = &damage.file;
    const struct files_copied copied = {
        .number = file->number, .to_number = file->number, .to_offset = MIDDLE, .size = 1};

    write_byte(file, 0, 'c');
    assert_int_equal(files_write(file->files, file->number, MIDDLE, page, sizeof page, &failure),
                     -EIO);
    assert_int_equal(files_copy(file->files, &copied, &failure), -EIO);
    assert_int_equal(files_allocate(file->files, file->number,
                                    FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, MIDDLE, 1,
                                    &failure),
                     -EIO);
    assert_int_equal(files_set(file->files, file->number, FILES_SET_SIZE, &stat, &stat, &failure),
                     -EIO);
    write_byte(file, (PARTS - 1) * APART, 'c');
    others_go_on(file, "b");
    succeed(files_sync_file(file->files, file->number, &failure));
    assert_int_equal(reports, 0);
    one_file_close(file);
}

/* Nothing that was read of the tree stays in memory. */
static void forget_nodes(struct files *files)
{
    pthread_mutex_lock(&files->lock);
    files->nodes.clean_most = 0;
    catalogue_trim(&files->nodes);
    pthread_mutex_unlock(&files->lock);
}

/* Accepted, and then there is no place for it: FILE's alone. */
static void test_what_has_no_place_any_more_is_held_back(void **state)
{
    struct damage damage;
    unsigned reports = 0;
    char found = 0;

    (void)state;
    begin(&damage, &reports);

    struct one_file *file = &damage.file;

    write_byte(file, MIDDLE, 'c');
    forget_nodes(file->files);
    harm(&damage);
    assert_int_equal(files_sync(file->files, &failure), -EIO);
    assert_non_null(strstr(failure.text, "inode"));
    assert_int_equal(reports, 1);
    others_go_on(file, "b");
    assert_int_equal(files_sync_file(file->files, file->number, &failure), -EIO);
    others_go_on(file, "c");
    assert_int_equal(reports, 1);
    assert_int_equal(files_read(file->files, file->number, MIDDLE, &found, 1, &failure), 1);
    assert_int_equal(found, 'c');
    assert_int_equal(files_stop(file->files, &failure), -EIO);
    restart(file);

    uint64_t number;
    struct stat stat;

    succeed(files_lookup(file->files, FILES_TOP, "c", &number, &stat, &failure));
    succeed(files_unlink(file->files, FILES_TOP, "a", &failure));
    succeed(files_sync(file->files, &failure));
    one_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_has_no_place_is_not_accepted),
        cmocka_unit_test(test_what_has_no_place_any_more_is_held_back),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
