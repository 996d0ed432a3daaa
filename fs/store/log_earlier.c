/* SPDX-License-Identifier: MIT */
/* What earlier records of the log say, and later ones have replaced. */
#include <errno.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"

/* A record that opens. Not 0 ends the reading, and is what it returns. */
typedef int visit_entry(void *context, const struct log_entry *entry);

/* The newest first. Records that cannot be read are passed over. */
static int each_record(struct store *store, visit_entry *visit, void *context,
                       struct failure *failure)
{
    cleanup_free uint64_t *numbers = NULL;
    size_t count = 0;
    int result = log_list(store, "log", &numbers, &count, failure);

    while (result == 0 && count > 0) {
        struct log_entry entry;
        uint8_t hash[LOG_HASH_BYTES];
        int error = log_record_read(store, numbers[--count], &entry, hash, NULL);

        if (error == -ENOMEM)
            return error;
        if (error != 0)
            continue;
        result = visit(context, &entry);
        log_entry_release(&entry);
    }
    return result;
}

struct asking_files {
    log_files_visit *visit;
    void *context;
};

static int visit_files(void *context, const struct log_entry *entry)
{
    const struct asking_files *asking = context;

    return entry->kind == LOG_FILES ? asking->visit(asking->context, entry->sequence, &entry->top)
                                    : 0;
}

int log_each_files(struct store *store, log_files_visit *visit, void *context,
                   struct failure *failure)
{
    struct asking_files asking = {visit, context};

    return each_record(store, visit_files, &asking, failure);
}
