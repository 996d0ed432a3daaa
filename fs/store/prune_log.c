/* SPDX-License-Identifier: MIT */
/* The files of the log: what they say of packs, and which of them are no longer needed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"
#include "fs/store/pack.h"
#include "fs/store/prune_internal.h"

typedef uint8_t salt_bytes[STORE_SALT_BYTES];

struct salts {
    salt_bytes *salts;
    size_t count;
    size_t room;
};

static int add_packs(struct salts *salts, const struct log_entry *entry)
{
    size_t wanted = salts->count + entry->pack_count;

    if (wanted > salts->room) {
        size_t room = wanted * 2;
        salt_bytes *more = reallocarray(salts->salts, room, sizeof *more);

        if (more == NULL)
            return -ENOMEM;
        salts->salts = more;
        salts->room = room;
    }
    for (size_t i = 0; i < entry->pack_count; i++) {
        if (pack_salt(entry->packs[i], salts->salts[salts->count]))
            salts->count++;
    }
    return 0;
}

static int compare_salts(const void *left, const void *right)
{
    return memcmp(left, right, STORE_SALT_BYTES);
}

int prune_named_packs(struct pruning *pruning, uint8_t (**ret_salts)[STORE_SALT_BYTES],
                      size_t *ret_count)
{
    cleanup_free uint64_t *numbers = NULL;
    struct salts salts = {.count = 0};
    size_t count = 0;
    int error = log_list(pruning->store, "log", &numbers, &count, pruning->failure);

    for (size_t i = 0; i < count && error == 0; i++) {
        struct log_entry entry;
        uint8_t hash[LOG_HASH_BYTES];

        error = log_record_read(pruning->store, numbers[i], &entry, hash, pruning->failure);
        if (error != 0) {
            error = error == -ENOENT ? 0 : error; /* another prune removed it */
            continue;
        }
        if (entry.kind == LOG_TAKE || entry.kind == LOG_FILES)
            error = add_packs(&salts, &entry);
        log_entry_release(&entry);
    }
    if (error != 0) {
        free(salts.salts);
        return error;
    }
    if (salts.count > 1)
        qsort(salts.salts, salts.count, sizeof *salts.salts, compare_salts);
    *ret_salts = salts.salts;
    *ret_count = salts.count;
    return 0;
}

/* The second newest checkpoint, if it and the newest one open; 0: there are none such. */
static int find_bound(struct pruning *pruning, const uint64_t *checkpoints, size_t count,
                      uint64_t *ret_bound)
{
    uint64_t bound = 0;

    for (size_t i = count; i > 0 && i + 2 > count; i--) {
        struct log_state state = {.sequence = 0};
        int error = checkpoint_read(pruning->store, checkpoints[i - 1], &state, NULL);

        log_state_release(&state);
        if (error == -ENOMEM)
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
