/* SPDX-License-Identifier: MIT */
#include "tests/fault/cut_points.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/fake_source.h"
#include "tests/unit/memory_storage.h"

#define SMALL_FILE 9000 /* bytes: cut at every one of them */
#define MASKS_ALL 5     /* so many operations in flight: every choice of them is tried */

struct finding_points {
    struct cut_points *points;
    struct storage *recording;
    struct storage *begun;
    bool every; /* the next small file is cut at every byte */
};

static void add(struct cut_points *points, const struct replay *replay, bool brief)
{
    if ((points->count & (points->count - 1)) == 0) {
        size_t room = points->count != 0 ? 2 * points->count : 1;

        points->replays = reallocarray(points->replays, room, sizeof *points->replays);
        must(points->replays != NULL);
    }
    points->replays[points->count++] = (struct cut_replay){*replay, brief};
}

/* What a replay finds in flight. */
static struct replayed look(const struct finding_points *finding, const struct replay *replay)
{
    struct storage *scratch = memory_storage_copy(finding->begun);
    struct replayed replayed;

    assert_int_equal(recording_storage_replay(finding->recording, replay, scratch, &replayed, NULL),
                     0);
    scratch->class->close(scratch);
    return replayed;
}

/* What was written later may be there without what came before. */
static void add_choices(struct finding_points *finding, size_t point, size_t in_flight)
{
    struct replay replay = {.point = point, .fate = REPLAY_CHOSEN};
    uint64_t all = in_flight < 64 ? (UINT64_C(1) << in_flight) - 1 : UINT64_MAX;

    if (in_flight <= MASKS_ALL) {
        for (replay.choice = 1; replay.choice < all; replay.choice++)
            add(finding->points, &replay, false);
        return;
    }
    /* Only the one, all but the one, and some at random. */
    for (size_t i = 0; i < in_flight && i < 64; i += i < MASKS_ALL ? 1 : in_flight / MASKS_ALL) {
        replay.choice = UINT64_C(1) << i;
        add(finding->points, &replay, false);
        replay.choice ^= all;
        add(finding->points, &replay, false);
    }
    for (uint64_t i = 1; i <= 8; i++) {
        replay.choice = i * UINT64_C(0x9e3779b97f4a7c15) & all;
        add(finding->points, &replay, false);
    }
}

static void add_cuts(struct finding_points *finding, size_t point, size_t commits)
{
    for (size_t i = 0; i < commits; i++) {
        struct replay replay = {.point = point, .fate = REPLAY_TORN, .torn = i};
        size_t size = look(finding, &replay).torn_size;
        const size_t cuts[] = {0,         1,         7,        8,         39,
                               40,        41,        size / 2, 8248,      size - 33,
                               size - 32, size - 31, size - 1, 65536 - 1, 65536};

        if (finding->every && size <= SMALL_FILE) {
            for (replay.cut = 0; replay.cut < size; replay.cut++)
                add(finding->points, &replay, replay.cut % 64 != 0);
            finding->every = false;
            continue;
        }
        for (size_t j = 0; j < sizeof cuts / sizeof *cuts; j++) {
            replay.cut = cuts[j];
            if (cuts[j] < size)
                add(finding->points, &replay, false);
        }
    }
}

/* Where nothing is in flight there is nothing to try. */
static void add_point(struct finding_points *finding, size_t point, bool last)
{
    struct replay replay = {.point = point, .fate = REPLAY_DROPPED};
    struct replayed replayed = look(finding, &replay);
    const struct recorded_operation *operation =
        last ? NULL : recording_storage_operation(finding->recording, point);
    bool written = !last && operation->kind != STORAGE_SYNC && operation->kind != STORAGE_FLUSH;

    assert_true(!written || replayed.in_flight > 0);
    if (replayed.in_flight == 0 && !last)
        return;
    finding->points->points++;
    finding->points->busy += replayed.in_flight > 0;
    add(finding->points, &replay, false);
    replay.fate = REPLAY_KEPT;
    add(finding->points, &replay, false);
    add_choices(finding, point, replayed.in_flight);
    add_cuts(finding, point, replayed.commits);
}

void cut_points_find(struct cut_points *points, struct storage *recording, struct storage *begun,
                     bool every_cut)
{
    struct finding_points finding = {points, recording, begun, every_cut};
    size_t count = recording_storage_count(recording);

    *points = (struct cut_points){.count = 0};
    for (size_t point = 0; point <= count; point++)
        add_point(&finding, point, point == count);
    /* At the last point, after all has returned, nothing need be. */
    assert_true(points->busy > 0 && points->busy + 1 >= points->points);
}

void cut_points_release(struct cut_points *points)
{
    free(points->replays);
}

void cut_points_say(const struct cut_points *points, const char *name,
                    const uint64_t tried[CUT_FATES])
{
    uint64_t all = 0;

    for (unsigned i = 0; i < CUT_FATES; i++)
        all += tried[i];
    print_message("%s: %zu points, at %zu something was in flight; %llu tries: %llu dropped, %llu "
                  "kept, %llu reordered, %llu torn\n",
                  name, points->points, points->busy, (unsigned long long)all,
                  (unsigned long long)tried[REPLAY_DROPPED], (unsigned long long)tried[REPLAY_KEPT],
                  (unsigned long long)tried[REPLAY_CHOSEN], (unsigned long long)tried[REPLAY_TORN]);
}
