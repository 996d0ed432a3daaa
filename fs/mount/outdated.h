/* SPDX-License-Identifier: MIT */
/*
 * What the kernel keeps of open files that another mount has changed is dropped: before it is told
 * of a file's new size or times, and in time where nobody asks for those.
 *
 * A thread of its own does it, for the kernel may let it wait until reads of the same file are
 * answered. Whoever answers requests must not wait for that: all of them could, while such a read
 * waits for one. So their answers wait instead:
 *
 *   handler: the tree is another -> its answer is put aside -> the next request
 *   thread:  the kernel drops what it keeps -> what was put aside is answered
 */
#ifndef CRMFS_MOUNT_OUTDATED_H
#define CRMFS_MOUNT_OUTDATED_H

#include <fuse_lowlevel.h>
#include <stddef.h>

#include "fs/files/files.h"

struct outdated;

/* Both outlive it. 0, -ENOMEM, -EAGAIN. */
int outdated_create(struct fuse_session *fuse, struct files *files, struct outdated **ret_outdated);

/* Answers REQUEST by WHAT, SIZE bytes; both borrowed. */
typedef void outdated_give(fuse_req_t request, const void *what, size_t size);

/* GIVE is called once what was changed before is dropped, perhaps by another thread, with a copy.
 */
void outdated_answer(struct outdated *outdated, fuse_req_t request, outdated_give *give,
                     const void *what, size_t size);

/*
 * Drops nothing any more, also when somebody else is ending it. To be called before the last
 * request is answered, or after the kernel has dropped the mount: else it may have the thread wait.
 */
void outdated_end(struct outdated *outdated);

/* After its end, or after the kernel has dropped the mount. NULL is allowed. */
void outdated_free(struct outdated *outdated);

#endif
