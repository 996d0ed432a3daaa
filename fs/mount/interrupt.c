/* SPDX-License-Identifier: MIT */
#include "fs/mount/interrupt.h"

#include <errno.h>

#include "fs/mount/process.h"

/* With the lock held. */
static void answer_if_to_end(struct long_request *long_request)
{
    if (long_request->answered || !process_is_to_end(long_request->thread))
        return;
    long_request->answered = true;
    fuse_reply_err(long_request->request, EINTR);
}

static void interrupted(fuse_req_t request, void *context)
{
    struct long_request *long_request = context;

    (void)request;
    pthread_mutex_lock(&long_request->lock);
    /*
     * Before it is watched we may be inside fuse_req_interrupt_func(), which
     * goes on using the request: long_request_begin() sees to it afterwards.
     */
    if (long_request->watched)
        answer_if_to_end(long_request);
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
    long_request->watched = true;
    if (fuse_req_interrupted(request))
        answer_if_to_end(long_request);
    pthread_mutex_unlock(&long_request->lock);
}

bool long_request_end(struct long_request *long_request)
{
    pthread_mutex_lock(&long_request->lock);

    bool ours = !long_request->answered;

    long_request->answered = true;
    pthread_mutex_unlock(&long_request->lock);
    /* Waits for interrupted() if it runs just now; nothing calls it afterwards. */
    if (ours)
        fuse_req_interrupt_func(long_request->request, NULL, NULL);
    pthread_mutex_destroy(&long_request->lock);
    return ours;
}
