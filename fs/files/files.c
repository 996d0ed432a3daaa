/* SPDX-License-Identifier: MIT */
/*
 * How operations begin and end, and who may change things.
 *
 *   without a claim   the log is read again when FILES_VALID_NS have passed, and the tree with it
 *   first change      claim: the log says that nobody else has one, or only the dead; the tree is
 *                     the newest; orphans of who died are removed
 *   with a claim      nobody else changes the tree; the log is read when something is committed
 *   broken            the claim was lost, or the store no longer keeps what it has taken: nothing
 *                     is changed any more, what is there can still be read
 */
#include "fs/files/files.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "fs/base/clock.h"
#include "fs/files/batch.h"
#include "fs/files/loss.h"

#define TICK_NS UINT64_C(250000000)
#define TIDY_NS UINT64_C(1000000000)
#define CLAIM_ATTEMPTS 100

unsigned files_threads(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);

    if (processors < 1)
        return 1;
    return processors < STORERS_MOST ? (unsigned)processors : STORERS_MOST;
}

struct timespec files_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return now;
}

void files_doze(struct files *files, pthread_cond_t *called, uint64_t most_ns)
{
    clock_wait(called, &files->lock, clock_now_ns() + most_ns);
}

int files_log(struct files *files, struct log_state *ret_state)
{
    pthread_mutex_lock(&files->lock);
    int error = log_state_copy(&files->state, ret_state);
    pthread_mutex_unlock(&files->lock);
    return error;
}

int files_begin_look(struct files *files, uint64_t number, struct catalogue **ret_tree,
                     struct failure *failure)
{
    int error = 0;

    pthread_mutex_lock(&files->lock);
    if (number_of(TOP_INODE, number) == FILES_TOP) {
        if (!files->claimed && clock_now_ns() >= files->valid_until_ns)
            error = files_follow_log(files, failure);
        *ret_tree = &files->tree;
    } else {
        struct files_view *view = files_find_view(files, number);

        error = view != NULL ? 0 : -ESTALE;
        *ret_tree = view != NULL ? &view->tree : NULL;
    }
    if (error != 0)
        pthread_mutex_unlock(&files->lock);
    return error;
}

int files_end(struct files *files, int error)
{
    files_share_memory(files);
    catalogue_trim(&files->nodes);
    pthread_mutex_unlock(&files->lock);
    return error;
}

void files_break(struct files *files, const struct failure *failure)
{
    if (files->broken.code == 0)
        files->broken = *failure;
    __atomic_store_n(&files->exclusive, false, __ATOMIC_RELAXED);
}

void files_await_opening(struct files *files)
{
    while (files->closed)
        pthread_cond_wait(&files->moved, &files->lock);
}

void files_lock_change(struct files *files)
{
    pthread_mutex_lock(&files->lock);
    files_await_opening(files);
}

int files_begin_change(struct files *files, uint64_t number, struct failure *failure)
{
    struct catalogue *tree;

    if (number_of(TOP_INODE, number) != FILES_TOP)
        return -EROFS;

    int error = files_begin_look(files, number, &tree, failure);

    if (error != 0)
        return error;
    files_await_opening(files);
    if (files->broken.code != 0)
        error = failure_set(failure, EROFS, "%s", files->broken.text);
    else if (files->options.read_only)
        error = -EROFS;
    else if (!files->claimed)
        error = files_claim(files, failure);
    if (error == 0)
        error = catalogue_reserve(&files->nodes, CHANGES_MOST);
    if (error != 0)
        pthread_mutex_unlock(&files->lock);
    return error;
}

int files_begin_change_of(struct files *files, uint64_t number, uint64_t other,
                          struct failure *failure)
{
    if (number_of(TOP_INODE, other) != FILES_TOP)
        return -EROFS;
    return files_begin_change(files, number, failure);
}

int files_end_change(struct files *files, int error)
{
    if (error == 0) {
        if (files->changes == files->committed)
            files->oldest_change_ns = clock_now_ns();
        files->changes++;
    }
    return files_end(files, error);
}

uint64_t files_valid_ns(struct files *files, uint64_t number)
{
    if (number_of(TOP_INODE, number) != FILES_TOP ||
        __atomic_load_n(&files->exclusive, __ATOMIC_RELAXED))
        return UINT64_MAX;
    return FILES_VALID_NS;
}

/* ---- From beginning to end ---- */

static bool is_due(const struct files *files)
{
    return !files->committing && files->changes != files->committed && files->broken.code == 0 &&
           clock_now_ns() - files->oldest_change_ns >= FILES_COMMIT_NS &&
           clock_now_ns() >= files->commit_again_ns;
}

/* Said once until it works again. */
static void complain(struct files *files, int error, const struct failure *failure)
{
    if (error != 0 && !files->complained && files->options.report != NULL)
        files->options.report(files->options.report_context, failure);
    files->complained = error != 0;
}

/*
 * What a commit frees lies scattered among what stays: left alone, the allocator keeps it, and
 * after some large files half as much memory again is resident as is used. Takes 5 to 12 ms.
 */
static void give_back_memory(struct files *files)
{
    pthread_mutex_unlock(&files->lock);
    malloc_trim(0);
    pthread_mutex_lock(&files->lock);
}

/* What prune removes, in another process perhaps, gives its room back though nobody reads here. */
static void tidy_storage(struct files *files)
{
    struct storage *storage = store_storage(files->options.store);

    if (storage->class->idle == NULL || clock_now_ns() < files->tidy_again_ns)
        return;
    files->tidy_again_ns = clock_now_ns() + TIDY_NS;
    pthread_mutex_unlock(&files->lock);
    storage->class->idle(storage);
    pthread_mutex_lock(&files->lock);
}

static void *commit_in_time(void *context)
{
    struct files *files = context;

    pthread_mutex_lock(&files->lock);
    while (!files->ending) {
        if (is_due(files)) {
            struct failure failure = {0};

            complain(files, files_commit(files, &failure), &failure);
            give_back_memory(files);
        }
        tidy_storage(files);
        if (!files->ending)
            files_doze(files, &files->woken, TICK_NS);
    }
    pthread_mutex_unlock(&files->lock);
    return NULL;
}

/* All that there is now. The lock is held, and given back meanwhile. */
static int sync_all(struct files *files, struct failure *failure)
{
    uint64_t wanted = files->changes;
    int error = files->broken.code == 0 ? 0 : files_commit(files, failure);

    while (error == 0 && files->committed < wanted) {
        if (files->committing)
            files_await_commit(files);
        else
            error = files_commit(files, failure);
    }
    return error;
}

int files_sync(struct files *files, struct failure *failure)
{
    pthread_mutex_lock(&files->lock);

    int error = sync_all(files, failure);

    if (error == 0 && files->unplaced.code != 0) {
        error = failure_set(failure, files->unplaced.code, "%s", files->unplaced.text);
        files->unplaced.code = 0;
    }
    return files_end(files, error);
}

int files_sync_file(struct files *files, uint64_t number, struct failure *failure)
{
    pthread_mutex_lock(&files->lock);

    int error = sync_all(files, failure);
    const struct held_file *held = files_held(files, inode_of(number));

    if (error == 0 && files_is_now(number) && held != NULL && held->unplaced)
        error = failure_set(failure, EIO,
                            "what was written into it cannot be stored, as where it is to stand "
                            "cannot be read");
    return files_end(files, error);
}

int files_any(struct files *files, bool *ret_any)
{
    struct catalogue *tree;
    int error = files_begin_look(files, FILES_TOP, &tree, NULL);

    if (error != 0)
        return error;
    *ret_any = files->state.has_files || files->changes != 0;
    return files_end(files, 0);
}

/* Those that cannot be had are not missed: others do their work, or somebody prunes. */
static void start_storers(struct files *files)
{
    for (unsigned i = 0; i < files_threads(); i++) {
        if (pthread_create(&files->storers[files->storer_count], NULL, files_storer, files) == 0)
            files->storer_count++;
    }
    files->prunes = files->options.garbage_bytes > 0 && !files->options.read_only &&
                    pthread_create(&files->pruner, NULL, files_pruner, files) == 0;
}

/* Of the mount before. */
static void tell_loss(struct files *files)
{
    struct failure words;

    if (files->options.report != NULL &&
        loss_take(store_storage(files->options.store), !files->options.read_only, &words))
        files->options.report(files->options.report_context, &words);
}

/* Without its tree, files/ is refused to whoever looks, and all else goes on. */
static int follow_at_first(struct files *files, struct failure *failure)
{
    struct failure own = {.code = 0};
    int error = files_follow_newest(files, &own);

    if (files->unreadable) {
        if (files->options.report != NULL)
            files->options.report(files->options.report_context, &own);
        return 0;
    }
    if (error != 0 && failure != NULL)
        *failure = own;
    return error;
}

int files_create(const struct files_options *options, struct files **ret_files,
                 struct failure *failure)
{
    struct files *files = calloc(1, sizeof *files);

    if (files == NULL)
        return -ENOMEM;
    files->options = *options;
    files->reserve.file = -1;
    files->own.lock.file = -1;
    pthread_mutex_init(&files->lock, NULL);
    pthread_cond_init(&files->woken, NULL);
    pthread_cond_init(&files->work, NULL);
    pthread_cond_init(&files->upkeep, NULL);
    pthread_cond_init(&files->moved, NULL);
    cut_prepare(store_key(options->store, STORE_BOUNDARIES), files->gear);
    catalogue_cache_init(&files->nodes, options->reader, 0);
    files->contents = content_cache_create(options->reader);

    int error = files->contents != NULL ? 0 : -ENOMEM;

    if (error == 0) {
        files_share_memory(files);
        error = follow_at_first(files, failure);
    }

    if (error == 0)
        tell_loss(files);
    if (error == 0) {
        error = -pthread_create(&files->committer, NULL, commit_in_time, files);
        files->started = error == 0;
    }
    if (error == 0) {
        start_storers(files);
        files->readers = files_readers();
    }
    if (error != 0) {
        files_free(files);
        return error;
    }
    *ret_files = files;
    return 0;
}

void files_end_begins(struct files *files)
{
    if (__atomic_load_n(&files->exclusive, __ATOMIC_RELAXED))
        claim_say_ending();
}

static int end_claim(struct files *files, struct failure *failure)
{
    pthread_mutex_lock(&files->lock);

    int error = files_commit(files, failure);
    int left = inode_remove_orphans(files, NULL);

    /* What cannot be removed, who claims next tries again. Without its content, the rest may fit.
     */
    if (error != 0)
        error = files_commit(files, failure);
    else if (left == 0)
        (void)files_commit(files, NULL);
    pthread_mutex_unlock(&files->lock);
    for (int i = 0, result = -EAGAIN; i < CLAIM_ATTEMPTS && result == -EAGAIN; i++)
        result = log_release(files->options.store, &files->state, files->own.claim.writer, NULL);
    return error;
}

static void end_threads(struct files *files)
{
    if (!files->started)
        return;
    pthread_mutex_lock(&files->lock);
    __atomic_store_n(&files->ending, true, __ATOMIC_RELAXED);
    pthread_cond_signal(&files->woken);
    pthread_cond_signal(&files->upkeep);
    pthread_cond_broadcast(&files->work);
    pthread_mutex_unlock(&files->lock);
    pthread_join(files->committer, NULL);
    for (unsigned i = 0; i < files->storer_count; i++)
        pthread_join(files->storers[i], NULL);
    if (files->prunes)
        pthread_join(files->pruner, NULL);
}

int files_stop(struct files *files, struct failure *failure)
{
    struct failure words = {.code = EIO};
    int error = 0;

    end_threads(files);
    files->stopped = true;
    files->changes += files_any_unplaced(files); /* for once more */
    if (files->claimed && files->broken.code == 0)
        error = end_claim(files, &words);
    else if (files->changes != files->committed)
        error = files_commit(files, &words);
    if (error == 0 && files_any_unplaced(files)) {
        words = files->unplaced;
        words.code = EIO; /* though it was told */
        error = -EIO;
    }
    if (error == 0)
        return 0;
    /* On a full disk, there is room for a note then. */
    (void)reserve_spend(&files->reserve);
    loss_note(store_storage(files->options.store), &words);
    if (failure != NULL)
        *failure = words;
    return error;
}

static void release_held(struct files *files)
{
    struct held_file *held, *next;

    HASH_ITER (hh, files->held, held, next) {
        HASH_DEL(files->held, held);
        held_free(held);
    }
}

void files_free(struct files *files)
{
    struct files_view *view, *next;

    if (files == NULL)
        return;
    if (!files->stopped) {
        struct failure failure = {0};

        complain(files, files_stop(files, &failure), &failure);
    }
    workers_free(files->readers);
    release_held(files);
    HASH_ITER (hh, files->views, view, next) {
        HASH_DEL(files->views, view);
        free(view);
    }
    batch_end(files);
    (void)reserve_spend(&files->reserve);
    claim_release(store_storage(files->options.store), &files->own);
    run_pool_release(&files->blocks);
    removed_release(&files->removed);
    catalogue_close(&files->tree);
    catalogue_cache_release(&files->nodes);
    content_cache_free(files->contents);
    log_state_release(&files->state);
    for (size_t i = 0; i < files->packs.count; i++)
        free(files->packs.names[i]);
    free(files->packs.names);
    free(files->relied.hints);
    pthread_cond_destroy(&files->woken);
    pthread_cond_destroy(&files->work);
    pthread_cond_destroy(&files->upkeep);
    pthread_cond_destroy(&files->moved);
    pthread_mutex_destroy(&files->lock);
    free(files);
}
