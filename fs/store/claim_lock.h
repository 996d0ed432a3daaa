/* SPDX-License-Identifier: MIT */
/*
 * A lock that a writer of files/ holds as long as its process runs: on an empty file in the store's
 * folder tmp/, which bears the writer's id. It tells of a writer whose process cannot be seen, as
 * in another container of the same machine. On a storage that is no directory, or whose file system
 * has no locks, there is none.
 *
 * Beside it, on the same file, a lock for each pack that the writer has begun to use and no record
 * says yet: prune, which may be another process, removes none of those.
 */
#ifndef CRMFS_STORE_CLAIM_LOCK_H
#define CRMFS_STORE_CLAIM_LOCK_H

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
    unsigned packs; /* that are locked; from CLAIM_PACKS_MOST on, all are */
};

#define CLAIM_PACKS_MOST 1000 /* the kernel looks through them one by one */

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

/*
 * The pack of that hint is used from now on, if it was not marked before. False: that cannot be
 * said. One thread at a time. Where no lock is held, nothing is said: prune knows that.
 */
bool claim_lock_use_pack(struct claim_lock *lock, uint64_t hint);
void claim_lock_drop_packs(struct claim_lock *lock); /* a record says which are used */

/* The file of another writer's locks, to be closed; -1: it cannot be seen. */
int claim_lock_open(struct storage *storage, const uint8_t writer[FILES_WRITER_BYTES]);
enum claim_lock_state claim_lock_look_at_pack(int file, uint64_t hint); /* FILE may be -1 */

#endif
