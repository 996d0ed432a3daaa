/* SPDX-License-Identifier: MIT */
/*
 * Taking a snapshot: every table of some sources, each source at one moment, read
 * through into a store, and one record of the log that makes it visible. Until that
 * record nothing of it can be seen; after it everything is durable.
 */
#ifndef CRMFS_TREE_TAKE_H
#define CRMFS_TREE_TAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "fs/files/files.h"
#include "fs/store/log.h"
#include "fs/store/object.h"
#include "fs/store/store.h"

struct take_source {
    const char *name; /* of its folder */
    struct source *source;
};

/* What is being done; read by another thread for a display. All atomic but the text. */
struct take_progress {
    uint64_t rows;
    uint64_t tables_done;
    uint64_t tables;
    uint64_t raw_bytes;    /* of the rows done, as CSV */
    uint64_t stored_bytes; /* added to the store so far */
};

struct take_options {
    struct store *store;
    struct object_reader *reader;
    const struct take_source *sources;
    size_t source_count;
    const char *const *tables; /* NULL: all; else these only, "table" or "source.table" */
    size_t table_count;
    const char *const *excluded; /* of these, not those; each must be there */
    size_t excluded_count;
    const char *name;
    const char *host; /* NULL: this machine's name */
    const char *const *tags;
    size_t tag_count;
    bool as_of_sources;  /* its time is when the sources last changed, not now */
    struct files *files; /* of this process, to be committed first; NULL: as the store has them */
    unsigned threads;
    uint64_t view_timeout_ns;       /* what reading a view may take; 0: for ever */
    const bool *cancelled;          /* atomic, may be NULL */
    struct take_progress *progress; /* may be NULL */
    /* Told what is left out and why (a view that its database cannot show, or not in its time; with
     * SNAPSHOT_FILES and no table, files/, whose tree is lost); EPERM, a source and no table: it
     * may have tables that nobody is told of (dataset->unseen). May be NULL. */
    void (*warn)(void *context, const char *source, const char *table, const struct failure *why);
    void *warn_context;
};

#define SNAPSHOT_FILES "files" /* where a snapshot shows what files/ was */

/* Whether a source of that name has a place in snapshots. 0; -EINVAL in words. */
int snapshot_source_check(const char *name, struct failure *failure);

/*
 * Takes the snapshot. STATE is brought up to date. 0: it is durable, and ret_id (may be NULL) its
 * id. -EEXIST (the name is taken), -EINVAL (not a name; a table that no source has), -ECANCELED,
 * what the source, the store or memory refused: nothing of it can be seen then.
 */
int snapshot_take(const struct take_options *options, struct log_state *state,
                  uint8_t ret_id[SNAPSHOT_ID_BYTES], struct failure *failure);

/*
 * Whether the newest snapshot is of a time that is still to come by minutes, dated by a clock that
 * was wrong: none that is taken now is `latest`. Then *ret_words says so, and what can be done.
 */
bool snapshot_latest_is_to_come(const struct log_state *state, struct failure *ret_words);

#endif
