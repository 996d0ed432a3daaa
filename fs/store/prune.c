/* SPDX-License-Identifier: MIT */
/*
 * The order of things, and why nothing that is needed can be lost:
 *
 *   reach     what the snapshots of state n need, and where one copy of each stands
 *   remove    packs marked long ago in which no copy stands; a record, then the files
 *   rewrite   new packs, durable, with an index
 *   mark      packs in which no copy stands, or not the only one
 *   tidy      indexes, the log's old files, what dead writers left in tmp/
 *
 * 1. A file goes only after a remove record that names it. That record was put exclusively after
 *    state n, with the reach of state n: it has seen every snapshot before it.
 * 2. Whoever takes a snapshot sees in the log, before its own record, that a pack it
 *    relies on is marked or removed, and unmarks it or writes again what was in it. So a
 *    snapshot after the remove record does not need the pack.
 * 3. A mark forbids nothing to anybody, and may be wrong: the next removal looks again.
 */
#include "fs/store/prune.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/base/memory.h"
#include "fs/store/index_merge.h"
#include "fs/store/prune_internal.h"

#define ATTEMPTS 16 /* when others write to the log at the same time */
#define YOUNG_SECONDS 86400

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "%s", strerror(ENOMEM));
}

/* ---- Reach ---- */

static int add_snapshots(struct pruning *pruning)
{
    const struct log_state *state = &pruning->state;
    int error = 0;

    for (size_t i = 0; i < state->snapshot_count && error == 0; i++) {
        error = reach_add(pruning->reach, &state->snapshots[i], pruning->failure);
        store_progress_tell(pruning->options->progress, "walking snapshots", i + 1,
                            state->snapshot_count);
    }
    return error == 0 ? reach_add_ancestors(pruning->reach, pruning->failure) : error;
}

/* What the log says now, and what that needs. */
static int look(struct pruning *pruning)
{
    int error = log_read(pruning->store, &pruning->state, pruning->failure);

    reach_free(pruning->reach);
    pruning->reach = NULL;
    if (error == 0)
        error = reach_create(pruning->store, pruning->reader, &pruning->state,
                             pruning->options->progress, &pruning->reach, pruning->failure);
    if (error == 0)
        error = add_snapshots(pruning);
    if (error == 0 && reach_lost(pruning->reach) != 0)
        error = failure_set(pruning->failure, EBADMSG,
                            "the store lacks something that its snapshots need, so nothing is "
                            "taken from it: `crmfs check` says which");
    return error;
}

/* ---- Lists of names, borrowed from the state or the reach ---- */

struct names {
    const char **names;
    size_t count;
};

static void names_release(struct names *names)
{
    free((void *)names->names);
}

#define cleanup_names __attribute__((__cleanup__(names_release)))

static int add_name(struct names *names, const char *name)
{
    if ((names->count & (names->count - 1)) == 0) {
        size_t room = names->count != 0 ? 2 * names->count : 1;
        const char **more = reallocarray((void *)names->names, room, sizeof *more);

        if (more == NULL)
            return -ENOMEM;
        names->names = more;
    }
    names->names[names->count++] = name;
    return 0;
}

typedef int append_packs(struct store *store, struct log_state *state, const char *const *packs,
                         size_t count, struct failure *failure);

/* Puts one record, or several; the names must not be the state's own. */
static int append_all(struct pruning *pruning, append_packs *append, const struct names *names)
{
    int error = 0;

    for (size_t done = 0; done < names->count && error == 0;) {
        size_t count = names->count - done;

        if (count > LOG_PACKS_LIMIT)
            count = LOG_PACKS_LIMIT;
        error =
            append(pruning->store, &pruning->state, names->names + done, count, pruning->failure);
        done += count;
    }
    return error;
}

static void add_pack(struct prune_sum *sum, const struct reach_pack *pack)
{
    sum->packs++;
    sum->bytes += pack->file_bytes;
}

/* ---- Remove ---- */

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Which marked packs are wanted after all, and which may go now. */
static int judge_marks(const struct pruning *pruning, struct names *wanted, struct names *due)
{
    uint64_t now = now_ns();
    int error = 0;

    for (size_t i = 0; i < pruning->state.mark_count && error == 0; i++) {
        const struct log_mark *mark = &pruning->state.marks[i];
        const struct reach_pack *pack = reach_pack_named(pruning->reach, mark->pack);

        if (mark->removed)
            continue;
        if (pack != NULL && pack->living_count > 0)
            error = add_name(wanted, pack->name);
        else if (now >= mark->time_ns && now - mark->time_ns >= pruning->options->grace_ns)
            error = add_name(due, pack != NULL ? pack->name : mark->pack);
    }
    return error;
}

/* Packs that are marked, though their files went otherwise: their names are the state's. */
static int copy_names(struct names *names, char **ret_copies)
{
    char *copies = allocate_array(names->count, PACK_NAME_SIZE);

    if (copies == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < names->count; i++) {
        memcpy(copies + i * PACK_NAME_SIZE, names->names[i], PACK_NAME_SIZE);
        names->names[i] = copies + i * PACK_NAME_SIZE;
    }
    *ret_copies = copies;
    return 0;
}

/* -EAGAIN: somebody else wrote to the log; look again. */
static int record_removals(struct pruning *pruning)
{
    cleanup_names struct names wanted = {.count = 0};
    cleanup_names struct names due = {.count = 0};
    cleanup_free char *wanted_copies = NULL;
    cleanup_free char *due_copies = NULL;

    if (judge_marks(pruning, &wanted, &due) != 0 || copy_names(&wanted, &wanted_copies) != 0 ||
        copy_names(&due, &due_copies) != 0)
        return no_memory(pruning->failure);

    int error = append_all(pruning, log_unmark_packs, &wanted);

    return error == 0 ? append_all(pruning, log_remove_packs, &due) : error;
}

/* The files of packs that a record says are removed, in this run or in one that ended early. */
static int remove_files(struct pruning *pruning)
{
    struct storage *storage = store_storage(pruning->store);
    struct reach *reach = pruning->reach;
    size_t count = reach_pack_count(reach);

    for (size_t i = 0; i < count; i++) {
        const struct reach_pack *pack = reach_pack(reach, i);
        const struct log_mark *mark = log_find_mark(&pruning->state, pack->name);
        uint8_t salt[STORE_SALT_BYTES];
        char path[PACK_PATH_SIZE];
        int error;

        if (mark == NULL || !mark->removed || !pack_salt(pack->name, salt))
            continue;
        pack_path(salt, path);
        if (pack->living_count > 0)
            return failure_set(pruning->failure, EBADMSG,
                               "%s is needed, although the log says that it was removed: it is "
                               "left where it is; run `crmfs check`",
                               path);
        error = storage->class->remove(storage, path, pruning->failure);
        if (error != 0 && error != -ENOENT)
            return error;
        add_pack(&pruning->result.removed, pack);
        store_progress_tell(pruning->options->progress, "removing packs", i + 1, count);
    }
    return storage->class->sync(storage, pruning->failure);
}

static int remove_packs(struct pruning *pruning)
{
    int error = record_removals(pruning);

    for (int attempt = 1; error == -EAGAIN && attempt < ATTEMPTS; attempt++) {
        error = look(pruning);
        if (error == 0)
            error = record_removals(pruning);
    }
    return error == 0 ? remove_files(pruning) : error;
}

/* ---- Mark ---- */

static int compare_salts(const void *left, const void *right)
{
    return memcmp(left, right, STORE_SALT_BYTES);
}

/* Packs that nothing needs. One that is young, and that no record names, may be needed soon. */
static int choose_garbage(struct pruning *pruning, struct pack_set *set)
{
    cleanup_free uint8_t(*named)[STORE_SALT_BYTES] = NULL;
    size_t named_count = 0;
    time_t now = time(NULL);
    bool asked = false;

    for (size_t i = 0; i < reach_pack_count(pruning->reach); i++) {
        const struct reach_pack *pack = reach_pack(pruning->reach, i);
        uint8_t salt[STORE_SALT_BYTES];

        if (pack->marked || pack->living_count > 0 || !pack_salt(pack->name, salt))
            continue;
        if (now - pack->modified <= YOUNG_SECONDS) {
            int error = asked ? 0 : prune_named_packs(pruning, &named, &named_count);

            if (error != 0)
                return error;
            asked = true;
            if (named_count == 0 ||
                bsearch(salt, named, named_count, sizeof *named, compare_salts) == NULL) {
                add_pack(&pruning->result.young, pack);
                continue;
            }
        }
        add_pack(&pruning->result.garbage, pack);
        if (pack_set_add(set, i) != 0)
            return no_memory(pruning->failure);
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

        if (log_find_mark(&pruning->state, name) == NULL && add_name(names, name) != 0)
            return no_memory(pruning->failure);
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
            error = append_all(pruning, log_mark_packs, &names);
    }
    return error;
}

static int mark_and_rewrite(struct pruning *pruning)
{
    cleanup_pack_set struct pack_set garbage = {.count = 0};
    cleanup_pack_set struct pack_set emptied = {.count = 0};
    int error = choose_garbage(pruning, &garbage);

    if (error == 0 && prune_choose(pruning, &emptied) != 0)
        error = no_memory(pruning->failure);
    for (size_t i = 0; i < emptied.count; i++)
        add_pack(&pruning->result.emptied, reach_pack(pruning->reach, emptied.places[i]));
    if (error != 0 || pruning->options->dry_run)
        return error;
    if (emptied.count > 0)
        error = prune_rewrite(pruning, &emptied);
    for (size_t i = 0; i < emptied.count && error == 0; i++) {
        if (pack_set_add(&garbage, emptied.places[i]) != 0)
            error = no_memory(pruning->failure);
    }
    return error == 0 && garbage.count > 0 ? mark_packs(pruning, &garbage) : error;
}

/* ---- Tidy ---- */

static int tidy(struct pruning *pruning)
{
    struct storage *storage = store_storage(pruning->store);
    struct pack_list *packs = pack_list_create(storage);
    int error;

    if (packs == NULL)
        return no_memory(pruning->failure);
    error = index_merge(pruning->store, packs, pruning->failure);
    pack_list_free(packs);
    if (error == 0)
        error = prune_log(pruning);
    if (error == 0)
        error = storage->class->sweep(storage, time(NULL) - YOUNG_SECONDS, pruning->failure);
    return error == 0 ? storage->class->sync(storage, pruning->failure) : error;
}

static void count_packs(struct pruning *pruning)
{
    struct prune_result *result = &pruning->result;

    for (size_t i = 0; i < reach_pack_count(pruning->reach); i++)
        add_pack(&result->found, reach_pack(pruning->reach, i));
}

/* After all was done. */
static void count_waiting(struct pruning *pruning)
{
    for (size_t i = 0; i < reach_pack_count(pruning->reach); i++) {
        const struct reach_pack *pack = reach_pack(pruning->reach, i);
        const struct log_mark *mark = log_find_mark(&pruning->state, pack->name);

        if (mark != NULL && !mark->removed)
            add_pack(&pruning->result.waiting, pack);
    }
}

/* What would be removed, of what is marked already. */
static int pretend(struct pruning *pruning)
{
    cleanup_names struct names wanted = {.count = 0};
    cleanup_names struct names due = {.count = 0};

    if (judge_marks(pruning, &wanted, &due) != 0)
        return no_memory(pruning->failure);
    for (size_t i = 0; i < due.count; i++) {
        const struct reach_pack *pack = reach_pack_named(pruning->reach, due.names[i]);

        if (pack != NULL)
            add_pack(&pruning->result.removed, pack);
    }
    return mark_and_rewrite(pruning);
}

static int run(struct pruning *pruning)
{
    int error = look(pruning);

    if (error != 0)
        return error;
    count_packs(pruning);
    if (pruning->options->dry_run)
        return pretend(pruning);
    error = remove_packs(pruning);
    if (error == 0)
        error = mark_and_rewrite(pruning);
    /* Where nobody is waited for, what was marked goes at once; but only after another look. */
    if (error == 0 && pruning->options->grace_ns == 0) {
        error = look(pruning);
        if (error == 0)
            error = remove_packs(pruning);
    }
    if (error == 0) {
        count_waiting(pruning);
        error = tidy(pruning);
    }
    return error;
}

int prune(struct store *store, const struct prune_options *options, struct prune_result *ret_result,
          struct failure *failure)
{
    struct pruning pruning = {.store = store, .options = options, .failure = failure};
    int error = object_reader_create(store, 0, &pruning.reader, failure);

    if (error == 0)
        error = run(&pruning);
    reach_free(pruning.reach);
    log_state_release(&pruning.state);
    object_reader_free(pruning.reader);
    if (error == -ENOMEM)
        return no_memory(failure);
    if (error == 0)
        *ret_result = pruning.result;
    return error;
}
