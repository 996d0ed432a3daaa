/* SPDX-License-Identifier: MIT */
/*
 * Every power cut of a record that is worth a try: at each point where something was in flight,
 * nothing of it, all of it, any part of it, and files that were being committed cut short.
 */
#ifndef CRMFS_TESTS_FAULT_CUT_POINTS_H
#define CRMFS_TESTS_FAULT_CUT_POINTS_H

#include "tests/unit/recording_storage.h"

#define CUT_FATES (REPLAY_CHOSEN + 1)

struct cut_replay {
    struct replay replay;
    bool brief; /* one of very many alike: less may be done about it */
};

struct cut_points {
    size_t points; /* that are tried */
    size_t busy;   /* of them: something was in flight */
    struct cut_replay *replays;
    size_t count;
};

/*
 * BEGUN is what there was when the record began. EVERY_CUT: its first small file is cut at every
 * byte. A write that is not in flight at its own point, or a record that never has anything in
 * flight, fails the test.
 */
void cut_points_find(struct cut_points *points, struct storage *recording, struct storage *begun,
                     bool every_cut);
void cut_points_release(struct cut_points *points);

/* TRIED: how many replays of each fate were tried. */
void cut_points_say(const struct cut_points *points, const char *name,
                    const uint64_t tried[CUT_FATES]);

#endif
