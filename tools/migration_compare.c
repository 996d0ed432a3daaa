/* SPDX-License-Identifier: MIT */
#include "tools/migration_compare.h"

#include <errno.h>

#include "fs/restore/restore_compare.h"
#include "tools/migration.h"

/* The journal's tables of a source that is open. */
static int compare_tables(struct source *source, struct dataset *from,
                          const struct migration_journal *journal, char *const *names, size_t count,
                          struct failure *failure)
{
    struct source_version version;
    struct dataset *dataset;
    int error = source->class->begin(source, &dataset, &version, failure);

    if (error != 0)
        return error;
    for (size_t i = 0; i < count && error == 0; i++) {
        const struct journal_table *noted = migration_journal_find(journal, names[i]);
        size_t like = dataset_find(from, names[i]);

        if (noted == NULL || like == SIZE_MAX)
            error = failure_set(failure, EIO, "table \"%s\" is not in the journal", names[i]);
        else
            error = restore_compare(
                dataset, dataset->kind != NULL ? dataset->kind : source->class->kind, noted->name,
                from->class->schema(from, like), &noted->counts, failure);
    }
    dataset->class->finish(dataset);
    dataset->class->release(dataset);
    return error;
}

int migration_compare(const char *target, const bool *cancelled, struct dataset *from,
                      const struct migration_journal *journal, char *const *names, size_t count,
                      struct failure *failure)
{
    const struct source_options options = {
        .busy_timeout_ms = SOURCE_BUSY_TIMEOUT_MS, .parallel = 1, .cancelled = cancelled};
    struct source *source;
    int error = source_open(target, &options, &source, failure);

    if (error != 0)
        return error;
    error = compare_tables(source, from, journal, names, count, failure);
    source->class->close(source);
    return error;
}
