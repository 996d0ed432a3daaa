/* SPDX-License-Identifier: MIT */
/*
 * A storage around another that makes operations fail, and that remembers what
 * was written, so that every power cut on the way can be tried afterwards.
 * Safe from several threads at once.
 *
 * A power cut at point P of a record: the operations before P have returned,
 * operation P had begun (P = the count: all have returned). In flight are those
 * that may or may not be found afterwards: operation P itself, and every commit
 * and removal that no sync() which returned came after, by the same process, and no
 * flush() of that file. As a storage promises
 * that a put is whole or not there, only commits are ever torn: which is more
 * than dir.c lets happen.
 */
#ifndef CRMFS_TESTS_UNIT_RECORDING_STORAGE_H
#define CRMFS_TESTS_UNIT_RECORDING_STORAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "backends/storage/storage.h"

enum storage_operation {
    STORAGE_PUT = 1 << 0,
    STORAGE_CREATE = 1 << 1,
    STORAGE_APPEND = 1 << 2,
    STORAGE_COMMIT = 1 << 3,
    STORAGE_SYNC = 1 << 4,
    STORAGE_REMOVE = 1 << 5,
    STORAGE_SWEEP = 1 << 6,
    STORAGE_READ = 1 << 7,
    STORAGE_SIZE = 1 << 8,
    STORAGE_LIST = 1 << 9,
    STORAGE_WRITING = (1 << 7) - 1,
    STORAGE_FLUSH = 1 << 10,
    STORAGE_ALL = (1 << 11) - 1
};

enum fault_effect {
    FAULT_NOTHING_DONE, /* it fails before anything happens */
    FAULT_PARTLY_DONE,  /* an append writes half, a list visits half; others do nothing */
    FAULT_ALL_DONE,     /* it is done, but reported as failed: an answer that was lost */
};

struct storage_fault {
    uint64_t nth;        /* the first that fails, from 1; 0: none does */
    unsigned operations; /* which kinds are counted and may fail */
    int code;            /* errno */
    bool for_ever;       /* all after it as well */
    enum fault_effect effect;
};

/* INNER is closed together with it. NULL: no memory. */
struct storage *recording_storage_new(struct storage *inner);
struct storage *recording_storage_inner(struct storage *storage);

/*
 * Another process's way to the same storage: what is put and removed by it, only its own sync()
 * makes durable. To be closed before STORAGE. NULL: no memory, or there are RECORDING_PARTIES.
 */
#define RECORDING_PARTIES 8
struct storage *recording_storage_beside(struct storage *storage);

/* From now on, counting from 0 again. NULL: nothing fails, and everything counts. */
void recording_storage_set_fault(struct storage *storage, const struct storage_fault *fault);
uint64_t recording_storage_counted(struct storage *storage); /* since set_fault */
uint64_t recording_storage_failed(struct storage *storage);  /* how many of them were made to */

/*
 * CALL is made once, by the thread of the next of these operations and before anything is done of
 * it: what others do meanwhile.
 */
void recording_storage_interpose(struct storage *storage, unsigned operations,
                                 void (*call)(void *context), void *context);

struct recorded_operation {
    enum storage_operation kind; /* STORAGE_PUT, _COMMIT, _REMOVE, _SYNC or _FLUSH */
    unsigned party;              /* of which process, below RECORDING_PARTIES */
    char *name;                  /* NULL for a sync */
    uint8_t *bytes;              /* all of a file, for a put or a commit */
    size_t size;
    size_t covered; /* a sync: how many operations had returned when it began */
};

/* How many operations were recorded: those that changed the inner storage, whatever they returned.
 */
size_t recording_storage_count(struct storage *storage);
const struct recorded_operation *recording_storage_operation(struct storage *storage, size_t index);
void recording_storage_forget(struct storage *storage); /* the record begins anew */

enum replay_fate {
    REPLAY_DROPPED, /* nothing that was in flight is there */
    REPLAY_KEPT,    /* all of it */
    REPLAY_TORN,    /* one commit is cut, other commits and removals are there */
    REPLAY_CHOSEN,  /* some of it: what was written later may be there without what came before */
};

struct replay {
    size_t point; /* 0 … recording_storage_count() */
    enum replay_fate fate;
    size_t torn;     /* REPLAY_TORN: which of the commits in flight, modulo their number */
    size_t cut;      /* REPLAY_TORN: to how many bytes, modulo the file's size */
    uint64_t choice; /* REPLAY_CHOSEN: a bit for each, the oldest in the lowest */
};

struct replayed {
    size_t in_flight; /* operations; fail when no point of a test ever has any */
    size_t commits;   /* those of them that can be torn */
    size_t torn_size; /* of the file that was cut, whole */
};

/*
 * Does to INTO, which holds what the inner storage held when the record began,
 * what would have been found after a power cut. 0 or what INTO says.
 */
int recording_storage_replay(struct storage *storage, const struct replay *how,
                             struct storage *into, struct replayed *ret_replayed,
                             struct failure *failure);

#endif
