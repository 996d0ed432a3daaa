/* SPDX-License-Identifier: MIT */
/* The tree as the store's log has it, and who may change it. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "fs/base/clock.h"
#include "fs/files/files_internal.h"

#define CLAIM_ATTEMPTS 100
#define HOLDER_WAIT_MS 50
#define CLAIM_WAITS 60
#define ENDING_WAITS 600

static int reopen_tree(struct files *files, struct failure *failure)
{
    const struct object_reference *top = files->state.has_files ? &files->state.files : NULL;
    struct failure why = {.code = 0};

    catalogue_close(&files->tree);
    if (files->options.set_back)
        top = files->options.set_back_to;
    if (top == NULL)
        return inode_begin_tree(files, failure);

    int error = catalogue_open(&files->tree, &files->nodes, top);

    if (error == 0)
        error = inode_read_root(files, &why);
    files->unreadable = error == -EIO;
    if (files->unreadable)
        return failure_set(failure, EIO,
                           "files/ cannot be read: put the files of the store back from a copy, or "
                           "set it back by `crmfs repair --forget-damaged`: %s",
                           why.text);
    if (error != 0 && failure != NULL)
        *failure = why;
    return error;
}

/* Of the files that are open, those that the tree has otherwise now, or that cannot be looked at.
 */
static void find_changed(struct files *files)
{
    for (struct held_file *held = files->held; held != NULL; held = held->hh.next) {
        struct attributes now = {.changed = held->changed};
        int error = held->opened != 0 ? inode_get(&files->tree, held->inode, &now, NULL) : -ESTALE;

        if (error == -ESTALE || (error == 0 && now.changed.tv_sec == held->changed.tv_sec &&
                                 now.changed.tv_nsec == held->changed.tv_nsec))
            continue;
        held->changed = now.changed;
        held->change++;
        files_set_outdated(files, held, true);
    }
}

static bool follows_state(const struct files *files)
{
    const struct followed *followed = &files->followed;

    return followed->is_open && followed->is_stored == files->state.has_files &&
           (!followed->is_stored ||
            memcmp(followed->top, files->state.files.id, OBJECT_ID_BYTES) == 0);
}

/* Whatever fails, the tree is never taken for one that it is not. */
int files_follow_log(struct files *files, struct failure *failure)
{
    files->unreadable = false;

    int error = log_read(files->options.store, &files->state, failure);

    /* The kernel would take it for a file that is not there, or try again. */
    if (error == -ENOENT || error == -ESTALE || error == -EBADMSG || error == -EISDIR) {
        if (failure != NULL && failure->code == -error)
            failure->code = EIO;
        error = -EIO;
    }
    if (error == 0 && !follows_state(files)) {
        if (files->started) {
            files->replaced = true;
            files->replaced_ns = clock_now_ns();
            memset(files->opened_known, 0, sizeof files->opened_known);
        }
        files->followed = (struct followed){.is_stored = files->state.has_files};
        memcpy(files->followed.top, files->state.files.id, OBJECT_ID_BYTES);
        error = reopen_tree(files, failure);
        files->followed.is_open = error == 0;
        if (error == 0)
            find_changed(files);
    }
    if (error == 0)
        files->valid_until_ns = clock_now_ns() + FILES_VALID_NS;
    return error;
}

/* ---- Claims ---- */

static bool is_own(const struct files *files, const struct files_claim *claim)
{
    return files->own.claim.stands &&
           memcmp(claim->writer, files->own.claim.writer, FILES_WRITER_BYTES) == 0;
}

static int claim_once(struct files *files, struct failure *failure)
{
    struct storage *storage = store_storage(files->options.store);
    const struct files_claim *holder = &files->state.claim;
    uint8_t dead[FILES_WRITER_BYTES];
    int error = files_follow_log(files, failure);
    bool replaces = error == 0 && holder->stands;

    /* By an attempt that was told that it had failed. */
    if (replaces && is_own(files, holder))
        return 0;
    if (replaces && !claim_is_dead(storage, holder))
        return claim_refuse(holder, failure);
    memcpy(dead, holder->writer, sizeof dead);
    if (error == 0 && !files->own.claim.stands)
        error = claim_make(storage, &files->own, failure);
    if (error == 0)
        error = log_claim(files->options.store, &files->state, &files->own.claim, failure);
    if (error == 0 && replaces)
        claim_lock_remove(storage, dead);
    return error;
}

static void wait_for_holder(void)
{
    nanosleep(&(struct timespec){.tv_nsec = HOLDER_WAIT_MS * 1000000L}, NULL);
}

/* Once for every holder: a mount that has just ended may still be storing what it holds. */
static bool may_wait(struct files *files, int waits)
{
    const struct files_claim *holder = &files->state.claim;

    if (waits >= CLAIM_WAITS || memcmp(files->refused_by, holder->writer, FILES_WRITER_BYTES) == 0)
        return false;
    wait_for_holder();
    return true;
}

int files_claim(struct files *files, struct failure *failure)
{
    int error = -EAGAIN;
    int waits = 0;

    for (int i = 0; i < CLAIM_ATTEMPTS && (error == -EAGAIN || error == -EROFS); i++) {
        error = claim_once(files, failure);
        if (error == -EROFS && !may_wait(files, waits++))
            break;
    }
    if (error == -EROFS)
        memcpy(files->refused_by, files->state.claim.writer, FILES_WRITER_BYTES);
    if (error == 0) {
        files->claimed = true;
        __atomic_store_n(&files->exclusive, true, __ATOMIC_RELAXED);
        /* What a writer that died left open; what cannot be removed now is not in the way. */
        (void)inode_remove_orphans(files, NULL);
    }
    return error == -EAGAIN
               ? failure_set(failure, EBUSY, "others change the store all the time: try again")
               : error;
}

int files_follow_newest(struct files *files, struct failure *failure)
{
    int error = files_follow_log(files, failure);

    for (int i = 0; i < ENDING_WAITS && error == 0 && files->state.claim.stands &&
                    claim_is_ending(&files->state.claim);
         i++) {
        wait_for_holder();
        error = files_follow_log(files, failure);
    }
    return error;
}
