/* SPDX-License-Identifier: MIT */
/*
 * From what everything hangs on to what hangs on it: keys, log, indexes, packs, snapshots, data.
 * Damage is found object by object, each once; only when there is some, every snapshot is
 * gone through in full, to say what of it is touched.
 */
#include "fs/store/check.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/check_internal.h"
#include "fs/store/index.h"
#include "fs/store/keys.h"
#include "fs/store/misnamed.h"
#include "fs/store/object_reader.h"

#define PARENT_CACHE_BYTES ((size_t)8 << 20)
#define ATTEMPTS 16 /* while prune removes what is being looked at */

void check_find(struct checking *checking, const struct check_finding *finding)
{
    checking->result.findings++;
    if (!finding->harmless)
        checking->result.harmful++;
    if (checking->options->report != NULL)
        checking->options->report(checking->options->context, finding);
}

void check_find_file(struct checking *checking, enum check_kind kind, const char *file,
                     bool harmless, const struct failure *failure)
{
    const struct check_finding finding = {
        .kind = kind, .file = file, .harmless = harmless, .text = failure->text};

    check_find(checking, &finding);
}

/* ---- Keys ---- */

static int check_keys(struct checking *checking)
{
    cleanup_free struct key_info *keys = NULL;
    size_t count = 0;
    int error = store_key_list(checking->store, &keys, &count, checking->failure);

    if (error == 0)
        store_key_note_removed(keys, count, &checking->state);

    for (size_t i = 0; i < count && error == 0; i++) {
        char name[sizeof "keys/" + KEY_SLOT_NAME_DIGITS];
        struct failure failure;
        size_t used = (size_t)snprintf(name, sizeof name, "keys/");

        for (size_t j = 0; j < KEY_SLOT_ID_BYTES; j++)
            used += (size_t)snprintf(name + used, sizeof name - used, "%02x", keys[i].slot.id[j]);
        if (keys[i].damaged)
            failure_set(&failure, EBADMSG,
                        "the key is damaged, or was not made by somebody who had opened the store");
        else
            failure_set(&failure, EBADMSG,
                        "the key was removed, though its file is there: it no longer opens the "
                        "store, and `crmfs key remove` takes the file away");
        if (keys[i].damaged || keys[i].removed)
            check_find_file(checking, CHECK_KEY, name, true, &failure);
    }
    return error;
}

/* ---- Indexes ---- */

struct index_names {
    char (*names)[PACK_NAME_SIZE];
    size_t count;
};

/* A storage_visit. */
static int note_index(void *context, const char *name, uint64_t size, time_t modified)
{
    struct index_names *list = context;
    uint8_t salt[STORE_SALT_BYTES];

    (void)size;
    (void)modified;
    if (!pack_salt(name, salt))
        return 0;
    if ((list->count & (list->count - 1)) == 0) {
        size_t room = list->count != 0 ? 2 * list->count : 1;
        char(*names)[PACK_NAME_SIZE] = reallocarray(list->names, room, sizeof *names);

        if (names == NULL)
            return -ENOMEM;
        list->names = names;
    }
    memcpy(list->names[list->count++], name, PACK_NAME_SIZE);
    return 0;
}

static int check_indexes(struct checking *checking)
{
    struct storage *storage = store_storage(checking->store);
    struct index_names list = {.count = 0};
    int error = storage->class->list(storage, INDEX_FOLDER, note_index, &list, checking->failure);

    for (size_t i = 0; i < list.count && (error == 0 || error == -ENOENT); i++) {
        char path[INDEX_PATH_SIZE];
        struct failure failure = {.code = 0};

        error = index_check(checking->store, list.names[i], &failure);
        if (error == -ENOMEM)
            break;
        if (error != 0 && error != -ENOENT) {
            snprintf(path, sizeof path, INDEX_FOLDER "/%s", list.names[i]);
            check_find_file(checking, CHECK_INDEX, path, true, &failure);
        }
        error = 0;
        store_progress_tell(checking->options->progress, "reading indexes", i + 1, list.count);
    }
    free(list.names);
    return error == -ENOENT ? 0 : error;
}

/* ---- Packs and snapshots ---- */

/* Nobody misses what cannot be read of a pack that is to be removed. */
static bool is_done_with(const struct checking *checking, const struct reach_pack *pack)
{
    return pack->marked && pack->living_count == 0 && reach_lost(checking->reach) == 0 &&
           unlisted_in_pack(&checking->unlisted, pack->hint) == 0;
}

/* A pack whose directory is damaged matters if something cannot be found that was in some pack. */
static int report_packs(struct checking *checking)
{
    struct check_result *result = &checking->result;
    bool harmless = reach_lost(checking->reach) == 0;

    result->packs = reach_pack_count(checking->reach);
    for (size_t i = 0; i < result->packs; i++) {
        const struct reach_pack *pack = reach_pack(checking->reach, i);
        uint8_t salt[STORE_SALT_BYTES];
        char path[PACK_PATH_SIZE];
        struct failure failure;

        result->pack_bytes += pack->file_bytes;
        result->objects += pack->count;
        if (pack->error == 0 || pack->error == -ENOENT || is_done_with(checking, pack) ||
            !pack_salt(pack->name, salt))
            continue;
        pack_path(salt, path);
        failure_set(&failure, -pack->error, "its directory cannot be read: %s",
                    pack->error == -EBADMSG ? "it is damaged" : strerror(-pack->error));
        check_find(checking,
                   &(struct check_finding){.kind = CHECK_PACK,
                                           .file = path,
                                           .harmless = harmless,
                                           .unread = medium_failed(checking->medium, path),
                                           .text = failure.text});
    }
    return 0;
}

/* A pack_visit of the first object. 1: an index tells of it; 2: none does; -errno. */
static int look_up(void *context, const struct pack_entry *entry)
{
    const struct checking *checking = context;
    struct index_entry found;
    int count = index_set_find(checking->reader->indexes, entry->reference.id, 1, &found,
                               checking->failure);

    return count < 0 ? count : count == 0 ? 2 : 1;
}

/*
 * Whether indexes should tell of a pack: what is in it is needed, and no mount is at work that has
 * written it lately, and leaves its index for later.
 */
static bool is_to_be_indexed(const struct checking *checking, const struct reach_pack *pack)
{
    const struct files_claim *claim = &checking->state.claim;

    return pack->error == 0 && !pack->marked && pack->living_count > 0 &&
           (!claim->stands || (uint64_t)pack->modified < claim->time_ns / NS_PER_SECOND);
}

/* All objects of a pack come into one index, so that one tells of all. */
static int count_unindexed(struct checking *checking)
{
    int error = 0;

    for (size_t i = 0; i < reach_pack_count(checking->reach) && error >= 0; i++) {
        const struct reach_pack *pack = reach_pack(checking->reach, i);

        if (!is_to_be_indexed(checking, pack))
            continue;
        error = pack_visit_objects(checking->store, pack->name, look_up, checking, NULL);
        checking->result.packs_unindexed += error == 2;
        if (error != -ENOMEM) /* else it was removed meanwhile */
            error = 0;
    }
    return error;
}

/* A misnamed_visit. */
static int report_misnamed(void *context, const char *path, const char *own, bool missing)
{
    struct failure failure;

    failure_set(&failure, EBADMSG, "it is %s under another name%s", own,
                missing ? ": `crmfs repair` puts it back, and nothing of it is lost"
                        : ", which is there too: `crmfs repair` puts it in its place if more of it "
                          "can be read, removes it if it is the same, and else leaves it");
    check_find_file(context, CHECK_PACK, path, true, &failure);
    return 0;
}

static int walk_all(struct checking *checking)
{
    const struct log_state *state = &checking->state;
    int error = 0;

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++) {
        if (!check_wants(checking, &state->snapshots[i]))
            continue;
        error = reach_add(checking->reach, &state->snapshots[i], checking->failure);
        checking->result.snapshots++;
        store_progress_tell(checking->options->progress, "walking snapshots", i + 1,
                            state->snapshot_count);
    }
    if (error == 0 && state->has_files && checking->only == NULL)
        error = reach_add_files(checking->reach, &state->files, checking->failure);
    if (error == 0)
        error = reach_add_ancestors(checking->reach, checking->failure);
    if (error == 0 && reach_lost(checking->reach) != 0)
        checking->damaged = true;
    return error;
}

/* ---- All of it ---- */

/* 1: without its log, nothing else of the store can be looked at. */
static int read_log(struct checking *checking)
{
    struct failure failure = {.code = 0};
    int error = check_log(checking);

    if (error != 0)
        return error;
    error = log_read(checking->store, &checking->state, &failure);
    if (error == -EBADMSG) {
        if (checking->result.harmful == 0)
            check_find_file(checking, CHECK_LOG, NULL, false, &failure);
        return 1;
    }
    if (error != 0 && checking->failure != NULL)
        *checking->failure = failure;
    return error;
}

/* What the snapshots of the state need, and where it is. */
static int look(struct checking *checking)
{
    int error = object_reader_create(checking->store, PARENT_CACHE_BYTES, &checking->reader,
                                     checking->failure);

    if (error == 0)
        error = reach_create(checking->store, checking->reader, &checking->state,
                             checking->options->progress, &checking->reach, checking->failure);
    if (error == 0)
        error = unlisted_begin(&checking->unlisted, checking->store, checking->reader,
                               checking->reach, &checking->state);
    return error == 0 ? walk_all(checking) : error;
}

void check_look_away(struct checking *checking)
{
    unlisted_release(&checking->unlisted);
    reach_free(steal_pointer(&checking->reach));
    object_reader_free(steal_pointer(&checking->reader));
    checking->unlisted = (struct unlisted){.store = NULL};
}

/* Prune may remove packs between the listing and the look into them; it has said so in the log. */
int check_look(struct checking *checking)
{
    int error = look(checking);

    for (int attempt = 1; attempt < ATTEMPTS && error == -ENOENT; attempt++) {
        uint64_t looked_at = checking->state.sequence;

        check_look_away(checking);
        checking->result.snapshots = 0;
        checking->damaged = false;
        error = log_read(checking->store, &checking->state, checking->failure);
        if (error == 0)
            error = checking->state.sequence != looked_at ? look(checking) : -ENOENT;
    }
    return error;
}

static int check_packs(struct checking *checking)
{
    int error = check_look(checking);

    if (error == 0)
        error = misnamed_find(checking->store, report_misnamed, checking, checking->failure);
    if (error == 0)
        error = report_packs(checking);
    if (error == 0)
        error = count_unindexed(checking);
    if (error == 0 && checking->options->read_data)
        error = check_data(checking);
    return error == 0 && checking->damaged ? check_losses(checking) : error;
}

int check(struct store *store, const struct check_options *options, struct check_result *ret_result,
          struct failure *failure)
{
    struct checking checking = {.store = store, .options = options, .failure = failure};
    int error = medium_watch(store, &checking.medium, failure);

    if (error == 0)
        error = read_log(&checking); /* 1: of keys, too, it says nothing */
    if (error >= 0) {
        int keys = check_keys(&checking);

        error = keys != 0 ? keys : error;
    }
    if (error == 0)
        error = check_indexes(&checking);
    if (error == 0)
        error = check_packs(&checking);
    if (error >= 0 &&
        image_cache_check(store, options->read_data, &checking.result.kept, NULL) == -ENOMEM)
        error = -ENOMEM;
    check_look_away(&checking);
    log_state_release(&checking.state);
    medium_free(checking.medium);
    if (error == -ENOMEM)
        return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
    if (error < 0)
        return error;
    *ret_result = checking.result;
    return 0;
}
