/* SPDX-License-Identifier: MIT */
/*
 * The order of things, and why nothing that is needed can be lost:
 *
 *   reach     what the snapshots of state n need, and where one copy of each stands
 *   remove    packs marked long ago in which no copy stands: the copies durable, a record, then
 *             the files
 *   rewrite   new packs, durable, with an index
 *   mark      packs in which no copy stands, or not the only one
 *   tidy      indexes, the log's old files, what dead writers left in tmp/
 *
 * 1. A file goes only after a remove record that names it. Its mark stood in state n, and has stood
 *    since: the record is put exclusively after a state in which no marks have changed since n. The
 *    reach is that of state n: it has seen every snapshot before it.
 * 2. Whoever takes a snapshot, or says what files/ is, sees in the log, before its own record, that
 *    a pack it relies on is marked or removed, and unmarks it or writes again what was in it. So
 *    what records after n say does not need the pack, before the remove record or after it, but
 *    what they have from state n. So prune need not be faster than they are.
 * 3. A mark forbids nothing to anybody, and may be wrong: the next removal looks again.
 *    What files/ has let go of, it cannot write again: a pack that it is seen to use stays
 *    (object_meanwhile.c).
 * 4. A copy may stand in a pack that can be seen and is not durable yet, of a snapshot that is
 *    being taken (durable.h). Before a record lets other copies go, such packs are flushed
 *    (prune_young.c).
 */
#include "fs/store/prune.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/memory.h"
#include "fs/store/index_merge.h"
#include "fs/store/log_internal.h"
#include "fs/store/prune_internal.h"

#define RECORDS_BYTES ((uint64_t)64 << 10) /* that a prune puts, and more */
#define ATTEMPTS 16                        /* when others prune at the same time */

/* ---- Reach ---- */

/* In a dry run. */
static bool is_gone(const struct prune_options *options, const struct snapshot *snapshot)
{
    for (size_t i = 0; i < options->gone_count; i++) {
        if (memcmp(options->gone[i]->id, snapshot->id, sizeof snapshot->id) == 0)
            return true;
    }
    return false;
}

static int add_snapshots(struct pruning *pruning)
{
    const struct log_state *state = &pruning->state;
    int error = 0;

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++) {
        error = prune_go_on(pruning);
        if (error == 0 && !is_gone(pruning->options, &state->snapshots[i]))
            error = reach_add(pruning->reach, &state->snapshots[i], pruning->failure);
        store_progress_tell(pruning->options->progress, "walking snapshots", i + 1,
                            state->snapshot_count);
    }
    if (error == 0 && state->has_files)
        error = reach_add_files(pruning->reach, &state->files, pruning->failure);
    return error == 0 ? reach_add_ancestors(pruning->reach, pruning->failure) : error;
}

static int look_once(struct pruning *pruning)
{
    int error = log_read(pruning->store, &pruning->state, pruning->failure);

    pruning->looked_at = pruning->state.sequence;
    reach_free(pruning->reach);
    pruning->reach = NULL;
    if (error == 0)
        error = reach_create(pruning->store, pruning->reader, &pruning->state,
                             pruning->options->progress, &pruning->reach, pruning->failure);
    if (error == 0)
        error = add_snapshots(pruning);
    if (error == 0)
        pruning->result.ancestor_bytes = reach_ancestor_bytes(pruning->reach);
    return error;
}

static int refuse_lost(struct failure *failure)
{
    return failure_set(failure, EBADMSG,
                       "the store lacks something that its snapshots need, so nothing is taken "
                       "from it: `crmfs check` says what, and what can be done");
}

/*
 * What seems lost, or a pack that is not there, may only have gone between the listing of the packs
 * and the look into them: into another pack, by another prune, which has put a record before it
 * removed anything.
 */
int prune_look(struct pruning *pruning)
{
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        int error = look_once(pruning);

        if (error == 0 && reach_lost(pruning->reach) != 0)
            error = refuse_lost(pruning->failure);
        if (error != -EBADMSG && error != -ENOENT)
            return error;

        int read = log_read(pruning->store, &pruning->state, NULL);

        if (read != 0 || pruning->state.sequence == pruning->looked_at)
            return read == -ENOMEM ? read : error;
    }
    return failure_set(pruning->failure, EAGAIN,
                       "other prunes change the store all the time: try again later");
}

/* ---- Mark ---- */

/* What a clock dated that went wrong, ahead, is no younger than others. */
static bool is_of_a_time_to_come(const struct reach_pack *pack)
{
    return pack->modified - time(NULL) > PRUNE_YOUNG_SECONDS;
}

/*
 * Packs that nothing needs. One that is young, and that no record up to our reach's names, may be
 * needed soon, or by now: a later record may have taken a snapshot of which our reach knows
 * nothing.
 */
static int choose_garbage(struct pruning *pruning, struct pack_set *set)
{
    for (size_t i = 0; i < reach_pack_count(pruning->reach); i++) {
        const struct reach_pack *pack = reach_pack(pruning->reach, i);

        if (pack->marked || pack->living_count > 0)
            continue;

        int settled = is_of_a_time_to_come(pack) ? 1 : prune_is_settled(pruning, pack);

        if (settled < 0)
            return settled;
        if (settled == 0) {
            prune_sum_add(&pruning->result.young, pack);
            continue;
        }
        prune_sum_add(&pruning->result.garbage, pack);
        if (pack_set_add(set, i) != 0)
            return prune_no_memory(pruning);
    }
    return 0;
}

/* Those of the set that are not marked now. */
static int unmarked_names(const struct pruning *pruning, const struct pack_set *set,
                          struct names *names)
{
    names->count = 0;
    for (size_t i = 0; i < set->count; i++) {
        const char *name = reach_pack(pruning->reach, set->places[i])->name;

        if (log_find_mark(&pruning->state, name) == NULL && names_add(names, name) != 0)
            return prune_no_memory(pruning);
    }
    return 0;
}

static int mark_packs(struct pruning *pruning, const struct pack_set *set)
{
    cleanup_names struct names names = {.count = 0};
    int error = -EAGAIN;

    for (int attempt = 0; error == -EAGAIN && attempt < ATTEMPTS; attempt++) {
        error = unmarked_names(pruning, set, &names);
        if (error == 0)
            error = prune_append(pruning, log_mark_packs, &names);
    }
    return error;
}

/*
 * Either another prune has removed one of the packs: it has rewritten them, too. Or the disk is
 * full: all the more what nothing needs has to go.
 */
static int do_without(struct pruning *pruning, struct pack_set *emptied, int error)
{
    if (error != -ENOENT && !prune_is_full(error))
        return error;
    if (error != -ENOENT) {
        pruning->no_room = (struct failure){.text = "there is no room"};
        if (pruning->failure != NULL)
            pruning->no_room = *pruning->failure;
        pruning->no_room.code = -error;
    }
    emptied->count = 0;
    return 0;
}

static int mark_and_rewrite(struct pruning *pruning)
{
    cleanup_pack_set struct pack_set garbage = {.count = 0};
    cleanup_pack_set struct pack_set emptied = {.count = 0};
    int error = choose_garbage(pruning, &garbage);

    if (error == 0 && prune_choose(pruning, &emptied) != 0)
        error = prune_no_memory(pruning);
    if (error == 0 && emptied.count > 0 && !pruning->options->dry_run)
        error = do_without(pruning, &emptied, prune_rewrite(pruning, &emptied));
    for (size_t i = 0; i < emptied.count; i++)
        prune_sum_add(&pruning->result.emptied, reach_pack(pruning->reach, emptied.places[i]));
    if (error != 0 || pruning->options->dry_run)
        return error;
    for (size_t i = 0; i < emptied.count && error == 0; i++) {
        if (pack_set_add(&garbage, emptied.places[i]) != 0)
            error = prune_no_memory(pruning);
    }
    return error == 0 && garbage.count > 0 ? mark_packs(pruning, &garbage) : error;
}

/* ---- Tidy ---- */

static int find_marked(const struct pruning *pruning, struct hint_set *marked)
{
    int error = 0;

    for (size_t i = 0; i < pruning->state.mark_count && error == 0; i++) {
        uint8_t salt[STORE_SALT_BYTES];

        if (pack_salt(pruning->state.marks[i].pack, salt))
            error = hint_set_add(marked, pack_hint(salt));
    }
    return error;
}

static int tidy(struct pruning *pruning)
{
    struct storage *storage = store_storage(pruning->store);
    struct pack_list *packs = pack_list_create(storage);
    struct hint_set marked = {.count = 0};
    int error = packs != NULL ? find_marked(pruning, &marked) : -ENOMEM;

    if (error == 0)
        error = index_merge(pruning->store, packs, &marked, pruning->failure);
    pack_list_free(packs);
    hint_set_release(&marked);
    if (error == -ENOMEM)
        return prune_no_memory(pruning);
    if (error == -ENOENT || prune_is_full(error)) /* another prune is at it; it can be done later */
        error = 0;
    if (error == 0)
        error = prune_log(pruning);
    if (error == 0)
        error = storage->class->sweep(storage, time(NULL) - LEFTOVER_SECONDS, pruning->failure);
    return error == 0 ? storage->class->sync(storage, pruning->failure) : error;
}

static void count_packs(struct pruning *pruning)
{
    struct prune_result *result = &pruning->result;

    for (size_t i = 0; i < reach_pack_count(pruning->reach); i++)
        prune_sum_add(&result->found, reach_pack(pruning->reach, i));
}

/* After all was done. */
static void count_waiting(struct pruning *pruning)
{
    for (size_t i = 0; i < reach_pack_count(pruning->reach); i++) {
        const struct reach_pack *pack = reach_pack(pruning->reach, i);
        const struct log_mark *mark = log_find_mark(&pruning->state, pack->name);

        if (mark != NULL && !mark->removed)
            prune_sum_add(&pruning->result.waiting, pack);
    }
}

static void take_away(struct prune_sum *sum, const struct prune_sum *part)
{
    sum->packs -= part->packs;
    sum->bytes -= part->bytes;
}

static void sum_named(const struct pruning *pruning, const struct names *names,
                      struct prune_sum *sum)
{
    for (size_t i = 0; i < names->count; i++) {
        const struct reach_pack *pack = reach_pack_named(pruning->reach, names->names[i]);

        if (pack != NULL)
            prune_sum_add(sum, pack);
    }
}

/* What would be removed, of what is marked already, and what would wait on; then what is not. */
static int pretend(struct pruning *pruning)
{
    cleanup_names struct names wanted = {.count = 0};
    cleanup_names struct names due = {.count = 0};
    struct prune_result *result = &pruning->result;
    struct prune_sum unmarked = {.packs = 0};

    if (prune_judge_marks(pruning, &wanted, &due) != 0)
        return prune_no_memory(pruning);
    sum_named(pruning, &due, &result->removed);
    sum_named(pruning, &wanted, &unmarked);
    count_waiting(pruning);
    take_away(&result->waiting, &result->removed);
    take_away(&result->waiting, &unmarked);
    return mark_and_rewrite(pruning);
}

/* On a full disk the log's old files go first: what else goes, takes records that say so. */
static int make_room(struct pruning *pruning)
{
    struct storage *storage = store_storage(pruning->store);

    if (storage->class->try_room == NULL ||
        storage->class->try_room(storage, RECORDS_BYTES, NULL) == 0)
        return 0;

    int error = prune_note_named(pruning);

    return error == 0 ? prune_log(pruning) : error;
}

static int run(struct pruning *pruning)
{
    int error = prune_look(pruning);

    if (error != 0)
        return error;
    count_packs(pruning);
    if (pruning->options->dry_run)
        return pretend(pruning);
    error = make_room(pruning);
    if (error == 0)
        error = prune_remove(pruning);
    if (error == 0)
        error = mark_and_rewrite(pruning);
    /* Where nobody is waited for, what was marked goes at once; but only after another look. */
    if (error == 0 && pruning->options->grace_ns == 0) {
        error = prune_look(pruning);
        if (error == 0)
            error = prune_remove(pruning);
    }
    if (error == 0) {
        count_waiting(pruning);
        error = tidy(pruning);
    }
    return error;
}

/* What another prune gives back, and what none does. */
static int refuse_full(const struct pruning *pruning)
{
    uint64_t ancestors = pruning->result.ancestor_bytes;
    char rest[FAILURE_TEXT_SIZE] = "";

    if (ancestors != 0)
        snprintf(rest, sizeof rest,
                 ". %" PRIu64 " KiB stay because what is needed is stored as changes to them: only "
                 "a new store, with a new snapshot, is without them",
                 ancestors / 1024 + 1);
    return failure_set(
        pruning->failure, pruning->no_room.code,
        "%s. Packs in which little is needed could not be rewritten, unless more may stay unused "
        "(--max-unused). What is not needed at all %s%s",
        pruning->no_room.text,
        pruning->options->grace_ns != 0
            ? "goes all the same: prune again when the grace period is over"
            : "has gone all the same",
        rest);
}

static int refuse_damaged(const struct pruning *pruning)
{
    return failure_set(pruning->failure, pruning->damaged.code,
                       "%s. Packs of which something is damaged, and little is needed, were not "
                       "rewritten; all else was done",
                       pruning->damaged.text);
}

int prune(struct store *store, const struct prune_options *options, struct prune_result *ret_result,
          struct failure *failure)
{
    struct pruning pruning = {.store = store, .options = options, .failure = failure};
    int error = object_reader_create(store, 0, &pruning.reader, failure);

    if (error == 0)
        error = run(&pruning);
    /* That it cannot be looked at is no reason for the store not to have been pruned. */
    if (error == 0 && image_cache_prune(store, IMAGE_CACHE_UNUSED_SECONDS, options->dry_run,
                                        &pruning.result.kept, NULL) == -ENOMEM)
        error = -ENOMEM;
    reach_free(pruning.reach);
    log_state_release(&pruning.state);
    object_reader_free(pruning.reader);
    free(pruning.named);
    if (error == -ENOMEM)
        return prune_no_memory(&pruning);
    if (error == 0 && pruning.no_room.code != 0)
        return refuse_full(&pruning);
    if (error == 0 && pruning.damaged.code != 0)
        return refuse_damaged(&pruning);
    if (error == 0)
        *ret_result = pruning.result;
    return error;
}
