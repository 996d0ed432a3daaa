/* SPDX-License-Identifier: MIT */
/*
 * The batch of all that is stored until the next commit, and its writers: files->batch. The lock is
 * held.
 */
#ifndef CRMFS_FILES_BATCH_H
#define CRMFS_FILES_BATCH_H

#include "fs/files/files_internal.h"

/*
 * Before anything is stored after a commit, or after one that failed: where others have changed the
 * store since, the batch begins anew. A pack that it knows of may have been removed by now; one
 * that is there now and not marked will be there when this is committed. What cannot be read of the
 * log, the commit says. The lock is given back meanwhile.
 */
void batch_look_at_log(struct files *files);

/* A writer of the batch that is under way, or begun; to be given back. */
int batch_begin_writing(struct files *files, struct object_writer **ret_writer,
                        struct failure *failure);
void batch_end_writing(struct files *files, struct object_writer *writer, int error);

/* After an error, and when nobody writes: what was put by then is put again. */
void batch_drop(struct files *files);

/* Packs that are marked count as absent from now on. Not while somebody writes. 0 or -ENOMEM. */
int batch_avoid_marked(struct files *files);

/*
 * What was put is durable, and what the log's record has to say of it is noted; *RET_STORED bytes
 * of packs. The index of little comes later. Without the lock, in a commit.
 */
int batch_settle(struct files *files, uint64_t *ret_stored, struct failure *failure);

/* Writes the index of what was committed lately; there is no batch then. */
void batch_end(struct files *files);

#endif
