/* SPDX-License-Identifier: MIT */
/* files/ without a mount: trees that make no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/catalogue.h"
#include "fs/files/verify.h"
#include "fs/store/log.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"
#include "tests/unit/text_scene.h"

struct said {
    char text[512];
};

/* A check_report. */
static void note(void *context, const struct check_finding *finding)
{
    struct said *said = context;

    assert_true(finding->place->files);
    snprintf(said->text + strlen(said->text), sizeof said->text - strlen(said->text), "%llu: %s\n",
             (unsigned long long)finding->place->inode, finding->text);
}

/* The newest tree without one item, or with another value for it. */
static void damage(struct text_scene *scene, const struct file_key *key, const void *value,
                   size_t size)
{
    struct files_claim claim = {
        .stands = true, .writer = {1}, .host = (char[]){"h"}, .process = (char[]){"1 1 x"}};
    struct log_state state = {.sequence = 0};
    struct object_reference top;
    struct catalogue_cache cache;
    struct object_batch *batch;
    struct object_writer *writer;
    struct catalogue tree;
    const char *const *packs;
    uint64_t bytes;
    size_t count;

    catalogue_cache_init(&cache, scene->reader, 100);
    succeed(log_read(scene->store, &state, &failure));
    succeed(catalogue_open(&tree, &cache, &state.files));
    succeed(catalogue_reserve(&cache, 4));
    succeed(value != NULL ? catalogue_put(&tree, key, value, size, &failure)
                          : catalogue_remove(&tree, key, &failure));
    succeed(object_batch_create(scene->store, scene->reader, &batch, &failure));
    succeed(object_writer_create(batch, &writer, &failure));
    succeed(catalogue_merge(&tree, 100, &failure));
    succeed(catalogue_write(&tree, writer, &top, &failure));
    succeed(object_writer_finish(writer));
    object_writer_free(writer);
    succeed(object_batch_finish(batch, &packs, &count, &bytes, &failure));
    succeed(log_claim(scene->store, &state, &claim, &failure));
    succeed(log_files(scene->store, &state, claim.writer, &top, packs, count, &failure));
    succeed(log_release(scene->store, &state, claim.writer, &failure));
    object_batch_free(batch);
    catalogue_close(&tree);
    catalogue_cache_release(&cache);
    log_state_release(&state);
}

static void expect_finding(const struct file_key *key, const void *value, size_t size,
                           const char *text)
{
    struct said said = {""};
    struct text_scene scene;
    uint64_t found;

    text_scene_begin(&scene);
    (void)text_scene_make(&scene, "a"); /* inode 2 */
    succeed(files_write(scene.files, FILES_TOP + 1, 0, "content", 7, &failure));
    files_free(scene.files);
    scene.files = NULL;
    succeed(files_verify(scene.store, note, &said, &found, &failure));
    assert_int_equal(found, 0);
    damage(&scene, key, value, size);
    succeed(files_verify(scene.store, note, &said, &found, &failure));
    if (found == 0 || strstr(said.text, text) == NULL)
        fail_msg("not \"%s\": %s", text, said.text);
    object_reader_free(scene.reader);
    store_close(scene.store);
}

static void trees_that_make_no_sense_are_found(void **context)
{
    static const uint8_t nowhere[10] = {[0] = 99, [8] = 8, [9] = 'x'};
    static const uint8_t other_kind[10] = {[0] = 2, [8] = 4, [9] = 'x'};
    static const uint8_t early_root[24] = {[0] = 2};

    (void)context;
    expect_finding(&(struct file_key){.inode = 1, .kind = FILE_ENTRY, .number = 500}, nowhere,
                   sizeof nowhere, "1: a name in this directory has no file");
    expect_finding(&(struct file_key){.inode = 1, .kind = FILE_ENTRY, .number = 500}, other_kind,
                   sizeof other_kind, "another number of names");
    expect_finding(&(struct file_key){.inode = 1, .kind = FILE_ENTRY, .number = 500}, other_kind,
                   sizeof other_kind, "2: a file is of another kind than its name says");
    expect_finding(&(struct file_key){.inode = 2, .kind = FILE_EXTENT}, NULL, 0,
                   "2: a file has another length of content");
    expect_finding(&(struct file_key){.inode = 2, .kind = FILE_ATTRIBUTES}, NULL, 0,
                   "something is there of a file that is not there");
    expect_finding(&(struct file_key){.kind = FILE_ROOT}, early_root, sizeof early_root,
                   "a number that was not given yet");
    expect_finding(&(struct file_key){.kind = FILE_ORPHAN, .number = 2}, "", 0,
                   "one without a name, and is none");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(trees_that_make_no_sense_are_found),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
