/* SPDX-License-Identifier: MIT */
/*
 * Giving room back without being asked: a thread that prunes the store as `crmfs prune` does, after
 * so much was stored or removed that there may be more garbage than there may be, and once what was
 * marked then has waited long enough. That it must be as much as half of the store since the last
 * time bounds what it costs, whatever the store's size. On a full disk the time that it takes does:
 * there any garbage is marked as soon as somebody was refused, since its hour begins then.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/files/files_internal.h"
#include "fs/store/prune.h"

#define LOOK_NS UINT64_C(10000000000)
#define RETRY_SECONDS 600
#define FULL_PAUSE_NS UINT64_C(20000000000) /* at least, and so many times what it took: */
#define FULL_PAUSE_TIMES 20

/*
 * Whether some have become due since the store was pruned last: those that were then are gone, but
 * nothing says so here until something is committed. The lock is held.
 */
static bool has_due_marks(const struct files *files)
{
    uint64_t now = clock_calendar_ns();

    for (size_t i = 0; i < files->state.mark_count; i++) {
        const struct log_mark *mark = &files->state.marks[i];
        uint64_t due = mark->time_ns + PRUNE_GRACE_NS;

        if (!mark->removed && now > due && due >= files->pruned_ns)
            return true;
    }
    return false;
}

/* The lock is held. */
static bool is_due(const struct files *files)
{
    uint64_t bound = files->options.garbage_bytes;

    if (bound == 0 || !files->claimed || files->committing || files->broken.code != 0 ||
        clock_now_ns() < files->pruned_again_ns)
        return false;
    if (bound < files->store_bytes / 2)
        bound = files->store_bytes / 2;
    return files->spent_bytes > bound || (files->disk_full && files->spent_bytes > 0) ||
           has_due_marks(files);
}

void files_disk_is_full(struct files *files)
{
    files->disk_full = true;
    pthread_cond_signal(&files->upkeep);
}

/* Until it is looked again, after it took TOOK_NS. The lock is held. */
static uint64_t pause_ns(const struct files *files, int error, uint64_t took_ns)
{
    uint64_t full = FULL_PAUSE_TIMES * took_ns;

    if (error != 0)
        return NS_PER_SECOND * RETRY_SECONDS;
    if (!files->disk_full)
        return 0;
    return full > FULL_PAUSE_NS ? full : FULL_PAUSE_NS;
}

/* Without the lock. */
static void prune_store(struct files *files, uint64_t spent_bytes)
{
    struct prune_options options = {.grace_ns = PRUNE_GRACE_NS,
                                    .unused = {UNUSED_PERCENT, PRUNE_UNUSED_PERCENT},
                                    .ending = &files->ending};
    struct prune_result result = {.found = {0}};
    struct failure failure = {0};
    uint64_t begun = clock_calendar_ns();
    uint64_t started_ns = clock_now_ns();
    int error = prune(files->options.store, &options, &result, &failure);

    if (error != 0 && error != -ECANCELED && files->options.report != NULL) {
        failure_prefix(&failure, failure.code,
                       "the store's garbage cannot be removed, which is tried again after %d "
                       "minutes",
                       RETRY_SECONDS / 60);
        files->options.report(files->options.report_context, &failure);
    }
    pthread_mutex_lock(&files->lock);

    uint64_t now = clock_now_ns();

    files->pruned_again_ns = now + pause_ns(files, error, now - started_ns);
    if (error == 0) {
        files->pruned_ns = begun;
        files->store_bytes = result.found.bytes - result.garbage.bytes - result.emptied.bytes;
    } else {
        files->spent_bytes += spent_bytes;
    }
    pthread_mutex_unlock(&files->lock);
}

void *files_pruner(void *context)
{
    struct files *files = context;

    pthread_mutex_lock(&files->lock);
    while (!files->ending) {
        if (is_due(files)) {
            uint64_t spent_bytes = files->spent_bytes;

            files->spent_bytes = 0;
            pthread_mutex_unlock(&files->lock);
            prune_store(files, spent_bytes);
            pthread_mutex_lock(&files->lock);
            continue;
        }
        files_doze(files, &files->upkeep, LOOK_NS);
    }
    pthread_mutex_unlock(&files->lock);
    return NULL;
}
