/* SPDX-License-Identifier: MIT */
/* Where crmfs restore and its kin take rows from: a snapshot in a store, or any source. */
#ifndef CRMFS_TOOLS_RESTORE_SOURCE_H
#define CRMFS_TOOLS_RESTORE_SOURCE_H

#include "backends/source/source.h"
#include "fs/base/failure.h"
#include "tools/indexing.h"
#include "tools/left_out.h"
#include "tools/opened_store.h"
#include "tools/words.h"

/* Zeroed at first. */
struct restore_source {
    struct dataset *dataset;
    const char *kind;                   /* "sqlite", "mysql", "postgresql", … */
    const struct snapshot *snapshot;    /* the store's; NULL: it is of none, … */
    const char *name;                   /* … else what the snapshot calls the source */
    const struct stored_source *stored; /* of the tree; NULL: it is of none */
    const char *table;                  /* that WHAT names; NULL: none */
    char *words;                        /* WHAT, taken apart */
    struct opened_store opened;         /* by restore_source_open */
    struct stored_tree tree;
    struct source *source;
    struct indexing indexing;
    struct left_out left_out; /* parts of an archive, tables that there are, or may be, elsewhere */
};

/*
 * STORE: the store in which WHAT is SNAPSHOT[/SOURCE[/TABLE]]; NULL: WHAT is a source's path or
 * URL. CANCELLED: atomic. -ENOENT, -EINVAL in words, and as opening refuses.
 */
int restore_source_open(const char *store, const struct passphrase_options *passphrase,
                        const char *what, const bool *cancelled, struct restore_source *source,
                        struct failure *failure);

/* The same of a store that is open, and stays so until the source is closed. */
int restore_source_open_in(const struct opened_store *opened, const char *what,
                           struct restore_source *source, struct failure *failure);

/*
 * Tells of the tables of which the snapshot has nothing, as they could not be read when it was
 * taken, and notes them as left out: but for EXCLUDED, from which such a name is taken, as there is
 * no table of it to leave out. To be asked where all tables are to be restored.
 */
void restore_source_tell_lacking(struct restore_source *source, struct words *excluded);

/* Of who wants all tables: warns that there may be some that nobody is told of (dataset->unseen).
 */
void restore_source_tell_unseen(struct restore_source *source);

void restore_source_close(struct restore_source *source);

#endif
