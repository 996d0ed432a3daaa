/* SPDX-License-Identifier: MIT */
#include "fs/store/log_ahead.h"

#include "fs/store/log_internal.h"

#define PIECE_BYTES ((uint64_t)64 << 10)

static bool is_enough(const bool *enough)
{
    return __atomic_load_n(enough, __ATOMIC_RELAXED);
}

/* A storage_visit. */
static int note_newest(void *context, const char *name, uint64_t size, time_t modified)
{
    uint64_t *newest = context;
    uint64_t number;

    (void)size;
    (void)modified;
    if (log_number(name, &number) && number > *newest)
        *newest = number;
    return 0;
}

/* False: there is no such file, or it cannot be read. */
static bool read_through(struct storage *storage, const char *name, const bool *enough)
{
    uint8_t piece[PIECE_BYTES];
    uint64_t size;

    if (storage->class->size(storage, name, &size, NULL) != 0)
        return false;
    for (uint64_t at = 0; at < size && !is_enough(enough); at += PIECE_BYTES) {
        uint64_t left = size - at;

        if (storage->class->read(storage, name, at, piece, left < PIECE_BYTES ? left : PIECE_BYTES,
                                 NULL) != 0)
            return false;
    }
    return true;
}

void log_read_ahead(struct storage *storage, const bool *enough)
{
    char name[LOG_NAME_SIZE];
    uint64_t newest = 0;

    if (storage->class->list(storage, "checkpoints", note_newest, &newest, NULL) != 0)
        return;
    if (newest != 0) {
        checkpoint_name(newest, name);
        read_through(storage, name, enough);
    }
    /* From the record that it stands for; and where none is missed, as log_gap_after() looks. */
    uint64_t sequence = newest != 0 ? newest : 1;

    for (unsigned missing = 0; missing < CHECKPOINT_EVERY + 2 && !is_enough(enough); sequence++) {
        log_record_name(sequence, name);
        missing = read_through(storage, name, enough) ? 0 : missing + 1;
    }
}
