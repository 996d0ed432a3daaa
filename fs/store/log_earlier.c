/* SPDX-License-Identifier: MIT */
/* What earlier records of the log say, and later ones have replaced. */
#include <errno.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"

int log_each_files(struct store *store,
                   int (*visit)(void *context, uint64_t record, const struct object_reference *top),
                   void *context, struct failure *failure)
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
            result = visit(context, numbers[count], &entry.top);
        log_entry_release(&entry);
    }
    return result;
}
