/* SPDX-License-Identifier: MIT */
#include "tools/forget_damage.h"

#include <errno.h>
#include <stdlib.h>

#include "fs/base/clock.h"
#include "fs/base/log.h"
#include "fs/base/memory.h"
#include "fs/store/check.h"
#include "tools/answer.h"

/* Snapshots that are to be looked through at once, and what each is judged by. */
struct suspects {
    const struct snapshot **snapshots;
    policy_reasons **reasons;
    bool *lossy;
    size_t count;
};

static bool forgets_some(const struct snapshot_group *group)
{
    bool some = false;

    for (size_t i = 0; i < group->count; i++)
        some |= group->reasons[i] == 0;
    return some;
}

static bool has_damaged(const struct snapshot_group *group)
{
    bool some = false;

    for (size_t i = 0; i < group->count; i++)
        some |= group->reasons[i] == POLICY_DAMAGED;
    return some;
}

static void add(struct suspects *suspects, const struct snapshot_group *group, size_t place)
{
    suspects->snapshots[suspects->count] = group->snapshots[place];
    suspects->reasons[suspects->count++] = &group->reasons[place];
}

static int look_through(const struct opened_store *opened, struct suspects *suspects,
                        struct snapshot_groups *groups, struct failure *failure)
{
    char name[SHOWN_SIZE];
    int error = suspects->count != 0 ? check_snapshots(opened->store, suspects->snapshots,
                                                       suspects->count, suspects->lossy, failure)
                                     : 0;

    for (size_t i = 0; i < suspects->count && error == 0; i++) {
        if (!suspects->lossy[i])
            continue;
        *suspects->reasons[i] = POLICY_DAMAGED;
        groups->damaged++;
        log_message(LOG_LEVEL_WARNING,
                    "%s stays: something of it is lost, so it stands for no other one; `crmfs "
                    "check` says what, and by its name it can be forgotten",
                    shown_text(suspects->snapshots[i]->name, name));
    }
    return error;
}

/* Room for all of the groups' snapshots. */
static int begin(const struct snapshot_groups *groups, struct suspects *ret_suspects)
{
    size_t most = 0;

    for (size_t i = 0; i < groups->count; i++)
        most += groups->groups[i].count;
    *ret_suspects = (struct suspects){
        .snapshots = allocate_array(most, sizeof(const struct snapshot *)),
        .reasons = allocate_array(most, sizeof(policy_reasons *)),
        .lossy = allocate_array(most, sizeof(bool)),
    };
    return ret_suspects->snapshots != NULL && ret_suspects->reasons != NULL &&
                   ret_suspects->lossy != NULL
               ? 0
               : -ENOMEM;
}

static void end(struct suspects *suspects)
{
    free((void *)suspects->snapshots);
    free((void *)suspects->reasons);
    free(suspects->lossy);
}

/* Those that the rules keep of groups of which they forget some. */
static void choose_kept(const struct snapshot_groups *groups, struct suspects *suspects)
{
    for (size_t i = 0; i < groups->count; i++) {
        const struct snapshot_group *group = &groups->groups[i];

        for (size_t j = 0; forgets_some(group) && j < group->count; j++) {
            if (group->reasons[j] != 0)
                add(suspects, group, j);
        }
    }
}

/* Those that the rules would forget of groups of which one that they keep is damaged. */
static void choose_others(const struct snapshot_groups *groups, struct suspects *suspects)
{
    for (size_t i = 0; i < groups->count; i++) {
        const struct snapshot_group *group = &groups->groups[i];

        for (size_t j = 0; has_damaged(group) && j < group->count; j++) {
            if (group->reasons[j] == 0)
                add(suspects, group, j);
        }
    }
}

/* By the rules, as if the damaged ones were not there. */
static int judge_again(const struct snapshot_group *group, const struct policy *policy)
{
    cleanup_free const struct snapshot **whole =
        allocate_array(group->count, sizeof(const struct snapshot *));
    cleanup_free policy_reasons *reasons = allocate_array(group->count, sizeof *reasons);
    size_t count = 0;

    if (whole == NULL || reasons == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < group->count; i++) {
        if (group->reasons[i] != POLICY_DAMAGED)
            whole[count++] = group->snapshots[i];
    }
    policy_apply(policy, whole, count, clock_calendar_ns(), reasons);
    count = 0;
    for (size_t i = 0; i < group->count; i++) {
        if (group->reasons[i] != POLICY_DAMAGED)
            group->reasons[i] = reasons[count++];
    }
    return 0;
}

static int look(const struct opened_store *opened, struct snapshot_groups *groups,
                void (*choose)(const struct snapshot_groups *groups, struct suspects *suspects),
                struct failure *failure)
{
    struct suspects suspects;
    int error = begin(groups, &suspects);

    if (error == 0) {
        choose(groups, &suspects);
        error = look_through(opened, &suspects, groups, failure);
    }
    end(&suspects);
    return error;
}

int forget_damage_heed(const struct opened_store *opened, const struct policy *policy,
                       struct snapshot_groups *groups, struct failure *failure)
{
    int error = look(opened, groups, choose_kept, failure);

    if (error == 0 && groups->damaged != 0)
        error = look(opened, groups, choose_others, failure);
    for (size_t i = 0; i < groups->count && error == 0; i++) {
        if (has_damaged(&groups->groups[i]))
            error = judge_again(&groups->groups[i], policy);
    }
    return error;
}
