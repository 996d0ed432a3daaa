/* SPDX-License-Identifier: MIT */
/* The files of the log: which of them are no longer needed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/durable.h"
#include "fs/store/log_internal.h"
#include "fs/store/prune_internal.h"

/*
 * The second newest checkpoint, if it and the newest one open; 0: there are none such. Both are
 * durable then, whoever has just written them.
 */
static int find_bound(struct pruning *pruning, const uint64_t *checkpoints, size_t count,
                      uint64_t *ret_bound)
{
    uint64_t bound = 0;

    for (size_t i = count; i > 0 && i + 2 > count; i--) {
        struct log_state state = {.sequence = 0};
        int error = checkpoint_read(pruning->store, checkpoints[i - 1], &state, NULL);
        char name[LOG_NAME_SIZE];

        log_state_release(&state);
        if (error == -ENOMEM)
            return error;
        checkpoint_name(checkpoints[i - 1], name);
        if (error == 0 && (error = durable_flush(pruning->store, name, pruning->failure)) != 0 &&
            error != -ENOENT)
            return error;
        if (error != 0) {
            bound = 0;
            break;
        }
        bound = checkpoints[i - 1];
    }
    *ret_bound = count >= 2 ? bound : 0;
    return 0;
}

/* The lowest first: what is left has no gap, whenever this ends. */
static int remove_below(struct pruning *pruning, const uint64_t *numbers, size_t count,
                        uint64_t bound, void (*name_of)(uint64_t, char[LOG_NAME_SIZE]))
{
    struct storage *storage = store_storage(pruning->store);

    for (size_t i = 0; i < count && numbers[i] < bound; i++) {
        char name[LOG_NAME_SIZE];
        int error = 0;

        name_of(numbers[i], name);
        if (!pruning->options->dry_run)
            error = storage->class->remove(storage, name, pruning->failure);
        if (error == 0)
            pruning->result.records_removed++;
        else if (error != -ENOENT)
            return error;
    }
    return 0;
}

int prune_log(struct pruning *pruning)
{
    cleanup_free uint64_t *checkpoints = NULL;
    cleanup_free uint64_t *records = NULL;
    size_t checkpoint_count = 0;
    size_t record_count = 0;
    uint64_t bound = 0;
    int error =
        log_list(pruning->store, "checkpoints", &checkpoints, &checkpoint_count, pruning->failure);

    if (error == 0)
        error = find_bound(pruning, checkpoints, checkpoint_count, &bound);
    if (error != 0 || bound == 0)
        return error;
    error = log_list(pruning->store, "log", &records, &record_count, pruning->failure);
    if (error == 0)
        error = remove_below(pruning, records, record_count, bound, log_record_name);
    if (error == 0)
        error = remove_below(pruning, checkpoints, checkpoint_count, bound, checkpoint_name);
    return error;
}
