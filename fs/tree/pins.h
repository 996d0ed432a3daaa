/* SPDX-License-Identifier: MIT */
/*
 * Which generation a process sees. Whoever walks a source's folder (cp -r, tar,
 * rsync, a shell's loop over *.csv) is to find one moment in it however long the
 * walk takes; whoever looks again is to find what is new. No request says which
 * of the two it is, so this is what tells them apart:
 *
 *   - Listing the folder or opening a file in it pins the generation to the
 *     process. Lookups of a pinned process, and of its children and
 *     grandchildren, find that generation.
 *   - Listing the folder again begins a new walk: the pin goes.
 *   - So does looking up a file that this walk has opened before: once is enough
 *     to copy it. A process that listed the folder itself may open each file
 *     twice (rsync --checksum reads first, then sends).
 *   - A pin goes when its process is gone, or has neither read nor looked up a name
 *     that is new to its walk for PIN_IDLE_NS (PIN_IDLE_OPEN_NS while it has
 *     something open): whoever asks for the same name over and over waits for it to
 *     change. A walk that has read files, and has the folder or one of them open still,
 *     may take a rest of any length: what it asks for next belongs to what it has read.
 *   - A generation that can show no more of its tables (generation_has_ended) is left by
 *     walks that have read nothing yet. The others stay: they may read again what they
 *     have, and are refused the rest.
 *
 * A pin holds its generation and counts among its users. Not locked: the live
 * source that owns the pins guards them, and unpins what they dropped after it has
 * let its lock go.
 */
#ifndef CRMFS_TREE_PINS_H
#define CRMFS_TREE_PINS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "fs/tree/node.h"

#define PIN_IDLE_NS (2 * UINT64_C(1000000000))
#define PIN_IDLE_OPEN_NS (30 * UINT64_C(1000000000))

struct generation;
struct pins;

struct pins *pins_create(void); /* NULL: no memory */
void pins_free(struct pins *pins);

/*
 * The generation that the caller is to see when it looks NAME up (NULL: lists the
 * folder), borrowed; NULL: the newest. Forgets the pin when the request begins
 * something new.
 */
struct generation *pins_find(struct pins *pins, const struct caller *caller, const char *name,
                             uint64_t now_ns);

/* The caller's walk is over: whoever has changed the database is to see that. */
void pins_end(struct pins *pins, const struct caller *caller);

/* The generation that the caller's walk is in; NULL: it has none. Changes nothing. */
const struct generation *pins_peek(struct pins *pins, const struct caller *caller);

/*
 * The caller begins to look NAME up, which may take as long as a table is read
 * through; the pin of its process, if any, stays until pins_leave.
 */
struct pin_visit {
    pid_t process; /* whose pin it is; 0: there is none */
    bool fresh;    /* the name is new to its walk */
};
struct pin_visit pins_enter(struct pins *pins, const struct caller *caller, const char *name,
                            uint64_t now_ns);
void pins_leave(struct pins *pins, const struct pin_visit *visit, uint64_t now_ns);

/* The caller has listed the folder (NAME NULL) or opened NAME in GENERATION. */
void pins_opened(struct pins *pins, const struct caller *caller, struct generation *generation,
                 const char *name, uint64_t now_ns);

/* It reads; to be told every now and then. */
void pins_used(struct pins *pins, pid_t process, uint64_t now_ns);

/* One of its listings or files is closed. */
void pins_closed(struct pins *pins, pid_t process, uint64_t now_ns);

/* Forgets pins of processes that are gone or idle. */
void pins_expire(struct pins *pins, uint64_t now_ns);

/* Whether the caller's walk, if it is in one, has opened a file. */
bool pins_has_read(struct pins *pins, const struct caller *caller);

/* FROM can show nothing more: whoever walks it and has read nothing goes on in TO. */
void pins_move(struct pins *pins, const struct generation *from, struct generation *to);

/* What was dropped since it was last taken: to be unpinned without the lock. NULL: nothing. */
struct pin_dropped *pins_take_dropped(struct pins *pins);
void pins_unpin(struct pin_dropped *dropped);

/* Whether any pin holds a generation other than NEWEST. */
bool pins_hold_older(const struct pins *pins, const struct generation *newest);

#endif
