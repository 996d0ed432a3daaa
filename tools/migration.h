/* SPDX-License-Identifier: MIT */
/* A migration under way: what the files of crmfs migrate share. */
#ifndef CRMFS_TOOLS_MIGRATION_H
#define CRMFS_TOOLS_MIGRATION_H

#include "tools/migration_journal.h"
#include "tools/passphrase.h"
#include "tools/progress_line.h"
#include "tools/restore_source.h"
#include "tools/words.h"

/* Texts of the command line. */
struct migrate_command {
    struct passphrase_options passphrase;
    const char *store;
    const char *database; /* of the source, if it has several; NULL: whichever it is */
    const char *source;
    const char *target;
    const char *journal;
    bool orphans;
    bool dry_run;
    bool json;
    bool quiet;
};

struct migration {
    const struct migrate_command *command;
    const bool *cancelled;
    struct restore_source source;
    struct migration_journal journal;
    char **names; /* of the source's tables, parents first */
    size_t count;
    char **views; /* that can be made */
    size_t view_count;
    size_t present;   /* … that were there at first, from before an interruption */
    bool circular;    /* foreign keys go round: all tables in one transaction */
    bool interrupted; /* the journal knows of tables */
    bool lacks_parts; /* of an archive, or tables are outdated */
    /* Passed over, and no longer what the source has: of the names. */
    struct words outdated;
    uint64_t rows_done;
};

/* The target, closed by the caller; and one that has begun. */
int migration_connect(const struct migration *migration, struct target **ret_target,
                      struct failure *failure);
int migration_open_target(const struct migration *migration, struct target **ret_target,
                          struct failure *failure);

/* Which tables and views go, and in which order: notes them in MIGRATION. */
int migration_list(struct migration *migration, struct failure *failure);

/*
 * Copies what was listed. What is there already and noted in the journal is passed over, and noted
 * as outdated, in words, where its source has changed since.
 */
int migration_copy(struct migration *migration, struct failure *failure);

/* As progress_text. */
void migration_progress(void *context, double seconds, char *text, size_t size);

/* A dry run: says what would be done, and all that stands in the way; as dry_run. */
int migration_try(struct migration *migration, struct failure *failure);

#endif
