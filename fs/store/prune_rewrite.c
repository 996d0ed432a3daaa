/* SPDX-License-Identifier: MIT */
/* Packs that hold little that is needed: what that is goes into new packs, as it is stored. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/prune_internal.h"

int pack_set_add(struct pack_set *set, size_t place)
{
    if ((set->count & (set->count - 1)) == 0) {
        size_t room = set->count != 0 ? 2 * set->count : 1;
        size_t *places = reallocarray(set->places, room, sizeof *places);

        if (places == NULL)
            return -ENOMEM;
        set->places = places;
    }
    set->places[set->count++] = place;
    return 0;
}

static uint64_t unused_bytes(const struct reach_pack *pack)
{
    return pack->object_bytes - pack->living_bytes;
}

/* Most of it unused: first. */
static int compare_unused(const void *left, const void *right, void *context)
{
    const struct reach *reach = context;
    const struct reach_pack *one = reach_pack(reach, *(const size_t *)left);
    const struct reach_pack *other = reach_pack(reach, *(const size_t *)right);
    double one_share = (double)unused_bytes(one) / (double)one->object_bytes;
    double other_share = (double)unused_bytes(other) / (double)other->object_bytes;

    return (one_share < other_share) - (one_share > other_share);
}

/* How many bytes may stay unused, where USED are used. */
static uint64_t bound(const struct prune_unused *unused, uint64_t used)
{
    switch (unused->kind) {
    case UNUSED_PERCENT:
        return (uint64_t)((double)used * (double)unused->amount / (100.0 - (double)unused->amount));
    case UNUSED_BYTES: return unused->amount;
    case UNUSED_UNLIMITED: break;
    }
    return UINT64_MAX;
}

int prune_choose(struct pruning *pruning, struct pack_set *set)
{
    uint64_t used = 0;
    uint64_t unused = 0;
    size_t chosen = 0;

    for (size_t i = 0; i < reach_pack_count(pruning->reach); i++) {
        const struct reach_pack *pack = reach_pack(pruning->reach, i);

        if (pack->marked || pack->living_count == 0)
            continue;
        used += pack->living_bytes;
        unused += unused_bytes(pack);
        if (unused_bytes(pack) > 0 && pack_set_add(set, i) != 0)
            return -ENOMEM;
    }
    if (set->count > 1)
        qsort_r(set->places, set->count, sizeof *set->places, compare_unused, pruning->reach);
    while (chosen < set->count && unused > bound(&pruning->options->unused, used))
        unused -= unused_bytes(reach_pack(pruning->reach, set->places[chosen++]));
    set->count = chosen;
    pruning->result.unused_bytes = unused;
    return 0;
}

/* A pack that is emptied. */
struct emptying {
    struct reach *reach;
    struct reach_spot spot;
    struct object_writer *writer;
    struct failure *failure;
};

/* A pack_visit. */
static int move_living(void *context, const struct pack_entry *entry)
{
    struct emptying *emptying = context;
    struct reach_spot spot = emptying->spot;
    struct object_put put;

    emptying->spot.entry++;
    if (!reach_lives(emptying->reach, spot))
        return 0;

    int error =
        object_move(emptying->writer, &entry->reference, entry->depth, &put, emptying->failure);

    /* Where this copy is damaged, another one was found: it may rest on what is gone. */
    if (error == 0 && put.reference.sealed_size != entry->reference.sealed_size)
        error = failure_set(emptying->failure, EIO,
                            "a pack that is to be rewritten is damaged: run `crmfs check "
                            "--read-data`");
    return error;
}

/* They are as good as marked: what stands in them is found where it is moved to. */
static int avoid(struct pruning *pruning, const struct pack_set *set, struct object_batch *batch)
{
    int error = 0;

    for (size_t i = 0; i < set->count && error == 0; i++) {
        const char *name = reach_pack(pruning->reach, set->places[i])->name;

        error = object_batch_avoid(batch, &name, 1);
    }
    return error;
}

/* One of which something cannot be read stays as it is; the others need not. */
static int empty_pack(struct pruning *pruning, struct emptying *emptying, size_t place,
                      bool *ret_stays)
{
    struct failure failure = {.code = 0};
    int error;

    emptying->failure = &failure;
    emptying->spot = (struct reach_spot){.pack = (uint32_t)place};
    error = pack_visit_objects(pruning->store, reach_pack(pruning->reach, place)->name, move_living,
                               emptying, &failure);
    *ret_stays = error == -EIO;
    if (error == -EIO && pruning->damaged.code == 0)
        pruning->damaged = failure;
    else if (error != 0 && error != -EIO && pruning->failure != NULL)
        *pruning->failure = failure;
    return error == -EIO ? 0 : error;
}

/* Of SET those remain that were emptied. */
static int empty_packs(struct pruning *pruning, struct pack_set *set, struct object_batch *batch)
{
    size_t count = set->count;
    size_t emptied = 0;
    struct emptying emptying = {.reach = pruning->reach};
    int error = object_writer_create(batch, &emptying.writer, pruning->failure);

    for (size_t i = 0; i < count && error == 0; i++) {
        bool stays = false;

        error = prune_go_on(pruning);
        if (error != 0)
            break;
        error = empty_pack(pruning, &emptying, set->places[i], &stays);
        if (!stays)
            set->places[emptied++] = set->places[i];
        store_progress_tell(pruning->options->progress, "rewriting packs", i + 1, count);
    }
    set->count = emptied;
    if (error == 0)
        error = object_writer_finish(emptying.writer);
    object_writer_free(emptying.writer);
    return error;
}

/*
 * There is no room: what was written of it takes some that nobody needs, and is marked, so that it
 * goes before a day is over. The pack under way goes first. Takes the batch over.
 */
static void give_up(struct pruning *pruning, struct object_batch *batch)
{
    cleanup_names struct names written = {.count = 0};
    cleanup_free char *copies = NULL;
    const char *const *packs;
    size_t count;
    int error = 0;

    object_batch_packs(batch, &packs, &count);
    for (size_t i = 0; i < count && i < LOG_PACKS_LIMIT && error == 0; i++)
        error = names_add(&written, packs[i]);
    if (error == 0)
        error = names_copy(&written, &copies);
    object_batch_free(batch);
    if (error != 0 || written.count == 0)
        return;
    error = -EAGAIN;
    for (int attempt = 0; error == -EAGAIN && attempt < PRUNE_RECORD_ATTEMPTS; attempt++)
        error = log_mark_packs(pruning->store, &pruning->state, written.names, written.count, NULL);
}

int prune_rewrite(struct pruning *pruning, struct pack_set *set)
{
    struct object_batch *batch = NULL;
    const char *const *names;
    size_t count = 0;
    uint64_t bytes = 0;
    int error = object_batch_create(pruning->store, pruning->reader, &batch, pruning->failure);

    if (error == 0)
        error = avoid(pruning, set, batch);
    if (error == 0)
        error = empty_packs(pruning, set, batch);
    if (error == 0)
        error = object_batch_finish(batch, &names, &count, &bytes, pruning->failure);
    if (error == 0)
        pruning->result.written = (struct prune_sum){count, bytes};
    if (batch != NULL && prune_is_full(error))
        give_up(pruning, batch);
    else
        object_batch_free(batch);
    return error;
}
