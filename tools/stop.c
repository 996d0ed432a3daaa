/* SPDX-License-Identifier: MIT */
#include "tools/stop.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>

#include "tools/commands.h"

static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
#define SIGNALS (sizeof signals / sizeof *signals)

static bool requested;
static int request; /* the signal */

static void note(int number)
{
    __atomic_store_n(&request, number, __ATOMIC_RELAXED);
    __atomic_store_n(&requested, true, __ATOMIC_RELEASE);
}

const bool *stop_begin(void)
{
    const struct sigaction action = {.sa_handler = note,
                                     .sa_flags = SA_RESTART | (int)SA_RESETHAND};
    struct sigaction before;

    for (size_t i = 0; i < SIGNALS; i++) {
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(signals[i], &action, NULL);
    }
    return &requested;
}

bool stop_requested(void)
{
    return __atomic_load_n(&requested, __ATOMIC_ACQUIRE);
}

static void obey(void)
{
    int number = __atomic_load_n(&request, __ATOMIC_RELAXED);

    if (!stop_requested())
        return;
    signal(number, SIG_DFL);
    raise(number);
}

int stop_status(int error)
{
    if (error == -ECANCELED)
        obey();
    return STATUS_FAILED;
}

void stop_hold(sigset_t *ret_before)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

void stop_let(const sigset_t *before)
{
    pthread_sigmask(SIG_SETMASK, before, NULL);
}

int stop_thread_beside(pthread_t *ret_thread, void *(*run)(void *context), void *context)
{
    sigset_t before;

    stop_hold(&before);

    int error = pthread_create(ret_thread, NULL, run, context);

    stop_let(&before);
    return error;
}

void stop_unheard(void)
{
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}
