/* SPDX-License-Identifier: MIT */
#include "tests/fault/file_sabotage.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/fault/spread.h"
#include "tests/unit/file_scene.h"
#include "tests/unit/memory_storage.h"

#define STEPS_BEFORE 40
#define STEPS 20
#define SYNC_EVERY 6
#define LOOK_EVERY 5

struct sabotaging {
    const struct saboteur *saboteur;
    struct storage *content;
    uint64_t counted; /* when nothing failed */
    uint64_t tried;   /* so many of them */
};

/* A child's own. */
struct bench {
    const struct sabotaging *sabotaging;
    struct storage *storage; /* that fails */
    const struct storage_class *own_class;
    struct storage_class kept_open; /* the same, but that stores do not close it */
    struct store *store;
    struct storage *sound; /* another one, that never does */
    struct store *sound_store;
};

/* What came of the steps. */
struct course {
    size_t count;
    int results[STEPS];
    bool looked[STEPS];
    uint8_t pictures[STEPS][PICTURE_BYTES];
    bool refused[STEPS]; /* not done, for the fault's sake */
};

static void fail_with(const char *what, size_t step, int error, const struct failure *failure)
{
    fprintf(stderr, "step %zu: %s: %d, \"%s\"\n", step, what, error,
            failure->code != 0 ? failure->text : "");
    must(false);
}

/* Of what fails; no operation on files says so otherwise. */
static bool is_refusal(int error)
{
    return error == -EIO || error == -ENOSPC || error == -EDQUOT || error == -ENOMEM ||
           error == -EINTR;
}

/* -ENOMEM may come without words. */
static void expect_words(size_t step, int error, const struct failure *failure)
{
    if (error != -ENOMEM && (failure->code == 0 || failure->text[0] == '\0'))
        fail_with("refused without words", step, error, failure);
}

static int do_step(struct file_scene *files, size_t step, struct failure *failure)
{
    struct dice dice = {.state = 1000 + step, .whole = true};

    return file_step(files->files, &dice, failure);
}

/* With faults. */
static void walk(struct file_scene *files, struct course *course)
{
    for (size_t i = 0; i < STEPS; i++) {
        struct failure failure = {.code = 0};

        course->results[i] = do_step(files, i, &failure);
        course->refused[i] = is_refusal(course->results[i]);
        if (course->refused[i])
            expect_words(i, course->results[i], &failure);
        if (i % SYNC_EVERY == 0) {
            int error = files_sync(files->files, &failure);

            if (error != 0)
                expect_words(i, error, &failure);
            must(error == 0 || is_refusal(error));
        }
        if (i % LOOK_EVERY == 0) {
            int error = file_picture(files->files, FILES_TOP, course->pictures[i], &failure);

            must(error == 0 || is_refusal(error));
            course->looked[i] = error == 0;
        }
        course->count++;
    }
}

/* The same without: only what was not refused is done. */
static void walk_again(struct bench *bench, const struct course *course,
                       uint8_t ret_picture[PICTURE_BYTES])
{
    struct failure failure = {.code = 0};
    uint8_t picture[PICTURE_BYTES];
    struct file_scene files;

    memory_storage_assign(bench->sound, bench->sabotaging->content);
    must(file_scene_begin(&files, bench->sound_store, &failure) == 0);
    for (size_t i = 0; i < course->count; i++) {
        int error = course->refused[i] ? course->results[i] : do_step(&files, i, &failure);

        if (error != course->results[i])
            fail_with("the answer was another one", i, course->results[i], &failure);
        if (!course->looked[i])
            continue;
        must(file_picture(files.files, FILES_TOP, picture, &failure) == 0);
        if (memcmp(picture, course->pictures[i], PICTURE_BYTES) != 0)
            fail_with("what was read is wrong", i, 0, &failure);
    }
    must(file_picture(files.files, FILES_TOP, ret_picture, &failure) == 0);
    file_scene_end(&files);
}

/* ---- One try ---- */

enum { TRIED, REFUSED, DONE_ALL_THE_SAME };

static void expect_picture(struct file_scene *files, const char *what,
                           const uint8_t wanted[PICTURE_BYTES])
{
    struct failure failure = {.code = 0};
    uint8_t picture[PICTURE_BYTES];
    int error = file_picture(files->files, FILES_TOP, picture, &failure);

    if (error != 0 || memcmp(picture, wanted, PICTURE_BYTES) != 0)
        fail_with(what, STEPS, error, &failure);
}

/* Nothing fails any more. */
static void verify(struct bench *bench, struct file_scene *files, const struct course *course)
{
    struct failure failure = {.code = 0};
    uint8_t wanted[PICTURE_BYTES];
    int error = files_sync(files->files, &failure);

    if (error != 0)
        fail_with("the next sync does not work", STEPS, error, &failure);
    walk_again(bench, course, wanted);
    expect_picture(files, "what is there is not what was done", wanted);
    file_scene_end(files);
    must(file_scene_check(bench->store, 0) == 0);
    error = file_scene_begin(files, bench->store, &failure);
    if (error != 0)
        fail_with("the next mount does not work", STEPS, error, &failure);
    expect_picture(files, "what the next mount finds is not what was done", wanted);
}

static void run(struct bench *bench, const struct sabotage_mode *mode, uint64_t nth,
                uint64_t *ret_counted, struct tally *tally)
{
    const struct saboteur *saboteur = bench->sabotaging->saboteur;
    struct failure failure = {.code = 0};
    struct course course = {.count = 0};
    struct file_scene files;
    uint64_t failed;
    bool refused = false;

    saboteur->fill(bench->storage, bench->sabotaging->content);
    saboteur->arm(bench->storage, mode, nth);

    int error = file_scene_begin(&files, bench->store, &failure);

    if (error == 0)
        walk(&files, &course);
    saboteur->disarm(bench->storage, ret_counted, &failed);
    if (error != 0) {
        must(failed > 0 && is_refusal(error));
        expect_words(0, error, &failure);
        file_scene_end(&files);
        must(file_scene_begin(&files, bench->store, &failure) == 0);
    }
    verify(bench, &files, &course);
    file_scene_end(&files);
    for (size_t i = 0; i < course.count; i++)
        refused = refused || course.refused[i];
    tally->numbers[TRIED]++;
    tally->numbers[REFUSED] += refused || error != 0;
    tally->numbers[DONE_ALL_THE_SAME] += failed > 0 && !refused && error == 0;
}

static void try_fault(void *own, size_t number, struct tally *tally)
{
    struct bench *bench = own;
    const struct sabotaging *sabotaging = bench->sabotaging;
    uint64_t nth = 1 + number % sabotaging->tried * sabotaging->counted / sabotaging->tried;
    uint64_t counted;

    run(bench, &sabotaging->saboteur->modes[number / sabotaging->tried], nth, &counted, tally);
}

/* ---- All tries ---- */

static void do_not_close(struct storage *storage)
{
    (void)storage;
}

static void *bench_begin(void *context)
{
    const struct sabotaging *sabotaging = context;
    struct bench *bench = calloc(1, sizeof *bench);

    must(bench != NULL);
    bench->sabotaging = sabotaging;
    bench->storage = sabotaging->saboteur->open();
    bench->own_class = bench->storage->class;
    bench->kept_open = *bench->own_class;
    bench->kept_open.close = do_not_close;
    bench->storage->class = &bench->kept_open;
    sabotaging->saboteur->fill(bench->storage, sabotaging->content);
    bench->store = scene_open(bench->storage);
    bench->sound = memory_storage_copy(sabotaging->content);
    bench->sound_store = scene_open(bench->sound);
    return bench;
}

static void bench_end(void *own)
{
    struct bench *bench = own;

    store_close(bench->store);
    bench->storage->class = bench->own_class;
    bench->sabotaging->saboteur->close(bench->storage);
    store_close(bench->sound_store);
    free(bench);
}

static struct storage *make_content(void)
{
    struct storage *storage = memory_storage_new();
    struct dice dice = {.state = 5};
    struct failure failure;
    struct storage *content;
    struct file_scene files;
    struct store *store;

    scene_make_store(storage);
    store = scene_open(storage);
    must(file_scene_begin(&files, store, &failure) == 0);
    for (unsigned i = 0; i < STEPS_BEFORE; i++)
        (void)file_step(files.files, &dice, &failure);
    file_scene_end(&files);
    content = memory_storage_copy(storage);
    store_close(store);
    return content;
}

void file_sabotage_everything(const struct saboteur *saboteur)
{
    struct sabotaging sabotaging = {.saboteur = saboteur, .content = make_content()};
    const struct spread spread = {bench_begin, try_fault, bench_end, &sabotaging};
    struct tally tally = {.numbers = {0}};
    struct bench *bench = bench_begin(&sabotaging);

    run(bench, &saboteur->modes[0], 0, &sabotaging.counted, &tally);
    bench_end(bench);
    assert_true(sabotaging.counted > 0 && tally.numbers[REFUSED] == 0);
    sabotaging.tried = sabotaging.counted;
    if (saboteur->most != 0 && sabotaging.tried > saboteur->most && getenv("FAULT_ALL") == NULL)
        sabotaging.tried = saboteur->most;

    size_t tries = sabotaging.tried * saboteur->mode_count;

    assert_true(spread_over(&spread, tries, &tally));
    print_message(
        "files, %s: %llu, of which each of %llu failed in %zu ways; in %llu tries something "
        "was refused, in %llu all was done all the same\n",
        saboteur->name, (unsigned long long)sabotaging.counted,
        (unsigned long long)sabotaging.tried, saboteur->mode_count,
        (unsigned long long)tally.numbers[REFUSED],
        (unsigned long long)tally.numbers[DONE_ALL_THE_SAME]);
    assert_int_equal(tally.numbers[TRIED], SPREAD_TRIES(tries));
    assert_true(tally.numbers[REFUSED] > 0);
    sabotaging.content->class->close(sabotaging.content);
}
