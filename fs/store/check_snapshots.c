/* SPDX-License-Identifier: MIT */
/* Whether some snapshots have lost anything: what a plain check does, for these alone. */
#include <errno.h>
#include <string.h>

#include "fs/store/check_internal.h"

/* The place of SNAPSHOT among those that are asked for; their count: it is none of them. */
static size_t place_of(const struct checking *checking, const struct snapshot *snapshot)
{
    size_t i = 0;

    while (i < checking->only_count &&
           memcmp(checking->only[i]->id, snapshot->id, SNAPSHOT_ID_BYTES) != 0)
        i++;
    return i;
}

bool check_wants(const struct checking *checking, const struct snapshot *snapshot)
{
    return checking->only == NULL || place_of(checking, snapshot) < checking->only_count;
}

struct noting {
    const struct checking *checking;
    bool *lossy;
};

/* A check_report. */
static void note_lossy(void *context, const struct check_finding *finding)
{
    struct noting *noting = context;
    size_t place;

    if (finding->kind != CHECK_SNAPSHOT || finding->place == NULL ||
        finding->place->snapshot == NULL)
        return;
    place = place_of(noting->checking, finding->place->snapshot);
    if (place < noting->checking->only_count)
        noting->lossy[place] = true;
}

int check_snapshots(struct store *store, const struct snapshot *const *snapshots, size_t count,
                    bool *lossy, struct failure *failure)
{
    struct noting noting = {.lossy = lossy};
    const struct check_options options = {.report = note_lossy, .context = &noting};
    struct checking checking = {.store = store,
                                .options = &options,
                                .only = snapshots,
                                .only_count = count,
                                .failure = failure};
    int error = log_read(store, &checking.state, failure);

    noting.checking = &checking;
    if (error == 0)
        error = check_look(&checking);
    if (error == 0 && checking.damaged)
        error = check_losses(&checking);
    check_look_away(&checking);
    log_state_release(&checking.state);
    return error == -ENOMEM ? failure_set(failure, ENOMEM, "%s", strerror(ENOMEM)) : error;
}
