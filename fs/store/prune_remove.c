/* SPDX-License-Identifier: MIT */
/* Packs that were marked long enough ago: a record says that they go, then they go. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/store/claim_lock.h"
#include "fs/store/pack.h"
#include "fs/store/prune_internal.h"

#define UNSEEN_NS (60 * NS_PER_SECOND)
#define ATTEMPTS 16 /* when others change the marks at the same time */

int names_add(struct names *names, const char *name)
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

/* What other records than those of marks say changes nothing of what may be said of the packs. */
static int append_once(struct pruning *pruning, append_packs *append, const char *const *names,
                       size_t count)
{
    struct log_state *state = &pruning->state;
    uint64_t marks_changed = state->marks_changed;
    int error = -EAGAIN;

    for (int attempt = 0; error == -EAGAIN && attempt < PRUNE_RECORD_ATTEMPTS &&
                          state->marks_changed == marks_changed;
         attempt++)
        error = append(pruning->store, state, names, count, pruning->failure);
    return error;
}

int prune_append(struct pruning *pruning, append_packs *append, const struct names *names)
{
    int error = 0;

    for (size_t done = 0; done < names->count && error == 0;) {
        size_t count = names->count - done;

        if (count > LOG_PACKS_LIMIT)
            count = LOG_PACKS_LIMIT;
        error = append_once(pruning, append, names->names + done, count);
        done += count;
    }
    return error;
}

/*
 * Whether the writer of files/ has begun to use the pack, which no record says yet: what it found
 * there, it does not have any more. Where that cannot be seen, it is taken to use what was marked
 * just now, and to have said so after that.
 */
static bool may_be_used(const struct log_mark *mark, int writer, uint64_t now)
{
    uint8_t salt[STORE_SALT_BYTES];

    if (!pack_salt(mark->pack, salt))
        return false;
    switch (claim_lock_look_at_pack(writer, pack_hint(salt))) {
    case CLAIM_LOCK_HELD: return true;
    case CLAIM_LOCK_FREE: return false;
    case CLAIM_LOCK_UNKNOWN: break;
    }
    return now - mark->time_ns < UNSEEN_NS;
}

int prune_judge_marks(const struct pruning *pruning, struct names *wanted, struct names *due)
{
    const struct files_claim *claim = &pruning->state.claim;
    cleanup_fd int writer =
        claim->stands ? claim_lock_open(store_storage(pruning->store), claim->writer) : -1;
    uint64_t now = clock_calendar_ns();
    int error = 0;

    for (size_t i = 0; i < pruning->state.mark_count && error == 0; i++) {
        const struct log_mark *mark = &pruning->state.marks[i];
        const struct reach_pack *pack = reach_pack_named(pruning->reach, mark->pack);

        if (mark->removed)
            continue;
        /* A mark of a time to come was made by a clock that went wrong: a right one is made anew.
         */
        if ((pack != NULL && pack->living_count > 0) ||
            (mark->time_ns > now && mark->time_ns - now > PRUNE_GRACE_NS))
            error = names_add(wanted, pack != NULL ? pack->name : mark->pack);
        else if (now >= mark->time_ns && now - mark->time_ns >= pruning->options->grace_ns &&
                 !(claim->stands && may_be_used(mark, writer, now)))
            error = names_add(due, pack != NULL ? pack->name : mark->pack);
    }
    return error;
}

int names_copy(struct names *names, char **ret_copies)
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

/* -EAGAIN: the marks have changed; look again. */
static int record_removals(struct pruning *pruning)
{
    cleanup_names struct names wanted = {.count = 0};
    cleanup_names struct names due = {.count = 0};
    cleanup_free char *wanted_copies = NULL;
    cleanup_free char *due_copies = NULL;

    if (prune_judge_marks(pruning, &wanted, &due) != 0 ||
        names_copy(&wanted, &wanted_copies) != 0 || names_copy(&due, &due_copies) != 0)
        return prune_no_memory(pruning);

    int error = due.count > 0 ? prune_make_durable(pruning) : 0;

    if (error == 0)
        error = prune_append(pruning, log_unmark_packs, &wanted);
    return error == 0 ? prune_append(pruning, log_remove_packs, &due) : error;
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
        prune_sum_add(&pruning->result.removed, pack);
        store_progress_tell(pruning->options->progress, "removing packs", i + 1, count);
    }
    return storage->class->sync(storage, pruning->failure);
}

int prune_remove(struct pruning *pruning)
{
    int error = record_removals(pruning);

    for (int attempt = 1; error == -EAGAIN && attempt < ATTEMPTS; attempt++) {
        error = prune_look(pruning);
        if (error == 0)
            error = record_removals(pruning);
    }
    return error == 0 ? remove_files(pruning) : error;
}
