/* SPDX-License-Identifier: MIT */
/*
 * What was done to a store on a recording storage, and when: so that for every
 * moment it is known which snapshots must be there, which may, and which must not.
 *
 *   acknowledged before the moment   its effect must be seen
 *   begun before, not acknowledged   its effect may be seen, as a whole
 *   not begun                        its effect must not be seen
 *
 * A moment is a number of recorded operations that have returned. Deeds may be done by
 * several threads at once, but not two to one snapshot. What cannot fail ends the process.
 */
#ifndef CRMFS_TESTS_FAULT_DIARY_H
#define CRMFS_TESTS_FAULT_DIARY_H

#include <pthread.h>

#include "tests/fault/scene.h"

#define DIARY_NOW SIZE_MAX
#define DIARY_DEEDS 256

enum deed_kind { DEED_TAKE, DEED_FORGET, DEED_RENAME };

struct deed {
    enum deed_kind kind;
    unsigned day;  /* of the snapshot */
    char name[24]; /* it has afterwards */
    size_t begun;
    size_t ended; /* DIARY_NOW: it was never acknowledged */
};

struct diary {
    struct scene *scene;
    struct storage *recording;
    pthread_mutex_t lock; /* guards all below */
    size_t count;
    struct deed deeds[DIARY_DEEDS];
};

/* RECORDING may be NULL: then there is no moment but now. */
void diary_begin(struct diary *diary, struct scene *scene, struct storage *recording);
void diary_end(struct diary *diary);

/* The record begins anew here; whatever was done before was acknowledged. */
void diary_record_anew(struct diary *diary);

/* The day's snapshot, "day <DAY>", was taken before. */
void diary_note_taken(struct diary *diary, unsigned day);

/* Each does it and writes it down: 0, or what the store said. */
int diary_take(struct diary *diary, struct store *store, unsigned day, struct failure *failure);
int diary_forget(struct diary *diary, struct store *store, unsigned day, struct failure *failure);
int diary_rename(struct diary *diary, struct store *store, unsigned day, const char *to,
                 struct failure *failure);

/*
 * Opens what STORE's log shows: all that must be there at MOMENT is, whole, and nothing
 * else. The number of snapshots; -errno when the log or one of them cannot be read.
 */
int diary_verify(struct diary *diary, size_t moment, struct store *store, struct failure *failure);

#endif
