/* SPDX-License-Identifier: MIT */
/*
 * The folder snapshots/: a folder for every snapshot of a store, and `latest`, a
 * link to the newest. mkdir takes a snapshot of all live sources, rmdir forgets
 * one, mv renames one.
 *
 * What there is the store's log says. It is read again at the first request after
 * SNAPSHOTS_VALID_NS, so that what other processes take, forget and rename shows
 * within a second, and the kernel is told to believe a name only until then.
 * Nothing is made for a snapshot before somebody looks it up: a store may have
 * tens of thousands.
 */
#ifndef CRMFS_TREE_SNAPSHOTS_H
#define CRMFS_TREE_SNAPSHOTS_H

#include <stdbool.h>
#include <stddef.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/log.h"
#include "fs/store/store.h"
#include "fs/tree/frozen.h"
#include "fs/tree/node.h"
#include "fs/tree/take.h"

#define SNAPSHOTS_VALID_NS UINT64_C(900000000)

struct snapshots;

struct snapshots_options {
    struct store *store;
    struct log_state log; /* as it was read just now, which becomes theirs; zeroed: it was not */
    const struct frozen_context *context; /* outlives the snapshots, as the store does */
    const struct take_source *sources;    /* copied, what they point to is not */
    size_t source_count;                  /* 0: none can be taken */
    bool read_only;                       /* nothing is taken, forgotten and renamed */
    unsigned threads;                     /* of a scan */
    uint64_t view_timeout_ns;             /* as take_options has it */
    /* Told of what a snapshot leaves out, PATH being below the mountpoint; may be NULL. */
    void (*report)(void *context, const char *path, const struct failure *failure);
    void *report_context;
};

/* Reads the log. 0, or as log_read. */
int snapshots_create(const struct snapshots_options *options, struct snapshots **ret_snapshots,
                     struct failure *failure);

/* The folder: a reference. */
struct node *snapshots_folder(struct snapshots *snapshots);

/* Appends members of a JSON object, without braces: how many there are, what is being taken. */
int snapshots_status(struct snapshots *snapshots, struct buffer *text);

/* Has a snapshot that is being taken end early: the mount is ending. No other is begun. */
void snapshots_end(struct snapshots *snapshots);

/* After every node, handle and listing but the folder's own reference is given back. */
void snapshots_free(struct snapshots *snapshots);

#endif
