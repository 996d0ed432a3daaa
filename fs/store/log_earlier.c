/* SPDX-License-Identifier: MIT */
/* What the records of the log say one by one, those that later ones have replaced included. */
#include <errno.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"

int log_each_record(struct store *store, log_record_visit *visit, void *context,
                    struct failure *failure)
{
    cleanup_free uint64_t *numbers = NULL;
    size_t count = 0;
    int result = log_list(store, "log", &numbers, &count, failure);

    for (size_t i = 0; i < count && result == 0; i++) {
        struct log_entry entry;
        uint8_t hash[LOG_HASH_BYTES];
        int error = log_record_read(store, numbers[i], &entry, hash, NULL);

        if (error == -ENOMEM)
            return error;
        result = visit(context, numbers[i], error == 0 ? &entry : NULL);
        if (error == 0)
            log_entry_release(&entry);
    }
    return result;
}

int log_each_files(struct store *store, log_files_visit *visit, void *context,
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
        if (entry.kind == LOG_FILES)
            result = visit(context, entry.sequence, &entry.top);
        log_entry_release(&entry);
    }
    return result;
}
