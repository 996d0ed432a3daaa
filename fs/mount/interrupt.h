/* SPDX-License-Identifier: MIT */
/*
 * Requests that may take long. The kernel tells when a signal waits at the
 * process that asks; when the signal is to end it, the request is answered with
 * EINTR at once, so that nobody is unkillable while a large table is read
 * through. Other signals (a timer, a window resized) let it wait: few programs
 * expect EINTR of stat() or open().
 *
 * The kernel tells once. When that was of another signal (a reader is stopped
 * first, and killed then), or when its word is lost, whoever asks is not told of
 * any more; so those that take long indeed are also looked at from time to time.
 */
#ifndef CRMFS_MOUNT_INTERRUPT_H
#define CRMFS_MOUNT_INTERRUPT_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>

/*
 * All of a mount. Whoever answers one that is not his own holds the lock, so that the request's
 * thread does not leave meanwhile. Taken before a request's own lock.
 */
struct long_requests {
    pthread_mutex_t lock;
    struct long_request *first; /* guarded by lock */
};

struct long_request {
    fuse_req_t request;
    pid_t thread; /* that asks */
    struct long_requests *all;
    struct long_request *next;      /* guarded by all->lock */
    struct long_request **previous; /* what points to this one; guarded by all->lock */
    bool seen;                      /* guarded by all->lock: by long_requests_look */
    pthread_mutex_t lock;
    bool watched;   /* guarded by lock: the kernel's word is heard */
    bool answered;  /* guarded by lock: by whoever comes first */
    bool cancelled; /* atomic: nobody waits for the work any more */
};

void long_requests_init(struct long_requests *all);
void long_requests_release(struct long_requests *all); /* there are none */

/* Answers those of processes that are to end, unless they have come since it was called last. */
void long_requests_look(struct long_requests *all);

/* Before the long work; LONG_REQUEST stays where it is until long_request_end. */
void long_request_begin(struct long_request *long_request, fuse_req_t request);

/*
 * After it: true when the request is still to be answered, by the caller. False
 * when it has been, and no longer exists.
 */
bool long_request_end(struct long_request *long_request);

#endif
