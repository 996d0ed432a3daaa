/* SPDX-License-Identifier: MIT */
/*
 * Ending long work when a signal asks for it: the first SIGINT, SIGTERM or SIGHUP
 * only sets a flag that the work looks at; a second one ends the process at once.
 */
#ifndef CRMFS_TOOLS_STOP_H
#define CRMFS_TOOLS_STOP_H

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>

/*
 * From now on signals set the flag, which is returned: atomic, static. Signals that whoever
 * started us has ignored stay ignored.
 */
const bool *stop_begin(void);

/* Whether one came. */
bool stop_requested(void);

/*
 * The exit status of work that failed with ERROR. After -ECANCELED signals do again what they did,
 * and the one that came ends the process now, as its sender meant: call it when everything is
 * cleaned up.
 */
int stop_status(int error);

/*
 * All signals wait from here on, until the ones of BEFORE are let through again: for what takes a
 * moment, and may not be left half done. One that has come ends the process then.
 */
void stop_hold(sigset_t *ret_before);
void stop_let(const sigset_t *before);

/* As pthread_create(): a thread beside the work, which signals are not for. */
int stop_thread_beside(pthread_t *ret_thread, void *(*run)(void *context), void *context);

/* Ends the process as a program whose reader has gone ends: by SIGPIPE, without a word. */
void stop_unheard(void);

#endif
