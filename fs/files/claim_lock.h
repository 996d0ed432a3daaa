/* SPDX-License-Identifier: MIT */
/*
 * A lock that a writer of files/ holds as long as its process runs: on an empty file in the store's
 * folder tmp/, which bears the writer's id. It tells of a writer whose process cannot be seen, as
 * in another container of the same machine. On a storage that is no directory, or whose file system
 * has no locks, there is none.
 */
#ifndef CRMFS_FILES_CLAIM_LOCK_H
#define CRMFS_FILES_CLAIM_LOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/storage/storage.h"
#include "fs/store/log.h"

/* Which file it is, among all that this kernel has open. */
struct claim_file {
    uint64_t device;
    uint64_t inode;
};

struct claim_lock {
    int file; /* -1: it is not held */
    struct claim_file place;
};

/* False: none can be had. */
bool claim_lock_take(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES],
                     struct claim_lock *ret_lock);

/* And the file goes. */
void claim_lock_release(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES],
                        struct claim_lock *lock);

/* The file of a writer that has died. */
void claim_lock_remove(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES]);

enum claim_lock_state {
    CLAIM_LOCK_UNKNOWN,
    CLAIM_LOCK_FREE, /* and the file is PLACE's, as it was when the lock was taken */
    CLAIM_LOCK_HELD,
};

/* PLACE means something to the kernel that said it, as long as that runs; NULL: another one did. */
enum claim_lock_state claim_lock_look(struct storage *storage,
                                      const uint8_t writer[FILES_WRITER_BYTES],
                                      const struct claim_file *place);

#endif
