/* SPDX-License-Identifier: MIT */
/*
 * A power cut at every point of what random operations on files/ do to a store. What is found then
 * once stood there, and not before the last sync that was answered; its tree makes sense, check()
 * agrees, nothing that it needs is pruned, and the next operations work.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/fault/cut_points.h"
#include "tests/fault/scene.h"
#include "tests/fault/spread.h"
#include "tests/unit/file_scene.h"
#include "tests/unit/memory_storage.h"

#define STEPS 120
#define GO_ON 7 /* of so many tries, one goes on with what it has found */

struct moment {
    uint8_t picture[PICTURE_BYTES];
    size_t recorded; /* operations of the storage when it was over */
    bool synced;
};

struct cutting {
    struct storage *recording;
    struct storage *begun;
    struct cut_points points;
    struct moment moments[STEPS + 1]; /* the first one: before anything was done */
};

static void succeed(int error, const struct failure *failure)
{
    if (error != 0)
        fprintf(stderr, "%d: %s\n", error, failure->text);
    must(error == 0);
}

/* ---- Who does it ---- */

static pid_t ended; /* a process that is there no more; 0: the tests' own is meant */

/* Of the claim: its writer has died when others come. */
pid_t getpid(void)
{
    return ended != 0 ? ended : (pid_t)syscall(SYS_getpid);
}

static pid_t somebody_who_ended(void)
{
    pid_t child = fork();

    must(child >= 0);
    if (child == 0)
        _exit(0);
    must(waitpid(child, NULL, 0) == child);
    return child;
}

/* ---- What is done ---- */

static void note(struct cutting *cutting, struct file_scene *files, size_t number)
{
    struct moment *moment = &cutting->moments[number];
    struct failure failure;

    succeed(file_picture(files->files, FILES_TOP, moment->picture, &failure), &failure);
    moment->recorded = recording_storage_count(cutting->recording);
}

static void run(struct cutting *cutting, struct store *store, uint64_t seed)
{
    struct dice dice = {.state = seed};
    struct failure failure;
    struct file_scene files;

    ended = somebody_who_ended();
    succeed(file_scene_begin(&files, store, &failure), &failure);
    note(cutting, &files, 0);
    for (size_t i = 1; i <= STEPS; i++) {
        (void)file_step(files.files, &dice, &failure);
        /* Nothing waits in the end, lest it be stored while the cuts are tried. */
        cutting->moments[i].synced = dice_roll(&dice, 10) == 0 || i == STEPS;
        if (cutting->moments[i].synced)
            succeed(files_sync(files.files, &failure), &failure);
        note(cutting, &files, i);
    }
    file_scene_end(&files);
    ended = 0;
}

/* ---- What is found ---- */

/* Whether it once stood there: had been begun before the cut, and was not followed by a sync. */
static bool was(const struct cutting *cutting, size_t point, const uint8_t picture[PICTURE_BYTES])
{
    const struct moment *moments = cutting->moments;
    size_t oldest = 0;

    for (size_t i = 0; i <= STEPS; i++) {
        if (moments[i].synced && moments[i].recorded <= point)
            oldest = i;
    }
    for (size_t i = oldest; i <= STEPS && (i == 0 || moments[i - 1].recorded <= point); i++) {
        if (memcmp(moments[i].picture, picture, PICTURE_BYTES) == 0)
            return true;
    }
    return false;
}

static void *found_begin(void *context)
{
    return scene_copy_begin(context, ((struct cutting *)context)->begun);
}

/* Whoever mounts it next goes on with it. */
static void go_on(struct scene_copy *found, struct file_scene *files, uint64_t seed)
{
    struct dice dice = {.state = seed};
    struct failure failure;
    uint8_t before[PICTURE_BYTES], after[PICTURE_BYTES];
    struct prune_result pruned;

    succeed(files_writable(files->files, FILES_TOP, &failure), &failure);
    for (unsigned i = 0; i < 10; i++)
        (void)file_step(files->files, &dice, &failure);
    succeed(files_sync(files->files, &failure), &failure);
    succeed(file_picture(files->files, FILES_TOP, before, &failure), &failure);
    file_scene_end(files);
    must(prune(found->store, &scene_prune_now, &pruned, NULL) == 0);
    must(file_scene_check(found->store, 0) == 0);
    succeed(file_scene_begin(files, found->store, &failure), &failure);
    succeed(file_picture(files->files, FILES_TOP, after, &failure), &failure);
    must(memcmp(before, after, PICTURE_BYTES) == 0);
}

enum { TRIED, FATES };

static void try_cut(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *found = own;
    struct cutting *cutting = found->context;
    const struct replay *replay = &cutting->points.replays[number].replay;
    struct failure failure = {.code = 0};
    uint8_t picture[PICTURE_BYTES];
    struct file_scene files;

    memory_storage_assign(found->storage, cutting->begun);
    must(recording_storage_replay(cutting->recording, replay, found->storage, NULL, NULL) == 0);
    /* Nobody else may use a store that is checked. */
    must(file_scene_check(found->store, replay->fate == REPLAY_TORN ? 1 : 0) == 0);
    succeed(file_scene_begin(&files, found->store, &failure), &failure);
    succeed(file_picture(files.files, FILES_TOP, picture, &failure), &failure);
    if (!was(cutting, replay->point, picture))
        fprintf(stderr, "what is there after a cut at %zu never was\n", replay->point);
    must(was(cutting, replay->point, picture));
    if (!cutting->points.replays[number].brief && number % GO_ON == 0)
        go_on(found, &files, number);
    file_scene_end(&files);
    tally->numbers[TRIED]++;
    tally->numbers[FATES + replay->fate]++;
}

/* ---- All of it ---- */

static void cut_everywhere(uint64_t seed)
{
    static struct cutting cutting;
    const struct spread spread = {found_begin, try_cut, scene_copy_end, &cutting};
    struct storage *inner = memory_storage_new();
    struct store *store;
    struct tally tally;
    char name[40];

    scene_make_store(inner);
    cutting = (struct cutting){.begun = memory_storage_copy(inner),
                               .recording = recording_storage_new(inner)};
    store = scene_open(cutting.recording);
    run(&cutting, store, seed);
    cut_points_find(&cutting.points, cutting.recording, cutting.begun, false);
    assert_true(spread_over(&spread, cutting.points.count, &tally));
    snprintf(name, sizeof name, "files, seed %llu", (unsigned long long)seed);
    cut_points_say(&cutting.points, name, &tally.numbers[FATES]);
    assert_int_equal(tally.numbers[TRIED], SPREAD_TRIES(cutting.points.count));
    cut_points_release(&cutting.points);
    cutting.begun->class->close(cutting.begun);
    store_close(store);
}

static void power_cuts_leave_what_was(void **context)
{
    const char *seeds = getenv("FAULT_SEEDS");
    uint64_t count = seeds != NULL ? strtoull(seeds, NULL, 10) : 2;

    (void)context;
    for (uint64_t seed = 1; seed <= count; seed++)
        cut_everywhere(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(power_cuts_leave_what_was)};
    struct scene *scene = scene_create(1); /* random numbers, and a client that remembers nothing */
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    scene_free(scene);
    return failed;
}
