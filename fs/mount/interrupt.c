/* SPDX-License-Identifier: MIT */
#include "fs/mount/interrupt.h"

#include <errno.h>

#include "fs/mount/process.h"

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
}

bool long_request_end(struct long_request *long_request)
{
    pthread_mutex_lock(&long_request->lock);

    bool ours = !long_request->answered;

    long_request->answered = true;
    pthread_mutex_unlock(&long_request->lock);
    if (ours)
        fuse_req_interrupt_func(long_request->request, NULL, NULL);
    pthread_mutex_destroy(&long_request->lock);
    return ours;
}
