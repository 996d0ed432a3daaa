/* SPDX-License-Identifier: MIT */
/*
 * files/ without a mount: what new versions and copies take, several threads at once, and trees
 * that make no sense.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/little_endian.h"
#include "fs/base/memory.h"
#include "fs/files/catalogue.h"
#include "fs/files/files.h"
#include "fs/files/verify.h"
#include "fs/store/log.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/store_samples.h"
#include "tests/unit/succeed.h"

#define MEMORY_BYTES ((size_t)4 << 20)
#define LINES 20000
#define LINE_BYTES 100
#define TEXT_BYTES ((size_t)LINES * LINE_BYTES)
#define WRITE_BYTES ((size_t)128 << 10)

struct scene {
    struct storage *storage;
    struct store *store;
    struct object_reader *reader;
    struct files *files;
};

static void open_files(struct scene *scene)
{
    const struct files_options options = {
        .store = scene->store, .reader = scene->reader, .memory_bytes = MEMORY_BYTES};

    succeed(files_create(&options, &scene->files, &failure));
}

static void begin(struct scene *scene)
{
    scene->storage = memory_storage_new();
    sample_store_make(scene->storage);
    sample_state_forget();
    scene->store = sample_store_open(scene->storage);
    succeed(object_reader_create(scene->store, MEMORY_BYTES, &scene->reader, &failure));
    open_files(scene);
}

/* As after an unmount and another mount. */
static void again(struct scene *scene)
{
    files_free(scene->files);
    open_files(scene);
}

static void end(struct scene *scene)
{
    files_free(scene->files);
    object_reader_free(scene->reader);
    store_close(scene->store);
}

static uint64_t make(struct scene *scene, const char *name)
{
    struct files_new wanted = {
        .directory = FILES_TOP, .name = name, .mode = S_IFREG | 0644, .open = true};
    struct stat stat;
    uint64_t number;

    succeed(files_make(scene->files, &wanted, &number, &stat, &failure));
    return number;
}

static void write_all(struct scene *scene, uint64_t number, const uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; at += WRITE_BYTES) {
        size_t part = size - at < WRITE_BYTES ? size - at : WRITE_BYTES;

        succeed(files_write(scene->files, number, at, bytes + at, part, &failure));
    }
}

static void expect(struct scene *scene, uint64_t number, const uint8_t *bytes, size_t size)
{
    cleanup_free uint8_t *found = malloc(size + 1);
    ssize_t length = files_read(scene->files, number, 0, found, size + 1, &failure);

    assert_int_equal(length, size);
    assert_memory_equal(found, bytes, size);
}

static uint64_t scramble(uint64_t number)
{
    number *= UINT64_C(0x9e3779b97f4a7c15);
    number = (number ^ number >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return number ^ number >> 32;
}

/* Lines that do not compress well; every hundredth differs from one VERSION to the next. */
static uint8_t *text(unsigned version)
{
    uint8_t *bytes = malloc(TEXT_BYTES + LINE_BYTES);

    assert_non_null(bytes);
    for (size_t i = 0; i < LINES; i++) {
        uint64_t seed = i % 100 == version % 100 ? i + version * UINT64_C(1000003) : i;
        char line[LINE_BYTES + 1];

        snprintf(line, sizeof line, "%06zu %016llx %016llx %016llx %016llx %016llx 12345\n", i,
                 (unsigned long long)scramble(seed), (unsigned long long)scramble(seed + 7000000),
                 (unsigned long long)scramble(seed + 8000000),
                 (unsigned long long)scramble(seed + 9000000),
                 (unsigned long long)scramble(seed + 6000000));
        memset(bytes + i * LINE_BYTES, ' ', LINE_BYTES);
        memcpy(bytes + i * LINE_BYTES, line, strlen(line));
    }
    return bytes;
}

static uint64_t stored(const struct scene *scene)
{
    uint64_t bytes = 0;

    for (size_t i = 0; i < memory_storage_count(scene->storage); i++) {
        const char *name = memory_storage_name(scene->storage, i);
        size_t size;

        (void)memory_storage_bytes(scene->storage, name, &size);
        if (strncmp(name, "packs/", 6) == 0)
            bytes += size;
    }
    return bytes;
}

/* One in a hundred lines is another: over the old version, beside it, in place, after a remount. */
static void a_new_version_takes_what_differs(void **context)
{
    struct scene scene;
    struct stat stat;

    (void)context;
    begin(&scene);

    cleanup_free uint8_t *versions[5];

    for (unsigned i = 0; i < 5; i++)
        versions[i] = text(i);

    uint64_t number = make(&scene, "dump-monday.csv");

    write_all(&scene, number, versions[0], TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));

    uint64_t first = stored(&scene);

    assert_true(first > TEXT_BYTES / 3);
    for (unsigned i = 1; i < 5; i++) {
        uint64_t before = stored(&scene);

        if (i == 2)
            number = make(&scene, "dump-tuesday.csv");
        if (i == 4) {
            again(&scene);
            succeed(files_open(scene.files, number, false, &failure));
        }
        if (i == 1 || i == 4)
            succeed(files_set(scene.files, number, FILES_SET_SIZE, &(struct stat){.st_size = 0},
                              &stat, &failure));
        write_all(&scene, number, versions[i], TEXT_BYTES);
        succeed(files_sync(scene.files, &failure));
        expect(&scene, number, versions[i], TEXT_BYTES);
        /* Mostly a tenth of that; a commit in between may store the first pieces of a new file
         * whole. */
        if (stored(&scene) - before > first / 3)
            fail_msg("version %u took %llu bytes, the first %llu", i,
                     (unsigned long long)(stored(&scene) - before), (unsigned long long)first);
    }
    again(&scene);
    expect(&scene, number, versions[4], TEXT_BYTES);
    for (unsigned i = 1; i < 5; i++)
        free(versions[i]);
    end(&scene);
}

/* A commit may come after every little that is written. */
static void a_new_version_that_comes_slowly_takes_what_differs(void **context)
{
    struct scene scene;

    (void)context;
    begin(&scene);

    cleanup_free uint8_t *old = text(0);
    cleanup_free uint8_t *new = text(1);
    uint64_t number = make(&scene, "dump-monday.csv");

    write_all(&scene, number, old, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));

    uint64_t first = stored(&scene);

    number = make(&scene, "dump-tuesday.csv");
    for (size_t at = 0; at < TEXT_BYTES; at += WRITE_BYTES) {
        size_t part = TEXT_BYTES - at < WRITE_BYTES ? TEXT_BYTES - at : WRITE_BYTES;

        succeed(files_write(scene.files, number, at, new + at, part, &failure));
        succeed(files_sync(scene.files, &failure));
    }
    expect(&scene, number, new, TEXT_BYTES);
    /* Pieces that end where a commit was are often like two of the old ones. */
    if (stored(&scene) - first > first / 3 * 2)
        fail_msg("it took %llu bytes, the first %llu", (unsigned long long)(stored(&scene) - first),
                 (unsigned long long)first);
    end(&scene);
}

/* ---- Ways to put a new version in an old one's place ---- */

#define VERSION_BYTES ((size_t)1500 << 10)

static uint64_t put_file(struct scene *scene, const char *name, const uint8_t *bytes)
{
    uint64_t number = make(scene, name);

    write_all(scene, number, bytes, VERSION_BYTES);
    files_close(scene->files, number);
    return number;
}

static void move_file(struct scene *scene, const char *from, const char *to)
{
    succeed(files_rename(scene->files, FILES_TOP, from, FILES_TOP, to, 0, &failure));
}

static void remove_first(struct scene *scene, const uint8_t *bytes)
{
    succeed(files_unlink(scene->files, FILES_TOP, "crm.csv", &failure));
    (void)put_file(scene, "crm.csv", bytes);
}

static void move_over(struct scene *scene, const uint8_t *bytes)
{
    (void)put_file(scene, "sedAb3xy", bytes);
    move_file(scene, "sedAb3xy", "crm.csv");
}

static void sync_and_move_over(struct scene *scene, const uint8_t *bytes)
{
    (void)put_file(scene, "sedAb3xy", bytes);
    succeed(files_sync(scene->files, &failure));
    move_file(scene, "sedAb3xy", "crm.csv");
}

static void put_beside(struct scene *scene, const uint8_t *bytes)
{
    (void)put_file(scene, "2", bytes);
}

static void put_beside_after_remount(struct scene *scene, const uint8_t *bytes)
{
    again(scene);
    (void)put_file(scene, "2", bytes);
}

static void remove_and_put_elsewhere(struct scene *scene, const uint8_t *bytes)
{
    succeed(files_unlink(scene->files, FILES_TOP, "crm.csv", &failure));
    (void)put_file(scene, "2", bytes);
}

/* What is like it in its name alone is there as well. */
static void put_beside_misleading_names(struct scene *scene, const uint8_t *bytes)
{
    uint8_t *other = malloc(VERSION_BYTES);

    for (size_t i = 0; i < VERSION_BYTES; i++)
        other[i] = (uint8_t)scramble(i);
    (void)put_file(scene, "backup-1.csv", other);
    succeed(files_sync(scene->files, &failure));
    (void)put_file(scene, "backup-2.csv", bytes);
    free(other);
}

/* A dump whose beginning has grown by some lines. */
static void put_longer(struct scene *scene, const uint8_t *bytes)
{
    uint64_t number = make(scene, "2");

    write_all(scene, number, bytes + VERSION_BYTES, 20 * LINE_BYTES);
    for (size_t at = 0; at < VERSION_BYTES; at += VERSION_BYTES / 10)
        succeed(files_write(scene->files, number, 20 * LINE_BYTES + at, bytes + at,
                            VERSION_BYTES / 10, &failure));
    files_close(scene->files, number);
}

static void a_new_version_takes_what_differs_however_it_comes(void **context)
{
    static const struct {
        const char *name;
        void (*put)(struct scene *, const uint8_t *);
        uint64_t besides; /* what else it writes */
    } ways[] = {
        {"removed first", remove_first, 0},
        {"moved over", move_over, 0},
        {"stored, and moved over", sync_and_move_over, 0},
        {"beside", put_beside, 0},
        {"beside, after a remount", put_beside_after_remount, 0},
        {"in place of a removed one", remove_and_put_elsewhere, 0},
        {"beside misleading names", put_beside_misleading_names, VERSION_BYTES},
        {"longer", put_longer, 0},
    };
    cleanup_free uint8_t *old = text(0);
    cleanup_free uint8_t *new = text(1);

    (void)context;
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        struct scene scene;

        begin(&scene);
        (void)put_file(&scene, "crm.csv", old);
        succeed(files_sync(scene.files, &failure));

        uint64_t first = stored(&scene);

        ways[i].put(&scene, new);
        succeed(files_sync(scene.files, &failure));

        uint64_t taken = stored(&scene) - first;

        if (taken > first / 3 + ways[i].besides / 16 * 17)
            fail_msg("%s: it took %llu bytes, the first %llu", ways[i].name,
                     (unsigned long long)taken, (unsigned long long)first);
        end(&scene);
    }
}

static void a_copy_takes_nothing(void **context)
{
    struct scene scene;

    (void)context;
    begin(&scene);

    cleanup_free uint8_t *bytes = text(0);
    uint64_t from = make(&scene, "a");
    uint64_t to = make(&scene, "b");

    write_all(&scene, from, bytes, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));

    uint64_t before = stored(&scene);
    struct files_copied wanted = {.number = from, .to_number = to, .size = UINT32_MAX};

    assert_int_equal(files_copy(scene.files, &wanted, &failure), TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));
    expect(&scene, to, bytes, TEXT_BYTES);
    assert_true(stored(&scene) - before < 100000);

    /* From the middle of a piece, to a place that nothing ends at. */
    wanted = (struct files_copied){
        .number = from, .offset = 12345, .to_number = to, .to_offset = 77777, .size = 500001};
    assert_int_equal(files_copy(scene.files, &wanted, &failure), 500001);

    cleanup_free uint8_t *changed = malloc(TEXT_BYTES);

    memcpy(changed, bytes, TEXT_BYTES);
    memcpy(changed + 77777, bytes + 12345, 500001);
    expect(&scene, to, changed, TEXT_BYTES);
    expect(&scene, from, bytes, TEXT_BYTES);

    /* What waits and is not stored yet, what is stored, and nothing behind the end. */
    succeed(files_write(scene.files, from, 1000, "waits", 5, &failure));
    wanted = (struct files_copied){
        .number = from, .offset = 900, .to_number = to, .to_offset = 0, .size = 300};
    assert_int_equal(files_copy(scene.files, &wanted, &failure), 300);
    memcpy(changed, bytes + 900, 300);
    memcpy(changed + 100, "waits", 5);
    expect(&scene, to, changed, TEXT_BYTES);
    wanted.offset = TEXT_BYTES;
    assert_int_equal(files_copy(scene.files, &wanted, &failure), 0);
    end(&scene);
}

/* Of a new version, most of which stands as what differs from the first, in a commit before. */
static void content_that_is_there_as_differences_is_not_stored_again(void **context)
{
    struct scene scene;
    struct stat stat;

    (void)context;
    begin(&scene);

    cleanup_free uint8_t *first = text(0);
    cleanup_free uint8_t *second = text(1);
    uint64_t number = make(&scene, "crm.sql");

    write_all(&scene, number, first, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));
    succeed(files_set(scene.files, number, FILES_SET_SIZE, &(struct stat){.st_size = 0}, &stat,
                      &failure));
    write_all(&scene, number, second, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));

    uint64_t before = stored(&scene);

    number = make(&scene, "export"); /* a name that has nothing in common with the other */
    write_all(&scene, number, second, TEXT_BYTES);
    succeed(files_sync(scene.files, &failure));
    assert_true(stored(&scene) - before < 100000);
    expect(&scene, number, second, TEXT_BYTES);
    again(&scene);
    expect(&scene, number, second, TEXT_BYTES);
    end(&scene);
}

/* ---- Names ---- */

#define ALIKE 2000
#define ALIKE_SECONDS 2

/* Whatever names are like, all else in files/ waits no longer for a version to be found. */
static void names_that_are_much_alike_are_compared_soon(void **context)
{
    char name[NAME_MAX + 1];
    struct scene scene;
    uint8_t *bytes = text(1);
    clock_t begun;

    (void)context;
    begin(&scene);
    for (unsigned i = 0; i <= ALIKE; i++) {
        struct stat stat = {.st_size = (off_t)TEXT_BYTES};
        uint64_t number;

        memset(name, 'a', NAME_MAX);
        snprintf(name + NAME_MAX - 5, 6, "%05u", i);
        number = make(&scene, name);
        if (i < ALIKE) {
            succeed(files_set(scene.files, number, FILES_SET_SIZE, &stat, &stat, &failure));
            files_close(scene.files, number);
            continue;
        }
        begun = clock();
        write_all(&scene, number, bytes, TEXT_BYTES);
        succeed(files_sync(scene.files, &failure));
        assert_in_range((clock() - begun) / CLOCKS_PER_SEC, 0, ALIKE_SECONDS);
    }
    free(bytes);
    end(&scene);
}

/* ---- Threads ---- */

#define THREADS 4
#define ROUNDS 12

struct worker {
    struct scene *scene;
    uint64_t file;
    uint8_t *bytes;
    unsigned number;
    bool failed;
};

/* Writes, cuts off and syncs its own file, and reads it in between: all as if it were alone. */
static void *work(void *context)
{
    struct worker *worker = context;
    struct files *files = worker->scene->files;
    uint8_t *found = malloc(TEXT_BYTES);
    struct stat stat = {.st_size = 0};

    for (unsigned i = 0; i < ROUNDS && !worker->failed; i++) {
        size_t from = (size_t)(scramble(i * THREADS + worker->number) % (TEXT_BYTES / 2));
        size_t size = TEXT_BYTES / 3;

        for (size_t at = from; at < from + size; at += 4999)
            worker->bytes[at] = (uint8_t)i;
        worker->failed =
            (i % 4 == 3 && files_set(files, worker->file, FILES_SET_SIZE,
                                     &(struct stat){.st_size = (off_t)from}, &stat, NULL) != 0) ||
            files_write(files, worker->file, from, worker->bytes + from, size, NULL) != 0 ||
            (i % 4 == 3 &&
             files_write(files, worker->file, from + size, worker->bytes + from + size,
                         TEXT_BYTES - from - size, NULL) != 0) ||
            (i % 3 == worker->number % 3 && files_sync(files, NULL) != 0) ||
            files_read(files, worker->file, 0, found, TEXT_BYTES, NULL) != (ssize_t)TEXT_BYTES ||
            memcmp(found, worker->bytes, TEXT_BYTES) != 0;
    }
    free(found);
    return NULL;
}

static void several_at_once(void **context)
{
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    struct scene scene;

    (void)context;
    begin(&scene);
    for (unsigned i = 0; i < THREADS; i++) {
        char name[16];

        snprintf(name, sizeof name, "file-%u", i);
        workers[i] = (struct worker){
            .scene = &scene, .number = i, .file = make(&scene, name), .bytes = text(i)};
        write_all(&scene, workers[i].file, workers[i].bytes, TEXT_BYTES);
    }
    for (unsigned i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_false(workers[i].failed);
    }
    again(&scene);
    for (unsigned i = 0; i < THREADS; i++) {
        expect(&scene, workers[i].file, workers[i].bytes, TEXT_BYTES);
        free(workers[i].bytes);
    }
    end(&scene);
}

/* ---- Trees that make no sense ---- */

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
static void damage(struct scene *scene, const struct file_key *key, const void *value, size_t size)
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
    struct scene scene;
    uint64_t found;

    begin(&scene);
    (void)make(&scene, "a"); /* inode 2 */
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
        cmocka_unit_test(a_new_version_takes_what_differs),
        cmocka_unit_test(a_new_version_that_comes_slowly_takes_what_differs),
        cmocka_unit_test(a_new_version_takes_what_differs_however_it_comes),
        cmocka_unit_test(a_copy_takes_nothing),
        cmocka_unit_test(content_that_is_there_as_differences_is_not_stored_again),
        cmocka_unit_test(names_that_are_much_alike_are_compared_soon),
        cmocka_unit_test(several_at_once),
        cmocka_unit_test(trees_that_make_no_sense_are_found),
    };

    return cmocka_run_group_tests(tests, sample_state_begin, sample_state_end);
}
