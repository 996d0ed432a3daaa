/* SPDX-License-Identifier: MIT */
#include "fs/store/log_ahead.h"

#include "fs/store/log_internal.h"

#define PIECE_BYTES ((uint64_t)64 << 10)

static bool is_enough(const bool *enough)
{
    return __atomic_load_n(enough, __ATOMIC_RELAXED);
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

    /* Only that what lists it next finds it at hand. */
    if (log_newest(storage, "log", enough, &(uint64_t){0}, NULL) != 0 ||
        log_newest(storage, "checkpoints", enough, &newest, NULL) != 0)
        return;
    if (newest != 0) {
        checkpoint_name(newest, name);
        read_through(storage, name, enough);
    }
    /* From the record that it stands for, which may be gone. */
    uint64_t sequence = newest != 0 ? newest : 1;
    bool found = true;

    for (; found && !is_enough(enough); sequence++) {
        log_record_name(sequence, name);
        found = read_through(storage, name, enough) || sequence == newest;
    }
}
