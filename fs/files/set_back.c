/* SPDX-License-Identifier: MIT */
#include "fs/files/set_back.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/files/files.h"
#include "fs/store/hint_set.h"
#include "fs/store/log.h"
#include "fs/store/medium.h"
#include "fs/store/reach.h"
#include "fs/store/walk.h"

#define PARENT_CACHE_BYTES ((size_t)8 << 20)
#define MEMORY_BYTES ((size_t)16 << 20)

struct setting_back {
    struct store *store;
    struct medium *medium;
    struct object_reader *reader;
    struct log_state state;
    struct object_reference found; /* the tree that it becomes */
    char *text;
    struct failure *failure;
};

/* ---- Which tree ---- */

struct looking {
    struct object_reader *reader;
    bool content; /* is looked at, too */
    struct buffer data;
};

/* A walk_object. */
static int look_at(void *context, const struct object_reference *reference, enum object_type type,
                   const struct walk_place *place)
{
    struct looking *looking = context;

    (void)place;
    if (!looking->content || !walk_is_leaf(type))
        return 0;
    return object_read(looking->reader, reference, type, true, &looking->data, NULL);
}

/* A walk_failed. */
static int give_up(void *context, const struct object_reference *reference, enum object_type type,
                   const struct walk_place *place, const struct failure *failure)
{
    (void)context;
    (void)reference;
    (void)type;
    (void)place;
    (void)failure;
    return -EIO;
}

/* Whether all nodes below TOP can be read; CONTENT: and all that they refer to. 1, 0, -ENOMEM. */
static int is_whole(struct setting_back *setting, const struct object_reference *top, bool content)
{
    struct looking looking = {
        .reader = setting->reader, .content = content, .data = BUFFER(OBJECT_DATA_LIMIT)};
    const struct walk walk = {
        .reader = setting->reader, .object = look_at, .failed = give_up, .context = &looking};
    int error = walk_files(&walk, top, NULL);

    buffer_release(&looking.data);
    return error == -ENOMEM ? error : error == 0;
}

/* What record NUMBER says of files/, if that is whole. 1, 0, -ENOMEM. */
static int try_record(void *context, uint64_t number, const struct object_reference *top)
{
    struct setting_back *setting = context;
    int whole = is_whole(setting, top, true);

    if (whole > 0) {
        setting->found = *top;
        snprintf(setting->text, SET_BACK_TEXT_SIZE, "what record %llu of the log says of it",
                 (unsigned long long)number);
    }
    return whole;
}

static int try_snapshots(struct setting_back *setting)
{
    int found = 0;

    for (size_t i = setting->state.snapshot_count; i > 0 && found == 0; i--) {
        const struct snapshot *snapshot = &setting->state.snapshots[i - 1];

        if (!snapshot->has_files)
            continue;
        found = is_whole(setting, &snapshot->files, true);
        if (found > 0) {
            setting->found = snapshot->files;
            snprintf(setting->text, SET_BACK_TEXT_SIZE, "what it was in snapshot %s",
                     snapshot->name);
        }
    }
    return found;
}

/* ---- Setting back ---- */

/* The packs that it is in: it may be long since a record needed them, and they may be marked. */
static int find_packs(struct setting_back *setting, const struct object_reference *top,
                      struct hint_set *packs)
{
    struct reach *reach = NULL;
    int error = reach_create(setting->store, setting->reader, &setting->state, NULL, &reach,
                             setting->failure);

    if (error == 0)
        error = reach_add_files(reach, top, setting->failure);
    if (error == 0)
        error = reach_add_ancestors(reach, setting->failure);
    for (size_t i = 0; error == 0 && i < reach_pack_count(reach); i++) {
        const struct reach_pack *pack = reach_pack(reach, i);
        const struct log_mark *mark = log_find_mark(&setting->state, pack->name);

        if (pack->living_count > 0 && !(mark != NULL && mark->removed))
            error = hint_set_add(packs, pack->hint);
    }
    reach_free(reach);
    return error;
}

/* As a mount does it that changes the time of its top, and nothing else. */
static int commit(struct setting_back *setting, const struct object_reference *top,
                  const struct hint_set *packs)
{
    struct files_options options = {
        .store = setting->store,
        .reader = setting->reader,
        .memory_bytes = MEMORY_BYTES,
        .uid = geteuid(),
        .gid = getegid(),
        .set_back = true,
        .set_back_to = top,
        .set_back_on = packs,
    };
    const struct stat now = {.st_mtim = {.tv_nsec = UTIME_NOW}};
    struct files *files = NULL;
    struct stat status;
    int error = files_create(&options, &files, setting->failure);

    if (error == 0)
        error = files_set(files, FILES_TOP, FILES_SET_MODIFIED, &now, &status, setting->failure);
    if (error == 0)
        error = files_stop(files, setting->failure);
    files_free(files);
    return error;
}

static int set_back(struct setting_back *setting)
{
    int found = log_read(setting->store, &setting->state, setting->failure);

    if (found != 0 || !setting->state.has_files)
        return found;
    found = object_reader_create(setting->store, PARENT_CACHE_BYTES, &setting->reader,
                                 setting->failure);
    if (found == 0)
        found = is_whole(setting, &setting->state.files, false);
    if (found != 0)
        return found < 0 ? found : 0;
    found = log_each_files(setting->store, try_record, setting, setting->failure);
    if (found == 0)
        found = try_snapshots(setting);
    if (found < 0)
        return found;
    /* Neither is files/ given up for what may be there again, nor a newer tree for an older one. */
    int error = medium_judge(setting->medium, NULL, NULL, setting->failure);

    if (error != 0)
        return error;
    if (found == 0)
        snprintf(setting->text, SET_BACK_TEXT_SIZE, "an empty one: no older one can be read");

    struct hint_set packs = {.count = 0};

    if (found > 0)
        error = find_packs(setting, &setting->found, &packs);
    if (error == 0)
        error = commit(setting, found > 0 ? &setting->found : NULL, &packs);
    hint_set_release(&packs);
    return error;
}

int files_set_back(struct store *store, char ret_text[SET_BACK_TEXT_SIZE], struct failure *failure)
{
    struct setting_back setting = {.store = store, .text = ret_text, .failure = failure};

    ret_text[0] = '\0';

    int error = medium_watch(store, &setting.medium, failure);

    if (error == 0)
        error = set_back(&setting);
    object_reader_free(setting.reader);
    medium_free(setting.medium);
    log_state_release(&setting.state);
    return error == -ENOMEM ? failure_set(failure, ENOMEM, "%s", strerror(ENOMEM)) : error;
}
