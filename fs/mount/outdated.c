/* SPDX-License-Identifier: MIT */
#include "fs/mount/outdated.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"

struct held_answer {
    fuse_req_t request;
    outdated_give *give;
    struct held_answer *next;
    size_t size;
    _Alignas(max_align_t) char what[];
};

struct outdated {
    struct fuse_session *fuse;
    struct files *files;
    pthread_t thread;
    pthread_mutex_t joining; /* guards joined, and is held while the thread's end is waited for */
    bool joined;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wanted;
    struct held_answer *answers;
    bool ending; /* read as atomic without the lock */
};

static bool is_ending(struct outdated *outdated)
{
    return __atomic_load_n(&outdated->ending, __ATOMIC_RELAXED);
}

/* Whether nothing is left to be dropped. */
static bool drop_all(struct outdated *outdated)
{
    struct files_changed changed;

    while (files_next_changed(outdated->files, &changed)) {
        if (is_ending(outdated))
            return false;
        (void)fuse_lowlevel_notify_inval_inode(outdated->fuse, changed.number, 0, 0);
        files_content_dropped(outdated->files, &changed);
    }
    return true;
}

/* Who would take what the kernel keeps for what the file has now is told of neither. */
static void answer_all(struct held_answer *answers, bool dropped)
{
    while (answers != NULL) {
        struct held_answer *next = answers->next;

        if (dropped)
            answers->give(answers->request, answers->what, answers->size);
        else
            fuse_reply_err(answers->request, ENOTCONN);
        free(answers);
        answers = next;
    }
}

/* What was put aside until now. The lock is given back meanwhile. */
static void serve_held(struct outdated *outdated)
{
    struct held_answer *answers = outdated->answers;

    outdated->answers = NULL;
    pthread_mutex_unlock(&outdated->lock);
    answer_all(answers, drop_all(outdated));
    pthread_mutex_lock(&outdated->lock);
}

static void *run(void *context)
{
    struct outdated *outdated = context;

    pthread_mutex_lock(&outdated->lock);
    while (!outdated->ending) {
        serve_held(outdated);
        if (outdated->ending || outdated->answers != NULL)
            continue;
        if (clock_wait(&outdated->wanted, &outdated->lock, clock_now_ns() + FILES_VALID_NS) == 0)
            continue;
        pthread_mutex_unlock(&outdated->lock);
        files_follow_opened(outdated->files);
        pthread_mutex_lock(&outdated->lock);
    }
    serve_held(outdated);
    pthread_mutex_unlock(&outdated->lock);
    return NULL;
}

int outdated_create(struct fuse_session *fuse, struct files *files, struct outdated **ret_outdated)
{
    struct outdated *outdated = calloc(1, sizeof *outdated);

    if (outdated == NULL)
        return -ENOMEM;
    outdated->fuse = fuse;
    outdated->files = files;
    pthread_mutex_init(&outdated->joining, NULL);
    pthread_mutex_init(&outdated->lock, NULL);
    pthread_cond_init(&outdated->wanted, NULL);

    int error = -pthread_create(&outdated->thread, NULL, run, outdated);

    if (error != 0) {
        pthread_cond_destroy(&outdated->wanted);
        pthread_mutex_destroy(&outdated->lock);
        pthread_mutex_destroy(&outdated->joining);
        free(outdated);
        return error;
    }
    *ret_outdated = outdated;
    return 0;
}

/* 0 or -errno: it is not. */
static int put_aside(struct outdated *outdated, fuse_req_t request, outdated_give *give,
                     const void *what, size_t size)
{
    struct held_answer *held = malloc(sizeof *held + size);
    int error = 0;

    if (held == NULL)
        return -ENOMEM;
    *held = (struct held_answer){.request = request, .give = give, .size = size};
    memcpy(held->what, what, size);
    pthread_mutex_lock(&outdated->lock);
    if (outdated->ending) {
        error = -ENOTCONN;
    } else {
        held->next = outdated->answers;
        outdated->answers = held;
        pthread_cond_signal(&outdated->wanted);
    }
    pthread_mutex_unlock(&outdated->lock);
    if (error != 0)
        free(held);
    return error;
}

void outdated_answer(struct outdated *outdated, fuse_req_t request, outdated_give *give,
                     const void *what, size_t size)
{
    struct files_changed changed;
    int error;

    if (!files_next_changed(outdated->files, &changed)) {
        give(request, what, size);
        return;
    }
    error = put_aside(outdated, request, give, what, size);
    if (error != 0)
        fuse_reply_err(request, -error);
}

void outdated_end(struct outdated *outdated)
{
    if (outdated == NULL)
        return;
    pthread_mutex_lock(&outdated->lock);
    __atomic_store_n(&outdated->ending, true, __ATOMIC_RELAXED);
    pthread_cond_signal(&outdated->wanted);
    pthread_mutex_unlock(&outdated->lock);
    pthread_mutex_lock(&outdated->joining);
    if (!outdated->joined)
        pthread_join(outdated->thread, NULL);
    outdated->joined = true;
    pthread_mutex_unlock(&outdated->joining);
}

void outdated_free(struct outdated *outdated)
{
    if (outdated == NULL)
        return;
    outdated_end(outdated);
    pthread_cond_destroy(&outdated->wanted);
    pthread_mutex_destroy(&outdated->lock);
    pthread_mutex_destroy(&outdated->joining);
    free(outdated);
}
