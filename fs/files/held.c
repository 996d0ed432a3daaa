/* SPDX-License-Identifier: MIT */
/* Files that something is known of besides what the tree has; and the views that there are. */
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

#include "fs/base/clock.h"
#include "fs/files/earlier.h"

#define VIEWS_MOST 0xffffU

struct held_file *files_held(struct files *files, uint64_t inode)
{
    struct held_file *held = NULL;

    HASH_FIND(hh, files->held, &inode, sizeof inode, held);
    return held;
}

struct held_file *files_hold(struct files *files, uint64_t inode)
{
    struct held_file *held = files_held(files, inode);

    if (held != NULL)
        return held;
    held = calloc(1, sizeof *held);
    if (held == NULL)
        return NULL;
    held->inode = inode;
    held->runs.pool = &files->blocks;
    HASH_ADD(hh, files->held, inode, sizeof inode, held);
    if (held->refused) {
        free(held);
        return NULL;
    }
    return held;
}

void held_free(struct held_file *held)
{
    runs_release(&held->runs);
    past_release(&held->past);
    free(held->name);
    free(held);
}

void files_unhold(struct files *files, struct held_file *held)
{
    if (held->opened != 0 || held->orphan || held->runs.count != 0)
        return;
    files_set_outdated(files, held, false);
    files_drop_past(files, held);
    HASH_DEL(files->held, held);
    held_free(held);
}

static bool is_stream(const struct held_file *held)
{
    return held->runs.bytes - held->runs.taken >= 2 * CUT_MOST;
}

void files_runs_changed(struct files *files, struct held_file *held)
{
    bool waits = held->runs.bytes > held->runs.taken && !held->searching && !held->held_back;
    size_t memory = runs_memory(&held->runs);
    size_t taken = runs_memory_taken(&held->runs);

    files->waiting_bytes += memory - held->known_bytes;
    files->taken_bytes += taken - held->known_taken;
    files->waiting_runs += held->runs.count - held->known_runs;
    held->known_bytes = memory;
    held->known_taken = taken;
    held->known_runs = held->runs.count;
    held->unplaced = held->unplaced && held->runs.count != 0;
    if (held->waits && (!waits || (is_stream(held) && files->waiting != held))) {
        DL_DELETE2(files->waiting, held, previous, next);
        held->waits = false;
    }
    if (waits && !held->waits) {
        if (is_stream(held))
            DL_PREPEND2(files->waiting, held, previous, next);
        else
            DL_APPEND2(files->waiting, held, previous, next);
        held->waits = true;
    }
    if (files_has_work(files))
        pthread_cond_signal(&files->work);
}

void files_hold_back(struct files *files, struct held_file *held, const struct failure *words)
{
    bool is_new = !held->unplaced;

    held->unplaced = true;
    held->held_back = true;
    files_runs_changed(files, held);
    if (!is_new)
        return;
    files->unplaced = *words;
    failure_prefix(&files->unplaced, EIO,
                   "what was written into a file in files/ (inode %llu) cannot be stored, as where "
                   "it is to stand cannot be read; all else is stored; remove that file",
                   (unsigned long long)files_shown_inode(number_of(held->inode, FILES_TOP)));
    if (files->options.report != NULL)
        files->options.report(files->options.report_context, &files->unplaced);
}

void files_try_held_back(struct files *files)
{
    struct held_file *held, *next;

    HASH_ITER (hh, files->held, held, next) {
        if (!held->held_back)
            continue;
        held->held_back = false;
        files_runs_changed(files, held);
    }
}

bool files_any_unplaced(const struct files *files)
{
    const struct held_file *held = files->held;

    while (held != NULL && !held->unplaced)
        held = held->hh.next;
    return held != NULL;
}

void files_set_outdated(struct files *files, struct held_file *held, bool outdated)
{
    unsigned count = files->outdated + outdated - held->outdated;

    held->outdated = outdated;
    __atomic_store_n(&files->outdated, count, __ATOMIC_RELAXED);
}

bool files_next_changed(struct files *files, struct files_changed *ret_changed)
{
    struct held_file *held;

    if (__atomic_load_n(&files->outdated, __ATOMIC_RELAXED) == 0)
        return false;
    pthread_mutex_lock(&files->lock);
    held = files->held;
    while (held != NULL && !held->outdated)
        held = held->hh.next;
    if (held != NULL)
        *ret_changed = (struct files_changed){.number = number_of(held->inode, FILES_TOP),
                                              .change = held->change};
    pthread_mutex_unlock(&files->lock);
    return held != NULL;
}

void files_content_dropped(struct files *files, const struct files_changed *changed)
{
    pthread_mutex_lock(&files->lock);

    struct held_file *held = files_held(files, inode_of(changed->number));

    if (held != NULL && held->change == changed->change)
        files_set_outdated(files, held, false);
    pthread_mutex_unlock(&files->lock);
}

/* What cannot be read, who asks is told. */
void files_follow_opened(struct files *files)
{
    pthread_mutex_lock(&files->lock);
    if (files->held != NULL && !files->claimed && clock_now_ns() >= files->valid_until_ns)
        (void)files_follow_log(files, NULL);
    (void)files_end(files, 0);
}

/*
 * Whether whoever asked knows of it what the tree has. What was told before others replaced that is
 * asked for again when its time is over, and it may have been told a little late.
 */
static bool was_told(const struct files *files, uint64_t inode)
{
    return !files->replaced || clock_now_ns() - files->replaced_ns > 2 * FILES_VALID_NS ||
           (files->opened_known[inode % OPENED_KNOWN] & ~TOLD_ONLY) == inode;
}

void files_note_told(struct files *files, uint64_t inode)
{
    if (!was_told(files, inode))
        files->opened_known[inode % OPENED_KNOWN] = inode | TOLD_ONLY;
}

bool files_ask_again(struct files *files, uint64_t number)
{
    uint64_t inode = inode_of(number);

    pthread_mutex_lock(&files->lock);

    bool again = !was_told(files, inode);

    files_note_told(files, inode);
    pthread_mutex_unlock(&files->lock);
    return again;
}

bool files_content_stays(struct files *files, uint64_t number)
{
    uint64_t inode = inode_of(number);
    bool stays = files_valid_ns(files, number) == UINT64_MAX;

    if (!stays || number_of(TOP_INODE, number) != FILES_TOP)
        return stays;
    pthread_mutex_lock(&files->lock);

    uint64_t *known = &files->opened_known[inode % OPENED_KNOWN];

    /* What was kept before may be of a tree that another mount has replaced since. */
    stays = !files->replaced || *known == inode;
    *known = inode;
    pthread_mutex_unlock(&files->lock);
    return stays;
}

/* ---- Views ---- */

struct files_view *files_find_view(struct files *files, uint64_t number)
{
    struct files_view *view = NULL;
    uint64_t top = number_of(TOP_INODE, number);

    HASH_FIND(hh, files->views, &top, sizeof top, view);
    return view;
}

int files_view_open(struct files *files, const struct object_reference *top, uint64_t *ret_number)
{
    struct files_view *view = calloc(1, sizeof *view);

    if (view == NULL)
        return -ENOMEM;
    pthread_mutex_lock(&files->lock);
    do {
        files->next_view = files->next_view % VIEWS_MOST + 1;
        view->number = FILES_TOP | files->next_view << INODE_BITS;
    } while (files_find_view(files, view->number) != NULL);
    HASH_ADD(hh, files->views, number, sizeof view->number, view);

    int error = view->refused ? -ENOMEM : 0;

    if (error == 0) {
        (void)catalogue_open(&view->tree, &files->nodes, top); /* of one that is stored */
        *ret_number = view->number;
    }
    pthread_mutex_unlock(&files->lock);
    if (error != 0)
        free(view);
    return error;
}

void files_view_close(struct files *files, uint64_t number)
{
    pthread_mutex_lock(&files->lock);

    struct files_view *view = files_find_view(files, number);

    if (view != NULL)
        HASH_DEL(files->views, view);
    pthread_mutex_unlock(&files->lock);
    free(view);
}
