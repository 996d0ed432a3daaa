/* SPDX-License-Identifier: MIT */
/*
 * Snapshots for tests, day by day, of one source "crm" with three tables: "contacts",
 * of which a third changes every day; "accounts", which never changes; "empty". What a snapshot
 * must hold follows from its day alone. Nothing here fails but the reading.
 */
#ifndef CRMFS_TESTS_UNIT_SAMPLE_SERIES_H
#define CRMFS_TESTS_UNIT_SAMPLE_SERIES_H

#include "fs/store/log.h"
#include "fs/store/object.h"

#define SERIES_GROUPS 12 /* of contacts */
#define SERIES_GROUP_ROWS 100

struct sample_series {
    struct store *store; /* borrowed */
    struct object_reader *reader;
    struct log_state state;
    bool has_last;
    struct object_reference last[SERIES_GROUPS]; /* contacts of the day before */
};

void series_begin(struct sample_series *series, struct store *store);
void series_end(struct sample_series *series);

/* Takes the snapshot of DAY (1 …), called "day-<DAY>"; its predecessor is the one taken last. */
void series_take(struct sample_series *series, unsigned day);
/* The same; what went wrong is returned. */
int series_try_take(struct sample_series *series, unsigned day, struct failure *why);

/* A store in memory with the snapshots of so many days. */
struct store *series_store(unsigned days);

void series_take_days(struct store *store, unsigned days); /* into one that there is */

void series_forget(struct sample_series *series, unsigned day);
void series_forget_day(struct store *store, unsigned day); /* the same, without a series */

/*
 * Forgets the day and takes it again while PACK, of its first copies, is marked, which it stays:
 * they are written a second time, against whatever was taken last.
 */
void series_take_anew(struct sample_series *series, unsigned day, const char *pack);

/* Reads all of a day's snapshot: 0; what reading said. The test ends if it holds anything else. */
int series_read(struct store *store, const struct log_state *state, unsigned day);

/* Reads all snapshots that the log has; the test ends if one fails. Their number. */
size_t series_read_all(struct store *store);

#endif
