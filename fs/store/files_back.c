/* SPDX-License-Identifier: MIT */
#include "fs/store/files_back.h"

#include <errno.h>

#include "fs/store/log_internal.h"

/* A checkpoint_visit. */
static int note_checkpoint(void *context, const struct log_state *state)
{
    struct files_back *back = context;

    back->used |= state->has_files || state->claim.stands;
    return 0;
}

/* What the log tells, record by record. */
struct telling {
    struct files_back *back;
    uint64_t last;      /* that counts */
    uint64_t before;    /* the number of the last one; 0: this is the first */
    uint64_t newest_ns; /* of those that name what files/ is */
};

/* A log_record_visit. */
static int note_record(void *context, uint64_t number, const struct log_entry *entry)
{
    struct telling *telling = context;
    struct files_back *back = telling->back;

    if (entry == NULL || number > telling->last ||
        (telling->before != 0 && number != telling->before + 1))
        back->time_ns = telling->newest_ns;
    telling->before = number;
    if (entry == NULL)
        return 0;
    back->used |= entry->kind == LOG_FILES || entry->kind == LOG_CLAIM ||
                  (entry->kind == LOG_TAKE && entry->snapshot.has_files);
    if (entry->kind == LOG_FILES && number <= telling->last)
        telling->newest_ns = entry->time_ns;
    return 0;
}

int files_back_begin(struct store *store, uint64_t last, struct files_back *back,
                     struct failure *failure)
{
    struct telling telling = {.back = back, .last = last};
    int error = checkpoint_each(store, note_checkpoint, back, failure);

    return error == 0 ? log_each_record(store, note_record, &telling, failure) : error;
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
