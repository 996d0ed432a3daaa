/* SPDX-License-Identifier: MIT */
/*
 * A few threads that do small jobs in the order they are given. Jobs are
 * favours (reading ahead): when the queue is full a job is refused, and the
 * caller goes on without it.
 */
#ifndef CRMFS_BASE_WORKERS_H
#define CRMFS_BASE_WORKERS_H

#include <stdbool.h>
#include <stddef.h>

struct workers;

/* THREADS threads and room for QUEUE waiting jobs. NULL: no memory or no threads. */
struct workers *workers_create(unsigned threads, size_t queue);

/* Whether the job was taken; RUN is then called once with CONTEXT, or never if workers_free came
 * first. */
bool workers_submit(struct workers *workers, void (*run)(void *context),
                    void (*discard)(void *context), void *context);

/* Waits for the jobs under way and discards those that wait. NULL is allowed. */
void workers_free(struct workers *workers);

#endif
