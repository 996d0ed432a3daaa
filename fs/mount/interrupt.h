/* SPDX-License-Identifier: MIT */
/*
 * Requests that may take long. The kernel tells when a signal waits at the
 * process that asks; when the signal is to end it, the request is answered with
 * EINTR at once, so that nobody is unkillable while a large table is read
 * through. Other signals (a timer, a window resized) let it wait: few programs
 * expect EINTR of stat() or open().
 */
#ifndef CRMFS_MOUNT_INTERRUPT_H
#define CRMFS_MOUNT_INTERRUPT_H

#include <fuse_lowlevel.h>
#include <pthread.h>
#include <stdbool.h>

struct long_request {
    fuse_req_t request;
    pid_t thread; /* that asks */
    pthread_mutex_t lock;
    bool watched;   /* guarded by lock: the kernel's word is heard */
    bool answered;  /* guarded by lock: by whoever comes first */
    bool cancelled; /* atomic: nobody waits for the work any more */
};

/* Before the long work; LONG_REQUEST stays where it is until long_request_end. */
void long_request_begin(struct long_request *long_request, fuse_req_t request);

/*
 * After it: true when the request is still to be answered, by the caller. False
 * when it has been, and no longer exists.
 */
bool long_request_end(struct long_request *long_request);

#endif
