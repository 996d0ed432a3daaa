/* SPDX-License-Identifier: MIT */
#include "tests/fault/cuts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fault/cut_points.h"
#include "tests/fault/spread.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"

#define NEXT_DAY (SCENE_DAYS - 1) /* that of the snapshot taken after the cut */

void story_take(struct diary *diary, struct store *store, unsigned day)
{
    struct failure failure = {.code = 0};

    if (diary_take(diary, store, day, &failure) != 0) {
        fprintf(stderr, "day %u: %s\n", day, failure.text);
        must(false);
    }
}

void story_prune(struct store *store, const struct prune_options *options)
{
    struct prune_result result;

    must(prune(store, options, &result, NULL) == 0);
}

/* ---- One try ---- */

enum { TRIED, FATES };

struct cutting {
    const struct story *story;
    struct diary diary;
    struct storage *recording;
    struct storage *begun; /* what there was when the record began */
    struct cut_points points;
};

static void *found_begin(void *context)
{
    return scene_copy_begin(context, ((struct cutting *)context)->begun);
}

/* Whoever opens the store next goes on with it. */
static void go_on(struct scene_copy *found, int snapshots)
{
    struct failure failure = {.code = 0};
    struct store *store = found->store;
    struct scene *scene = ((struct cutting *)found->context)->diary.scene;

    must(scene_take(scene, store, "next", NEXT_DAY, &failure) == 0);
    must(scene_read_all(scene, store, &failure) == snapshots + 1);
    story_prune(store, &scene_prune_now);
    must(scene_read_all(scene, store, &failure) == snapshots + 1);

    scene_check(store, SCENE_HARMFUL);
}

static void try_cut(void *own, size_t number, struct tally *tally)
{
    struct scene_copy *found = own;
    struct cutting *cutting = found->context;
    const struct story *story = cutting->story;
    const struct replay *replay = &cutting->points.replays[number].replay;
    bool brief =
        cutting->points.replays[number].brief || (story->go_on != 0 && number % story->go_on != 0);
    bool blemished = story->blemished || replay->fate == REPLAY_TORN;
    struct failure failure = {.code = 0};

    memory_storage_assign(found->storage, cutting->begun);
    must(recording_storage_replay(cutting->recording, replay, found->storage, NULL, NULL) == 0);

    int snapshots = diary_verify(&cutting->diary, replay->point, found->store, &failure);

    if (snapshots < 0)
        fprintf(stderr, "%s\n", failure.text);
    must(snapshots >= 0);
    must(scene_check(found->store, blemished ? SCENE_HARMFUL : SCENE_ANY).snapshots ==
         (uint64_t)snapshots);
    if (story->verify != NULL)
        story->verify(found->storage, replay->point);
    if (!brief)
        go_on(found, snapshots);
    tally->numbers[TRIED]++;
    tally->numbers[FATES + replay->fate]++;
}

void cut_everywhere(struct scene *scene, const struct story *story)
{
    struct storage *inner = memory_storage_new();

    scene_make_store(inner);

    struct storage *recording = recording_storage_new(inner);
    struct store *store = scene_open(recording);
    struct cutting cutting = {.story = story, .recording = recording};
    struct tally tally;

    diary_begin(&cutting.diary, scene, recording);
    if (story->prepare != NULL)
        story->prepare(&cutting.diary, store);
    diary_record_anew(&cutting.diary);
    cutting.begun = memory_storage_copy(inner);
    story->run(&cutting.diary, store);

    cut_points_find(&cutting.points, recording, cutting.begun, story->every_cut);

    const struct spread spread = {found_begin, try_cut, scene_copy_end, &cutting};

    assert_true(spread_over(&spread, cutting.points.count, &tally));
    cut_points_say(&cutting.points, story->name, &tally.numbers[FATES]);
    assert_int_equal(tally.numbers[TRIED], SPREAD_TRIES(cutting.points.count));
    cut_points_release(&cutting.points);
    diary_end(&cutting.diary);
    cutting.begun->class->close(cutting.begun);
    store_close(store);
}
