/* SPDX-License-Identifier: MIT */
#include "fs/store/repair_packs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/reach.h"
#include "fs/store/unlisted.h"

#define ATTEMPTS 16 /* when others write to the log at the same time */
#define PARENT_CACHE_BYTES ((size_t)8 << 20)

/* What is to become of a pack. */
enum fate { STAYS, CLOSED, REWRITTEN, UNREAD };

struct mending {
    struct store *store;
    struct object_reader *reader;
    struct log_state *state;
    bool read_data;
    const struct store_progress *progress;
    struct reach *reach;
    struct unlisted unlisted;
    uint8_t *fates; /* of the reach's packs */
    bool damaged;   /* something in them */
    struct repaired_packs result;
    struct failure *failure;
};

/* ---- What is needed ---- */

static int add_all(struct mending *mending)
{
    const struct log_state *state = mending->state;
    int error = 0;

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++) {
        error = reach_add(mending->reach, &state->snapshots[i], mending->failure);
        store_progress_tell(mending->progress, "walking snapshots", i + 1, state->snapshot_count);
    }
    if (error == 0 && state->has_files)
        error = reach_add_files(mending->reach, &state->files, mending->failure);
    return error == 0 ? reach_add_ancestors(mending->reach, mending->failure) : error;
}

static int look(struct mending *mending)
{
    int error = object_reader_create(mending->store, PARENT_CACHE_BYTES, &mending->reader,
                                     mending->failure);

    if (error == 0)
        error = reach_create(mending->store, mending->reader, mending->state, mending->progress,
                             &mending->reach, mending->failure);
    if (error == 0)
        error = unlisted_begin(&mending->unlisted, mending->store, mending->reader, mending->reach,
                               mending->state);
    return error == 0 ? add_all(mending) : error;
}

static void look_away(struct mending *mending)
{
    unlisted_release(&mending->unlisted);
    reach_free(steal_pointer(&mending->reach));
    object_reader_free(steal_pointer(&mending->reader));
    mending->unlisted = (struct unlisted){.store = NULL};
}

/* Prune may remove packs between the listing and the look into them; it has said so in the log. */
static int look_again(struct mending *mending)
{
    int error = look(mending);

    for (int attempt = 1; attempt < ATTEMPTS && error == -ENOENT; attempt++) {
        uint64_t looked_at = mending->state->sequence;

        look_away(mending);
        error = log_read(mending->store, mending->state, mending->failure);
        if (error == 0)
            error = mending->state->sequence != looked_at ? look(mending) : -ENOENT;
    }
    return error;
}

/* ---- Which packs ---- */

struct examining {
    struct mending *mending;
    struct reach_spot spot;
    bool damaged; /* a piece */
    bool unread;  /* the same, for now */
};

/* A pack_report. */
static int examine_object(void *context, const struct pack_entry *entry, const struct buffer *body,
                          int error)
{
    struct examining *examining = context;
    struct reach_spot spot = examining->spot;

    (void)body;
    (void)entry;
    examining->spot.entry++;
    if (error == 0)
        return 0;
    if (error != -EBADMSG) {
        examining->unread = examining->unread || reach_lives(examining->mending->reach, spot);
        return 0;
    }
    examining->damaged = true;
    return reach_set_damaged(examining->mending->reach, spot);
}

/* What is damaged in it is noted in the reach. */
static int examine(struct mending *mending, size_t place, uint8_t *ret_fate)
{
    const struct reach_pack *pack = reach_pack(mending->reach, place);
    struct examining examining = {.mending = mending, .spot = {.pack = (uint32_t)place}};
    int error;

    *ret_fate = STAYS;
    if (pack->error != 0) {
        *ret_fate = pack->error != -ENOENT ? CLOSED : STAYS;
        return 0;
    }
    error = mending->read_data
                ? pack_check(mending->store, pack->name, examine_object, &examining, NULL)
                : pack_head_check(mending->store, pack->name, NULL);
    if (error == -ENOMEM)
        return error;
    mending->damaged = mending->damaged || examining.damaged;
    if (examining.unread)
        *ret_fate = UNREAD;
    else if (error == -EBADMSG || examining.damaged)
        *ret_fate = REWRITTEN;
    return 0;
}

/*
 * After it was chosen which copies live: a pack of which something needed is damaged stays, as a
 * copy of it may be put back. One that references lead to in vain is written anew without what
 * cannot be read, so that they lead to the copy that can. And where a copy that can be read is in a
 * marked pack, whose turn it is to go, another one is made of it: a prune, which knows of no
 * damage, might keep the one that cannot.
 */
static void judge(struct mending *mending, size_t place, uint8_t *fate)
{
    const struct reach_pack *pack = reach_pack(mending->reach, place);

    if (*fate == CLOSED)
        return;
    mending->result.lost = mending->result.lost || pack->lost_count > 0 || *fate == UNREAD;
    if (pack->lost_count > 0 || *fate == UNREAD)
        *fate = STAYS;
    else if (pack->avoided || (mending->damaged && pack->marked && pack->living_count > 0))
        *fate = REWRITTEN;
}

static int judge_all(struct mending *mending)
{
    size_t count = reach_pack_count(mending->reach);
    int error = 0;

    mending->fates = allocate_array(count, 1);
    if (mending->fates == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count && error == 0; i++) {
        error = examine(mending, i, &mending->fates[i]);
        store_progress_tell(mending->progress, "looking at packs", i + 1, count);
    }
    if (error == 0 && mending->damaged)
        error = reach_choose_again(mending->reach, mending->failure);
    for (size_t i = 0; i < count && error == 0; i++)
        judge(mending, i, &mending->fates[i]);
    return error;
}

/* ---- Writing ---- */

struct moving {
    struct mending *mending;
    struct reach_spot spot;
    struct object_writer *writer;
};

/*
 * What cannot be read stays where it is, and its pack with it. What is compressed against a copy
 * needs one of the same depth.
 */
static int move(struct moving *moving, const struct object_reference *reference, uint8_t depth)
{
    struct object_put put;
    int error = object_move(moving->writer, reference, depth, &put, moving->mending->failure);

    if (error == 0)
        moving->mending->result.objects++;
    return error;
}

/* A pack_visit. */
static int move_living(void *context, const struct pack_entry *entry)
{
    struct moving *moving = context;
    struct reach_spot spot = moving->spot;

    moving->spot.entry++;
    return reach_lives(moving->mending->reach, spot) ? move(moving, &entry->reference, entry->depth)
                                                     : 0;
}

static int move_readable(struct moving *moving, const struct known_objects *readable)
{
    int error = 0;

    for (size_t i = 0; i < readable->count && error == 0; i++)
        error = move(moving, &readable->entries[i].reference, readable->entries[i].depth);
    return error;
}

static int move_all(struct mending *mending, struct object_writer *writer)
{
    struct moving moving = {.mending = mending, .writer = writer};
    int error = 0;

    for (size_t depth = 0; depth < UNLISTED_DEPTHS && error == 0; depth++)
        error = move_readable(&moving, &mending->unlisted.readable[depth]);
    for (size_t i = 0; i < reach_pack_count(mending->reach) && error == 0; i++) {
        const struct reach_pack *pack = reach_pack(mending->reach, i);

        if (mending->fates[i] != REWRITTEN || pack->living_count == 0)
            continue;
        moving.spot = (struct reach_spot){.pack = (uint32_t)i};
        error =
            pack_visit_objects(mending->store, pack->name, move_living, &moving, mending->failure);
        if (error == -EIO) {
            mending->fates[i] = STAYS;
            error = 0;
        }
    }
    return error;
}

static int write_anew(struct mending *mending)
{
    struct object_batch *batch = NULL;
    struct object_writer *writer = NULL;
    const char *const *names;
    size_t count;
    uint64_t bytes;
    int error = object_batch_create(mending->store, mending->reader, &batch, mending->failure);

    if (error == 0)
        error = object_writer_create(batch, &writer, mending->failure);
    if (error == 0)
        error = move_all(mending, writer);
    if (error == 0)
        error = object_writer_finish(writer);
    object_writer_free(writer);
    if (error == 0)
        error = object_batch_finish(batch, &names, &count, &bytes, mending->failure);
    object_batch_free(batch);
    return error;
}

/* ---- Marking ---- */

static int mark_once(struct mending *mending, const char **names)
{
    size_t count = 0;
    int error;

    for (size_t i = 0; i < reach_pack_count(mending->reach) && count < LOG_PACKS_LIMIT; i++) {
        const char *name = reach_pack(mending->reach, i)->name;

        if (mending->fates[i] != STAYS && log_find_mark(mending->state, name) == NULL)
            names[count++] = name;
    }
    if (count == 0)
        return 0;
    error = log_mark_packs(mending->store, mending->state, names, count, mending->failure);
    if (error == 0)
        mending->result.marked += count;
    return error;
}

static int mark(struct mending *mending)
{
    const char **names = allocate_array(reach_pack_count(mending->reach), sizeof(const char *));
    int error = -EAGAIN;

    if (names == NULL)
        return -ENOMEM;
    for (int attempt = 0; attempt < ATTEMPTS && error == -EAGAIN; attempt++)
        error = mark_once(mending, names);
    free((void *)names);
    return error;
}

static int mend(struct mending *mending)
{
    bool any = false;
    int error = look_again(mending);

    if (error == 0)
        error = judge_all(mending);
    if (error != 0)
        return error;
    mending->result.lost = mending->result.lost || reach_lost(mending->reach) != 0;
    for (size_t i = 0; i < reach_pack_count(mending->reach); i++) {
        any = any || mending->fates[i] != STAYS;
        if (mending->fates[i] == CLOSED && reach_lost(mending->reach) != 0)
            mending->result.closed++;
    }
    if (!any)
        return 0;
    error = write_anew(mending);
    return error == 0 ? mark(mending) : error;
}

int repair_packs(struct store *store, struct log_state *state, bool read_data,
                 const struct store_progress *progress, struct repaired_packs *ret_repaired,
                 struct failure *failure)
{
    struct mending mending = {.store = store,
                              .state = state,
                              .read_data = read_data,
                              .progress = progress,
                              .failure = failure};
    int error = mend(&mending);

    free(mending.fates);
    look_away(&mending);
    if (error == 0)
        *ret_repaired = mending.result;
    return error;
}
