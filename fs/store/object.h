/* SPDX-License-Identifier: MIT */
/*
 * Objects: typed pieces of data named by a keyed hash of their content,
 * compressed, sealed, and kept many to a pack (FORMAT.md, "Objects").
 */
#ifndef CRMFS_STORE_OBJECT_H
#define CRMFS_STORE_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/buffer.h"
#include "fs/base/failure.h"
#include "fs/store/store.h"

#define OBJECT_ID_BYTES 32
#define OBJECT_REFERENCE_BYTES 48 /* encoded */
#define OBJECT_DEPTH_MOST 8
#define OBJECT_DEPTH_ANY (-1) /* of whichever copy */
#define ROW_GROUP_DATA_LIMIT ((size_t)8 << 20)
#define OBJECT_DATA_LIMIT ((size_t)16 << 20)

enum object_type {
    OBJECT_ROW_GROUP = 1,
    OBJECT_PAGE,
    OBJECT_IMAGE,
    OBJECT_SCHEMA,
    OBJECT_TREE,
    OBJECT_CONTENT, /* a piece of a file below files/ */
    OBJECT_NODE,    /* of the tree of files/: file_node.h */
    OBJECT_TYPES
};

struct object_reference {
    uint8_t id[OBJECT_ID_BYTES];
    uint64_t pack_hint;
    uint64_t offset; /* bytes, a multiple of 8 */
    uint32_t sealed_size;
};

void object_reference_encode(const struct object_reference *reference,
                             uint8_t bytes[OBJECT_REFERENCE_BYTES]);
struct object_reference object_reference_decode(const uint8_t bytes[OBJECT_REFERENCE_BYTES]);

/* Whether two references to one object mean the same copy of it. */
bool object_reference_same_place(const struct object_reference *left,
                                 const struct object_reference *right);

/* The id that data has in this store. 0 or -ENOMEM. */
int object_identify(const struct store *store, enum object_type type, const void *data, size_t size,
                    uint8_t ret_id[OBJECT_ID_BYTES]);

/* ---- Reading: safe from several threads at once. ---- */

struct object_reader;

/* Keeps a bounded number of packs open, and CACHE_BYTES of delta parents. */
int object_reader_create(struct store *store, size_t cache_bytes, struct object_reader **ret_reader,
                         struct failure *failure);

/*
 * The object's data into OUTPUT (cleared first). Follows parents, and finds
 * objects that prune has moved. -EIO with words naming the pack when damaged or
 * lost; -ENOMEM. VERIFY: the data is hashed again and compared with the id.
 */
int object_read(struct object_reader *reader, const struct object_reference *reference,
                enum object_type type, bool verify, struct buffer *output, struct failure *failure);
void object_reader_free(struct object_reader *reader);

/* ---- Writing: one writer a thread; those of one snapshot share a batch. ---- */

/* What the objects of one snapshot have in common: what is there already, what was written. */
struct object_batch;

/* Learns which objects the store has (bounded in memory: what it forgets is only stored twice). */
int object_batch_create(struct store *store, struct object_reader *reader,
                        struct object_batch **ret_batch, struct failure *failure);

/*
 * PACKS (names: 64 hexadecimal digits), marked for removal, count as absent. Before there are
 * writers. 0, -ENOMEM; -EINVAL: not a name.
 */
int object_batch_avoid(struct object_batch *batch, const char *const *packs, size_t count);

/*
 * Who holds what it writes no longer, once it is put: what is relied on from now on is told to
 * prune by LOCK, and packs that records after SEQUENCE mark count as absent. Again after each
 * record, with the log's number then. LOCK is borrowed. Not while there are writers.
 */
struct claim_lock;
void object_batch_watch(struct object_batch *batch, struct claim_lock *lock, uint64_t sequence);

/*
 * Nothing that the store has is relied on: all is written again, whole. What others do to the store
 * cannot come between then. Before there are writers.
 */
void object_batch_write_anew(struct object_batch *batch);

/*
 * No pack of it is committed without room for its index and record, and for what a forget and a
 * prune write, without which no room could be made. Before there are writers.
 */
void object_batch_leave_room(struct object_batch *batch);

/* Its packs are padded by a sixteenth, 4 KiB at least, instead of to 64 KiB: for many small ones.
 */
void object_batch_pad_closely(struct object_batch *batch);

struct object_writer;
int object_writer_create(struct object_batch *batch, struct object_writer **ret_writer,
                         struct failure *failure);

/* Against what a new object may be compressed: its predecessor, of the same type. */
struct object_parent {
    struct object_reference reference;
    uint64_t phase; /* differs among objects that begin together: fs/store/chain.h */
};

struct object_put {
    struct object_reference reference;
    uint64_t stored_bytes; /* 0: it was there already */
};

/* Adds data (or finds that it is there); PARENT may be NULL. 0, -ENOSPC, -EIO, -ENOMEM. */
int object_put(struct object_writer *writer, enum object_type type, const void *data, size_t size,
               const struct object_parent *parent, struct object_put *ret_put,
               struct failure *failure);

/*
 * Puts an object into the batch's pack as it is stored now, in whatever pack it is found at DEPTH
 * in its chain, and does not ask whether it is in another one as well: for prune, which empties
 * packs.
 */
int object_move(struct object_writer *writer, const struct object_reference *reference, int depth,
                struct object_put *ret_put, struct failure *failure);

/* All was put that was to be: 0, or the error that ended the writer. Then only object_writer_free.
 */
int object_writer_finish(struct object_writer *writer);
/* Of one that has put something and was not finished, nothing comes, nor of its batch. */
void object_writer_free(struct object_writer *writer);

/*
 * After all writers have finished: ends the last pack, makes all durable, then writes the index
 * and makes it durable. The packs' names are borrowed from the batch. 0 or -errno.
 */
int object_batch_finish(struct object_batch *batch, const char *const **ret_packs,
                        size_t *ret_pack_count, uint64_t *ret_stored_bytes,
                        struct failure *failure);
/* Ends the pack under way: what was put before stands in whole packs. */
int object_batch_end_pack(struct object_batch *batch, struct failure *failure);

/*
 * For who commits often, with one batch: the packs so far are durable, and named by
 * object_batch_packs(); what is in them may stand in no index before object_batch_finish(). After
 * a renewal the batch goes on as if it were new. Not while there are writers.
 */
int object_batch_settle(struct object_batch *batch, struct failure *failure);
void object_batch_renew(struct object_batch *batch);

/*
 * For who refers to an object that perhaps nothing else keeps: it is relied on, with its
 * ancestors. 1, with its place; 0: not all of them are there, in packs that are not avoided;
 * -errno.
 */
int object_batch_rely(struct object_batch *batch, const struct object_reference *reference,
                      enum object_type type, struct object_reference *ret_place,
                      struct failure *failure);

/*
 * The packs that stand so far, whatever became of the batch: borrowed from it. Not while there
 * are writers.
 */
void object_batch_packs(const struct object_batch *batch, const char *const **ret_packs,
                        size_t *ret_count);

/* What they take. Not while there are writers. */
uint64_t object_batch_stored_bytes(const struct object_batch *batch);

/*
 * Hints of the packs that hold what the batch found in the store, and what it compressed objects
 * against, ancestors included: to be compared with marks made meanwhile.
 */
void object_batch_relied(const struct object_batch *batch, const uint64_t **ret_hints,
                         size_t *ret_count);
void object_batch_free(struct object_batch *batch);

#endif
