/* SPDX-License-Identifier: MIT */
#include "fs/store/files_back.h"

#include <errno.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"

/* A checkpoint_visit. */
static int note_checkpoint(void *context, const struct log_state *state)
{
    struct files_back *back = context;

    back->used |= state->has_files || state->claim.stands;
    return 0;
}

int files_back_begin(struct store *store, uint64_t last, struct files_back *back,
                     struct failure *failure)
{
    cleanup_free uint64_t *numbers = NULL;
    size_t count = 0;
    uint64_t newest_ns = 0;
    int error = checkpoint_each(store, note_checkpoint, back, failure);

    if (error == 0)
        error = log_list(store, "log", &numbers, &count, failure);
    for (size_t i = 0; i < count && error == 0; i++) {
        struct log_entry entry = {.kind = LOG_KINDS};
        uint8_t hash[LOG_HASH_BYTES];
        int read = log_record_read(store, numbers[i], &entry, hash, NULL);

        if (read == -ENOMEM)
            return read;
        if (read != 0 || numbers[i] > last || (i > 0 && numbers[i] != numbers[i - 1] + 1))
            back->time_ns = newest_ns;
        if (read != 0)
            continue;
        back->used |= entry.kind == LOG_FILES || entry.kind == LOG_CLAIM ||
                      (entry.kind == LOG_TAKE && entry.snapshot.has_files);
        if (entry.kind == LOG_FILES && numbers[i] <= last)
            newest_ns = entry.time_ns;
        log_entry_release(&entry);
    }
    return error;
}

/* A log_files_visit: the newest. */
static int note_newest(void *context, uint64_t record, const struct object_reference *top)
{
    (void)top;
    *(uint64_t *)context = record;
    return 1;
}

int files_back_find(struct store *store, struct files_back *back, uint64_t last_lost,
                    struct failure *failure)
{
    struct log_entry entry = {.kind = LOG_KINDS};
    uint8_t hash[LOG_HASH_BYTES];
    uint64_t newest = 0;
    int error = log_each_files(store, note_newest, &newest, failure);

    if (error < 0 || newest > last_lost)
        return error < 0 ? error : 0;
    if (newest == 0)
        return 1;
    error = log_record_read(store, newest, &entry, hash, failure);
    if (error == 0)
        back->time_ns = entry.time_ns;
    log_entry_release(&entry);
    return error == 0 ? 1 : error;
}
