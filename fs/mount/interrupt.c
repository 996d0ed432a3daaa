/* SPDX-License-Identifier: MIT */
#include "fs/mount/interrupt.h"

#include <errno.h>

#include "fs/base/process.h"
#include "fs/mount/answer.h"

void long_requests_init(struct long_requests *all)
{
    *all = (struct long_requests){.lock = PTHREAD_MUTEX_INITIALIZER};
}

void long_requests_release(struct long_requests *all)
{
    pthread_mutex_destroy(&all->lock);
}

static void add(struct long_request *long_request)
{
    struct long_requests *all = long_request->all;

    pthread_mutex_lock(&all->lock);
    long_request->next = all->first;
    long_request->previous = &all->first;
    if (all->first != NULL)
        all->first->previous = &long_request->next;
    /* cppcheck-suppress autoVariables ; taken off again by long_request_end */
    all->first = long_request;
    pthread_mutex_unlock(&all->lock);
}

static void take_off(struct long_request *long_request)
{
    struct long_requests *all = long_request->all;

    pthread_mutex_lock(&all->lock);
    *long_request->previous = long_request->next;
    if (long_request->next != NULL)
        long_request->next->previous = long_request->previous;
    pthread_mutex_unlock(&all->lock);
}

/* True: whoever asked is to end, and the caller has to answer him so. */
static bool claim(struct long_request *long_request)
{
    bool ended = process_is_to_end(long_request->thread);

    pthread_mutex_lock(&long_request->lock);

    bool claimed = ended && !long_request->answered;

    if (claimed) {
        long_request->answered = true;
        __atomic_store_n(&long_request->cancelled, true, __ATOMIC_RELAXED);
    }
    pthread_mutex_unlock(&long_request->lock);
    return claimed;
}

void long_requests_look(struct long_requests *all)
{
    pthread_mutex_lock(&all->lock);
    for (struct long_request *one = all->first; one != NULL; one = one->next) {
        if (one->seen && claim(one)) {
            /* Waits for interrupted(), which finds it claimed, and lets it not come again. */
            fuse_req_interrupt_func(one->request, NULL, NULL);
            fuse_reply_err(one->request, EINTR);
        }
        one->seen = true;
    }
    pthread_mutex_unlock(&all->lock);
}

/*
 * libfuse calls interrupted() with the request locked, so that
 * fuse_req_interrupt_func() waits for one that runs. But whoever answers frees
 * the request: first claim the answer, then wait, then answer.
 */
static void interrupted(fuse_req_t request, void *context)
{
    struct long_request *long_request = context;

    pthread_mutex_lock(&long_request->lock);
    /*
     * Before it is watched we may be inside fuse_req_interrupt_func(), which
     * goes on using the request: long_request_begin() sees to it afterwards.
     */
    if (long_request->watched && !long_request->answered &&
        process_is_to_end(long_request->thread)) {
        long_request->answered = true;
        __atomic_store_n(&long_request->cancelled, true, __ATOMIC_RELAXED);
        fuse_reply_err(request, EINTR);
    }
    pthread_mutex_unlock(&long_request->lock);
}

void long_request_begin(struct long_request *long_request, fuse_req_t request)
{
    *long_request = (struct long_request){
        .request = request,
        .thread = fuse_req_ctx(request)->pid,
        .all = &state_of(request)->long_requests,
        .lock = PTHREAD_MUTEX_INITIALIZER,
    };
    fuse_req_interrupt_func(request, interrupted, long_request);
    pthread_mutex_lock(&long_request->lock);

    bool late = fuse_req_interrupted(request) && process_is_to_end(long_request->thread);

    long_request->watched = true;
    long_request->answered = late;
    __atomic_store_n(&long_request->cancelled, late, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&long_request->lock);
    if (late) {
        fuse_req_interrupt_func(request, NULL, NULL);
        fuse_reply_err(request, EINTR);
    }
    add(long_request);
}

bool long_request_end(struct long_request *long_request)
{
    take_off(long_request);
    pthread_mutex_lock(&long_request->lock);

    bool ours = !long_request->answered;

    long_request->answered = true;
    pthread_mutex_unlock(&long_request->lock);
    if (ours)
        fuse_req_interrupt_func(long_request->request, NULL, NULL);
    pthread_mutex_destroy(&long_request->lock);
    return ours;
}
