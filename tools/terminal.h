/* SPDX-License-Identifier: MIT */
/* Asking for a secret on the terminal. */
#ifndef CRMFS_TOOLS_TERMINAL_H
#define CRMFS_TOOLS_TERMINAL_H

#include <stddef.h>

#include "fs/base/failure.h"

/*
 * Shows PROMPT on the controlling terminal and reads one line without echo, its
 * end cut off, into SECRET, which is locked memory of SIZE bytes. The terminal is
 * itself again afterwards, also when a signal ends the process. -ENXIO: there is
 * no terminal; -EFBIG: the line does not fit; -ECANCELED: its end was typed
 * (Ctrl-D) and nothing before it.
 */
int terminal_ask(const char *prompt, char *secret, size_t size, size_t *ret_size,
                 struct failure *failure);

#endif
