/* SPDX-License-Identifier: MIT */
#include "tests/fault/diary.h"

#include <stdio.h>
#include <string.h>

#include "tests/unit/recording_storage.h"

void diary_begin(struct diary *diary, struct scene *scene, struct storage *recording)
{
    *diary = (struct diary){.scene = scene, .recording = recording};
    pthread_mutex_init(&diary->lock, NULL);
}

void diary_record_anew(struct diary *diary)
{
    recording_storage_forget(diary->recording);
    for (size_t i = 0; i < diary->count; i++) {
        must(diary->deeds[i].ended != DIARY_NOW);
        diary->deeds[i].begun = 0;
        diary->deeds[i].ended = 0;
    }
}

void diary_end(struct diary *diary)
{
    pthread_mutex_destroy(&diary->lock);
}

static size_t moment_of(const struct diary *diary)
{
    return diary->recording != NULL ? recording_storage_count(diary->recording) : 0;
}

static struct deed *begin(struct diary *diary, enum deed_kind kind, unsigned day, const char *name)
{
    pthread_mutex_lock(&diary->lock);
    must(diary->count < DIARY_DEEDS);

    struct deed *deed = &diary->deeds[diary->count++];

    *deed = (struct deed){.kind = kind, .day = day, .ended = DIARY_NOW};
    snprintf(deed->name, sizeof deed->name, "%s", name);
    deed->begun = moment_of(diary);
    pthread_mutex_unlock(&diary->lock);
    return deed;
}

static int end(struct diary *diary, struct deed *deed, int error)
{
    if (error == 0) {
        pthread_mutex_lock(&diary->lock);
        deed->ended = moment_of(diary);
        pthread_mutex_unlock(&diary->lock);
    }
    return error;
}

void diary_note_taken(struct diary *diary, unsigned day)
{
    char name[24];

    snprintf(name, sizeof name, "day %u", day);
    end(diary, begin(diary, DEED_TAKE, day, name), 0);
}

int diary_take(struct diary *diary, struct store *store, unsigned day, struct failure *failure)
{
    char name[24];

    snprintf(name, sizeof name, "day %u", day);

    struct deed *deed = begin(diary, DEED_TAKE, day, name);

    return end(diary, deed, scene_take(diary->scene, store, name, day, failure));
}

/* What the day's snapshot was called last. */
static void name_of(struct diary *diary, unsigned day, char name[24])
{
    name[0] = '\0';
    pthread_mutex_lock(&diary->lock);
    for (size_t i = 0; i < diary->count; i++) {
        const struct deed *deed = &diary->deeds[i];

        if (deed->day == day && deed->kind != DEED_FORGET &&
            (name[0] == '\0' || deed->ended != DIARY_NOW))
            memcpy(name, deed->name, sizeof deed->name);
    }
    pthread_mutex_unlock(&diary->lock);
    must(name[0] != '\0');
}

int diary_forget(struct diary *diary, struct store *store, unsigned day, struct failure *failure)
{
    char name[24];

    name_of(diary, day, name);

    struct deed *deed = begin(diary, DEED_FORGET, day, "");

    return end(diary, deed, scene_forget(store, name, failure));
}

int diary_rename(struct diary *diary, struct store *store, unsigned day, const char *to,
                 struct failure *failure)
{
    char name[24];

    name_of(diary, day, name);

    struct deed *deed = begin(diary, DEED_RENAME, day, to);

    return end(diary, deed, scene_rename(store, name, to, failure));
}

/* ---- What must be seen ---- */

struct expectation {
    bool must_be;
    bool may_be;
    size_t name_count; /* that it may have */
    const char *names[DIARY_DEEDS];
};

static void expect(const struct diary *diary, size_t moment, unsigned day,
                   struct expectation *expectation)
{
    *expectation = (struct expectation){.must_be = false};
    for (size_t i = 0; i < diary->count; i++) {
        const struct deed *deed = &diary->deeds[i];
        bool done = deed->ended != DIARY_NOW && deed->ended <= moment;

        if (deed->day != day || deed->begun > moment)
            continue;
        if (deed->kind == DEED_FORGET) {
            expectation->must_be = false;
            expectation->may_be = expectation->may_be && !done;
            continue;
        }
        if (deed->kind == DEED_TAKE) {
            expectation->may_be = true;
            expectation->must_be = expectation->must_be || done;
        }
        if (done)
            expectation->name_count = 0;
        expectation->names[expectation->name_count++] = deed->name;
    }
}

static const struct snapshot *snapshot_of(const struct log_state *state, unsigned day)
{
    const struct snapshot *found = NULL;

    for (size_t i = 0; i < state->snapshot_count; i++) {
        if (scene_day(&state->snapshots[i]) == day) {
            must(found == NULL);
            found = &state->snapshots[i];
        }
    }
    return found;
}

static void verify_day(const struct diary *diary, size_t moment, unsigned day,
                       const struct log_state *state)
{
    const struct snapshot *snapshot = snapshot_of(state, day);
    struct expectation expectation;
    bool called = false;

    expect(diary, moment, day, &expectation);
    if (snapshot == NULL) {
        must(!expectation.must_be);
        return;
    }
    must(expectation.may_be);
    for (size_t i = 0; i < expectation.name_count; i++)
        called = called || strcmp(expectation.names[i], snapshot->name) == 0;
    must(called);
}

int diary_verify(struct diary *diary, size_t moment, struct store *store, struct failure *failure)
{
    struct log_state state = {.sequence = 0};
    int error = log_read(store, &state, failure);

    for (unsigned day = 0; error == 0 && day < SCENE_DAYS; day++)
        verify_day(diary, moment, day, &state);
    log_state_release(&state);
    return error != 0 ? error : scene_read_all(diary->scene, store, failure);
}
