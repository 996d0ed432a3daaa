/* SPDX-License-Identifier: MIT */
/*
 * Indexes: where objects are, sorted by id, in sealed blocks (FORMAT.md,
 * "Index"). An accelerator only: what it says is checked by the object's own
 * seal, and it can be made again from the packs' directories.
 *
 * Ids are spread evenly, so a lookup guesses the block and seldom reads a second.
 */
#ifndef CRMFS_STORE_INDEX_H
#define CRMFS_STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/pack.h"
#include "fs/store/store.h"

#define INDEX_MAGIC "CRMFSIDX"
#define INDEX_HEAD_BYTES ((size_t)40)
#define INDEX_BLOCK_BYTES ((size_t)8192)
#define INDEX_BLOCK_SEALED (INDEX_BLOCK_BYTES + SEAL_OVERHEAD_BYTES)
#define INDEX_BLOCK_HEAD_BYTES ((size_t)8)
#define INDEX_ENTRY_BYTES ((size_t)64)
#define INDEX_BLOCK_ENTRIES ((INDEX_BLOCK_BYTES - INDEX_BLOCK_HEAD_BYTES) / INDEX_ENTRY_BYTES)
#define INDEX_BLOCKS_MOST ((uint64_t)1 << 27) /* 1 TiB: 17 thousand million objects */
#define INDEX_FOLDER "index"
#define INDEX_PATH_SIZE (sizeof INDEX_FOLDER "/" + 64)

struct index_entry {
    struct object_reference reference;
    uint8_t type;
    uint8_t encoding;
    uint8_t depth;
};

void index_path(const uint8_t salt[STORE_SALT_BYTES], char ret_path[INDEX_PATH_SIZE]);

/* By id; for qsort too. */
int index_entry_compare(const void *left, const void *right);

/* ---- Blocks in plaintext ---- */

/* COUNT entries, 1 to INDEX_BLOCK_ENTRIES, rising by id. */
void index_block_encode(const struct index_entry *entries, size_t count, bool last,
                        uint8_t block[INDEX_BLOCK_BYTES]);

/* How many entries the block has; -EBADMSG when it is malformed. */
int index_block_check(const uint8_t block[INDEX_BLOCK_BYTES], bool *ret_last);

/* Of a block that was checked. */
struct index_entry index_block_entry(const uint8_t block[INDEX_BLOCK_BYTES], size_t place);

/*
 * Where ID stands in a checked block of COUNT entries: its place; -1 when it would stand
 * before them, COUNT when after them; -ENOENT when it would be among them.
 */
#define INDEX_BEFORE (-1)
int index_block_search(const uint8_t block[INDEX_BLOCK_BYTES], int count,
                       const uint8_t id[OBJECT_ID_BYTES]);

/* ---- Writing one ---- */

struct index_writer;

int index_writer_create(struct store *store, struct index_writer **ret_writer,
                        struct failure *failure);
/* Not before the last one in order; one with the last one's id is left out. */
int index_writer_add(struct index_writer *writer, const struct index_entry *entry,
                     struct failure *failure);
/* Commits; without any entry nothing is written. Afterwards only index_writer_free. */
int index_writer_finish(struct index_writer *writer, struct failure *failure);
void index_writer_free(
    struct index_writer *writer); /* NULL is allowed; drops what is not finished */

/* Sorts ENTRIES in place and writes them as one index. */
int index_write(struct store *store, struct index_entry *entries, size_t count,
                struct failure *failure);

/* ---- Reading one from end to end ---- */

struct index_file {
    uint8_t salt[STORE_SALT_BYTES];
    uint64_t blocks;
};

/* How many blocks an index of SIZE bytes has; 0: no index has that size. */
uint64_t index_blocks(uint64_t size);

/* Opens every block of the index called NAME. -EBADMSG with words, -ENOENT … */
int index_check(struct store *store, const char *name, struct failure *failure);

/* Opens and checks one block. -EBADMSG, -ENOENT … */
int index_block_read(struct storage *storage, struct sealer *sealer, const struct index_file *file,
                     uint64_t number, uint8_t block[INDEX_BLOCK_BYTES], struct failure *failure);

#endif
