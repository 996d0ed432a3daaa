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

#include "tests/fault/spread.h"
#include "tests/unit/memory_storage.h"
#include "tests/unit/recording_storage.h"

#define NEXT_DAY (SCENE_DAYS - 1) /* that of the snapshot taken after the cut */
#define SMALL_FILE 9000           /* bytes: cut at every one of them */
#define MASKS_ALL 5               /* so many operations in flight: every choice of them is tried */

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

struct
try {
    struct replay replay;
    bool brief; /* nothing is done afterwards */
};

enum { TRIED, POINTS, IN_FLIGHT, DROPPED, KEPT, REORDERED, TORN };

struct cutting {
    const struct story *story;
    struct diary diary;
    struct storage *recording;
    struct storage *begun; /* what there was when the record began */
    size_t points;         /* that are tried */
    size_t busy;           /* of them: something was in flight */
    struct try *tries;
    size_t count;
};

/* A child's own: a store on a storage whose content each try makes anew. */
struct found {
    struct cutting *cutting;
    struct storage *storage;
    struct store *store;
};

static void *found_begin(void *context)
{
    struct found *found = calloc(1, sizeof *found);

    must(found != NULL);
    found->cutting = context;
    found->storage = memory_storage_copy(found->cutting->begun);
    found->store = scene_open(found->storage);
    return found;
}

static void found_end(void *own)
{
    struct found *found = own;

    store_close(found->store);
    free(found);
}

/* Whoever opens the store next goes on with it. */
static void go_on(struct found *found, int snapshots)
{
    struct failure failure = {.code = 0};
    struct store *store = found->store;
    struct scene *scene = found->cutting->diary.scene;

    must(scene_take(scene, store, "next", NEXT_DAY, &failure) == 0);
    must(scene_read_all(scene, store, &failure) == snapshots + 1);
    story_prune(store, &scene_prune_now);
    must(scene_read_all(scene, store, &failure) == snapshots + 1);

    scene_check(store, SCENE_HARMFUL);
}

static void try_cut(void *own, size_t number, struct tally *tally)
{
    struct found *found = own;
    struct cutting *cutting = found->cutting;
    const struct try *try = &cutting->tries[number];
    bool blemished = cutting->story->blemished || try->replay.fate == REPLAY_TORN;
    struct failure failure = {.code = 0};

    memory_storage_assign(found->storage, cutting->begun);
    must(recording_storage_replay(cutting->recording, &try->replay, found->storage, NULL, NULL) ==
         0);

    int snapshots = diary_verify(&cutting->diary, try->replay.point, found->store, &failure);

    if (snapshots < 0)
        fprintf(stderr, "%s\n", failure.text);
    must(snapshots >= 0);
    must(scene_check(found->store, blemished ? SCENE_HARMFUL : SCENE_ANY).snapshots ==
         (uint64_t)snapshots);
    if (cutting->story->verify != NULL)
        cutting->story->verify(found->storage, try->replay.point);
    if (!try->brief)
        go_on(found, snapshots);
    tally->numbers[TRIED]++;
    switch (try->replay.fate) {
    case REPLAY_DROPPED: tally->numbers[DROPPED]++; break;
    case REPLAY_KEPT: tally->numbers[KEPT]++; break;
    case REPLAY_CHOSEN: tally->numbers[REORDERED]++; break;
    case REPLAY_TORN: tally->numbers[TORN]++; break;
    }
}

/* ---- All tries ---- */

static void add(struct cutting *cutting, const struct replay *replay, bool brief)
{
    if ((cutting->count & (cutting->count - 1)) == 0) {
        size_t room = cutting->count != 0 ? 2 * cutting->count : 1;

        cutting->tries = reallocarray(cutting->tries, room, sizeof *cutting->tries);
        must(cutting->tries != NULL);
    }
    brief = brief || (cutting->story->go_on != 0 && cutting->count % cutting->story->go_on != 0);
    cutting->tries[cutting->count++] = (struct try){*replay, brief};
}

/* What a replay finds in flight. */
static struct replayed look(const struct cutting *cutting, const struct replay *replay)
{
    struct storage *scratch = memory_storage_copy(cutting->begun);
    struct replayed replayed;

    assert_int_equal(recording_storage_replay(cutting->recording, replay, scratch, &replayed, NULL),
                     0);
    scratch->class->close(scratch);
    return replayed;
}

/* What was written later may be there without what came before. */
static void add_choices(struct cutting *cutting, size_t point, size_t in_flight)
{
    struct replay replay = {.point = point, .fate = REPLAY_CHOSEN};
    uint64_t all = in_flight < 64 ? (UINT64_C(1) << in_flight) - 1 : UINT64_MAX;

    if (in_flight <= MASKS_ALL) {
        for (replay.choice = 1; replay.choice < all; replay.choice++)
            add(cutting, &replay, false);
        return;
    }
    /* Only the one, all but the one, and some at random. */
    for (size_t i = 0; i < in_flight && i < 64; i += i < MASKS_ALL ? 1 : in_flight / MASKS_ALL) {
        replay.choice = UINT64_C(1) << i;
        add(cutting, &replay, false);
        replay.choice ^= all;
        add(cutting, &replay, false);
    }
    for (uint64_t i = 1; i <= 8; i++) {
        replay.choice = i * UINT64_C(0x9e3779b97f4a7c15) & all;
        add(cutting, &replay, false);
    }
}

static void add_cuts(struct cutting *cutting, size_t point, size_t commits, bool *every)
{
    for (size_t i = 0; i < commits; i++) {
        struct replay replay = {.point = point, .fate = REPLAY_TORN, .torn = i};
        size_t size = look(cutting, &replay).torn_size;
        const size_t cuts[] = {0,         1,         7,        8,         39,
                               40,        41,        size / 2, 8248,      size - 33,
                               size - 32, size - 31, size - 1, 65536 - 1, 65536};

        if (*every && size <= SMALL_FILE) {
            for (replay.cut = 0; replay.cut < size; replay.cut++)
                add(cutting, &replay, replay.cut % 64 != 0);
            *every = false;
            continue;
        }
        for (size_t j = 0; j < sizeof cuts / sizeof *cuts; j++) {
            replay.cut = cuts[j];
            if (cuts[j] < size)
                add(cutting, &replay, false);
        }
    }
}

/* Where nothing is in flight there is nothing to try. */
static void add_tries(struct cutting *cutting)
{
    size_t points = recording_storage_count(cutting->recording);
    bool every = cutting->story->every_cut;

    for (size_t point = 0; point <= points; point++) {
        struct replay replay = {.point = point, .fate = REPLAY_DROPPED};
        struct replayed replayed = look(cutting, &replay);
        bool written = point < points &&
                       recording_storage_operation(cutting->recording, point)->kind != STORAGE_SYNC;

        assert_true(!written || replayed.in_flight > 0);
        if (replayed.in_flight == 0 && point < points)
            continue;
        cutting->points++;
        cutting->busy += replayed.in_flight > 0;
        add(cutting, &replay, false);
        replay.fate = REPLAY_KEPT;
        add(cutting, &replay, false);
        add_choices(cutting, point, replayed.in_flight);
        add_cuts(cutting, point, replayed.commits, &every);
    }
    /* At the last point, after all has returned, nothing need be. */
    assert_true(cutting->busy > 0 && cutting->busy + 1 >= cutting->points);
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

    add_tries(&cutting);

    const struct spread spread = {found_begin, try_cut, found_end, &cutting};

    assert_true(spread_over(&spread, cutting.count, &tally));
    print_message(
        "%s: %zu points, at %zu something was in flight; %llu tries: %llu dropped, %llu "
        "kept, %llu reordered, %llu torn\n",
        story->name, cutting.points, cutting.busy, (unsigned long long)tally.numbers[TRIED],
        (unsigned long long)tally.numbers[DROPPED], (unsigned long long)tally.numbers[KEPT],
        (unsigned long long)tally.numbers[REORDERED], (unsigned long long)tally.numbers[TORN]);
    assert_int_equal(tally.numbers[TRIED], SPREAD_TRIES(cutting.count));
    free(cutting.tries);
    diary_end(&cutting.diary);
    cutting.begun->class->close(cutting.begun);
    store_close(store);
}
