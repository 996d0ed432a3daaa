/* SPDX-License-Identifier: MIT */
/*
 * How far a migration has come: a line of JSON for each table that is in the target, with how many
 * rows it has and their digest, written through to the disk. A line that was cut short is none.
 * It holds names of tables, and of no cell.
 */
#ifndef CRMFS_TOOLS_MIGRATION_JOURNAL_H
#define CRMFS_TOOLS_MIGRATION_JOURNAL_H

#include <stdbool.h>

#include "backends/target/target.h"
#include "fs/base/failure.h"

struct journal_table {
    char *name;
    struct load_counts counts; /* inserted, digest */
};

struct migration_journal {
    char *path;
    int descriptor; /* locked: one migration at a time */
    struct journal_table *tables;
    size_t count;
};

/*
 * Opens, or begins, that of the migration from SOURCE to TARGET; PATH NULL: in the user's state
 * folder. -EBUSY: it goes on right now; -EINVAL: of another migration.
 */
int migration_journal_open(const char *path, const char *source, const char *target,
                           struct migration_journal *ret_journal, struct failure *failure);

/* NULL: the table is not there yet. */
const struct journal_table *migration_journal_find(const struct migration_journal *journal,
                                                   const char *name);

/* The table is there. 0: so says the disk. */
int migration_journal_add(struct migration_journal *journal, const char *name,
                          const struct load_counts *counts, struct failure *failure);

/* DONE: the migration is; the file goes. */
void migration_journal_close(struct migration_journal *journal, bool done);

#endif
