/* SPDX-License-Identifier: MIT */
/*
 * Where a passphrase comes from. The first of these that there is:
 * --passphrase-file, --passphrase-command, $CRMFS_PASSPHRASE, a systemd
 * credential called crmfs-passphrase, the terminal. It rests in locked memory and
 * is handed to no other process.
 */
#ifndef CRMFS_TOOLS_PASSPHRASE_H
#define CRMFS_TOOLS_PASSPHRASE_H

#include <stdbool.h>

#include "fs/base/failure.h"
#include "fs/store/store.h"

/*
 * Takes CRMFS_PASSPHRASE and CRMFS_NEW_PASSPHRASE out of the environment, into
 * locked memory, so that no child, nor /proc/PID/environ, has them. Before anything
 * else in main().
 */
void passphrase_take_environment(void);

enum passphrase_use {
    PASSPHRASE_OPEN,   /* of a store that is there */
    PASSPHRASE_FIRST,  /* of a store that is being made: from the same places; typed twice */
    PASSPHRASE_ANOTHER /* to be added: OPTIONS, $CRMFS_NEW_PASSPHRASE, the terminal, twice */
};

/*
 * Wipes what the environment said for USE: of a command that does not ask for it. passphrase_get()
 * does so itself.
 */
void passphrase_forget(enum passphrase_use use);

/*
 * In a child, where memory is no longer locked: locks again what the environment said. Before the
 * parent, whose lock holds until then, ends. 0 or -ENOMEM in words.
 */
int passphrase_lock_again(struct failure *failure);

struct passphrase_options {
    const char *file;     /* --passphrase-file; "-": standard input. NULL: not given */
    const char *command;  /* --passphrase-command, for sh; what it prints is the passphrase */
    bool accept_rollback; /* --accept-rollback: an older state of the store is meant to be there */
};

/* For getopt_long of every command that opens a store. */
enum passphrase_letter {
    PASSPHRASE_FILE_LETTER = 0x100,
    PASSPHRASE_COMMAND_LETTER,
    ACCEPT_ROLLBACK_LETTER
};
#define PASSPHRASE_LONG_OPTIONS                                                     \
    {"passphrase-file", required_argument, NULL, PASSPHRASE_FILE_LETTER},           \
        {"passphrase-command", required_argument, NULL, PASSPHRASE_COMMAND_LETTER}, \
    {                                                                               \
        "accept-rollback", no_argument, NULL, ACCEPT_ROLLBACK_LETTER                \
    }

/* Whether LETTER was one of them; VALUE is borrowed. */
bool passphrase_take_option(struct passphrase_options *options, int letter, const char *value);

struct passphrase {
    struct store_passphrase text; /* in locked memory of its own */
    bool typed;                   /* on the terminal: one may ask again */
};

/*
 * STORE is its name, for the prompt. -EINVAL: both options were given; -ENXIO: there is none of
 * all these; else what went wrong, in words. A line end after the passphrase is cut off. What the
 * environment said for USE is gone afterwards: it is asked once.
 */
int passphrase_get(const struct passphrase_options *options, enum passphrase_use use,
                   const char *store, struct passphrase *ret_passphrase, struct failure *failure);

void passphrase_release(struct passphrase *passphrase); /* wipes it; zeroed is allowed */

#endif
