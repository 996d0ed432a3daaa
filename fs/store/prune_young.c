/* SPDX-License-Identifier: MIT */
/*
 * Packs of snapshots that may be under way: they can be seen before any record names them, and
 * before they are durable. They are not garbage; and what is removed because they hold it too, is
 * removed only once a power cut takes it from them no more.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "fs/store/durable.h"
#include "fs/store/log_internal.h"
#include "fs/store/object_reader.h"
#include "fs/store/prune_internal.h"

static int compare_salts(const void *left, const void *right)
{
    return memcmp(left, right, STORE_SALT_BYTES);
}

/* Reads the records up to what was looked at, unless they were read for that. */
static int find_named(struct pruning *pruning)
{
    uint8_t(*named)[STORE_SALT_BYTES] = NULL;
    size_t count = 0;
    int error = 0;

    if (pruning->named_for_good || pruning->named_until == pruning->looked_at)
        return 0;
    error = log_named_packs(pruning->store, pruning->looked_at, &named, &count, pruning->failure);
    if (error != 0)
        return error;
    free(pruning->named);
    pruning->named = named;
    pruning->named_count = count;
    pruning->named_until = pruning->looked_at;
    return 0;
}

int prune_note_named(struct pruning *pruning)
{
    int error = find_named(pruning);

    pruning->named_for_good = error == 0;
    return error;
}

int prune_is_settled(struct pruning *pruning, const struct reach_pack *pack)
{
    uint8_t salt[STORE_SALT_BYTES];

    if (time(NULL) - pack->modified > PRUNE_YOUNG_SECONDS || !pack_salt(pack->name, salt))
        return 1;

    int error = find_named(pruning);

    if (error != 0)
        return error;
    return pruning->named_count > 0 && bsearch(salt, pruning->named, pruning->named_count,
                                               sizeof *pruning->named, compare_salts) != NULL;
}

int prune_make_durable(struct pruning *pruning)
{
    struct index_set *indexes = pruning->reader->indexes;
    int error = index_set_refresh(indexes, pruning->failure);

    for (size_t i = 0; i < reach_pack_count(pruning->reach) && error == 0; i++) {
        const struct reach_pack *pack = reach_pack(pruning->reach, i);
        int settled = pack->living_count > 0 ? prune_is_settled(pruning, pack) : 1;

        error = settled < 0 ? settled : 0;
        if (settled == 0)
            error = durable_make_pack(pruning->store, indexes, pack->name, pruning->failure);
    }
    return error == -ENOENT ? -EAGAIN : error;
}
