/* SPDX-License-Identifier: MIT */
/* The folder of a live source as a node; and what it needs of the live source. */
#ifndef CRMFS_TREE_LIVE_FOLDER_H
#define CRMFS_TREE_LIVE_FOLDER_H

#include "fs/tree/live.h"
#include "fs/tree/pins.h"

/* A source that changes faster than it can be read through is given up after so many tries … */
#define LIVE_ATTEMPTS 5

/* … with -EBUSY and these words. */
int live_refuse(const struct live *live, struct failure *failure);

/* 0 or -ENOMEM. The folder does not outlive LIVE. */
int live_folder_create(struct live *live, const char *path, struct node **ret_folder);

/* A lookup of NAME by the caller begins, and ends. */
struct pin_visit live_enter(struct live *live, const struct caller *caller, const char *name);
void live_leave(struct live *live, const struct pin_visit *visit);

/*
 * The generation that the caller is to see when it looks NAME up (NULL: lists the
 * folder), used (generation_leave when done), and how long that holds.
 */
int live_resolve(struct live *live, const struct caller *caller, const char *name,
                 struct generation **ret_generation, uint64_t *ret_valid_ns,
                 struct failure *failure);

/*
 * What becomes of the caller's lookup when GENERATION, which it was resolved to, cannot show what
 * was asked for any more: -ESTALE, it is to be resolved again; -EIO in words when the caller has
 * read other files of it, and would mix two moments.
 */
int live_break_off(struct live *live, const struct caller *caller, struct generation *generation,
                   struct failure *failure);

/*
 * The file NAME (NULL: whoever lists the folder waits for all of it) of an archive that is being
 * read, if it can be shown before all is. -EAGAIN: it is to be resolved; -ECANCELED: the caller
 * waits no more; else what the table's files give.
 */
int live_early(struct live *live, const struct caller *caller, const char *name,
               struct node **ret_node, struct failure *failure);

/* A listing of GENERATION was opened by the caller, closed by the process. */
void live_note_opened(struct live *live, const struct caller *caller,
                      struct generation *generation);
void live_note_named(struct live *live, const struct caller *caller, struct generation *generation,
                     const char *name); /* the same, of NAME in it */
void live_note_closed(struct live *live, pid_t process);

/* When the newest generation's names changed, and how long that holds. */
struct timespec live_changed(struct live *live, uint64_t *ret_valid_ns);

extern const char live_unchanging[]; /* why no file of a table can be written, for people */

#endif
