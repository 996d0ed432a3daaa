/* SPDX-License-Identifier: MIT */
/*
 * What the files of the log share: one record as a structure (log_record.c), the
 * rules by which records change a state (log_state.c), files and their chain
 * (log_list.c, log_read.c, log_append.c), checkpoints (checkpoint.c).
 *
 * Invariants:
 *  1. A state is what the records 1 … sequence amount to, and hash is the hash of
 *     the last of them. It is changed by log_state_apply() alone, one record at a
 *     time, after log_state_check() allowed it and log_state_prepare() made room:
 *     so a failure between two records leaves a state that is true of an earlier
 *     moment.
 *  2. A record is put only when its writer has read all records before it.
 *  3. A checkpoint is never needed: while the records before it exist, it says what they say.
 */
#ifndef CRMFS_STORE_LOG_INTERNAL_H
#define CRMFS_STORE_LOG_INTERNAL_H

#include "fs/base/buffer.h"
#include "fs/store/log.h"
#include "fs/store/sealed_file.h"

#define LEFTOVER_SECONDS 86400 /* whose file in tmp/ is older than that is dead */

#define LOG_RECORD_LIMIT ((size_t)16 << 20)
#define CHECKPOINT_LIMIT ((size_t)64 << 20)
#define CHECKPOINT_EVERY 64 /* records */

/* A removed pack is remembered so long, for writers that may have relied on it. */
#define LOG_REMOVED_KEPT_NS (UINT64_C(30) * 86400 * 1000000000)

#define PACK_NAME_DIGITS ((size_t)2 * STORE_SALT_BYTES)

enum log_kind {
    LOG_CREATE = 1,
    LOG_TAKE,
    LOG_FORGET,
    LOG_RENAME,
    LOG_MARK,
    LOG_UNMARK,
    LOG_REMOVE,
    LOG_KEY_CHANGE,
    LOG_FILES,
    LOG_CLAIM,
    LOG_RELEASE,
    LOG_KINDS
};

/* A record; which members count, the kind says. All pointers are the entry's own. */
struct log_entry {
    enum log_kind kind;
    uint64_t sequence;
    uint64_t time_ns;
    uint8_t before[LOG_HASH_BYTES];
    uint8_t id[SNAPSHOT_ID_BYTES]; /* create: the store's; rename: the snapshot's; key change: the
                                      slot's; files, claim, release: the writer's */
    char *text;                    /* rename: the new name; key change: what; claim: the host */
    char *process;                 /* claim */
    struct object_reference top;   /* files */
    struct snapshot snapshot;      /* take */
    size_t pack_count;
    char **packs; /* take, mark, unmark, remove, files */
    size_t gone_count;
    uint8_t (*gone)[SNAPSHOT_ID_BYTES]; /* forget: the snapshots' ids */
};

void log_entry_release(struct log_entry *entry);
void snapshot_release(struct snapshot *snapshot);
void files_claim_release(struct files_claim *claim); /* and zeroes it */

/* Whether TEXT may be a claim's host or process. */
bool files_claim_text(const char *text);
int snapshot_copy(const struct snapshot *from, struct snapshot *ret_copy); /* 0 or -ENOMEM */

/* Copies of pack names. 0, -ENOMEM, -EINVAL: one is no name of a pack. */
int log_entry_set_packs(struct log_entry *entry, const char *const *packs, size_t count,
                        struct failure *failure);

/* The record's plaintext, without the zeros at its end, into OUTPUT (cleared first). */
int log_entry_encode(const struct log_entry *entry, struct buffer *output);

/* Reads a plaintext, which may end in zeros. 0, -EBADMSG, -ENOMEM; RET_ENTRY is the caller's. */
int log_entry_decode(const void *plain, size_t size, struct log_entry *ret_entry);

/* The snapshot of that id; NULL: there is none. */
struct snapshot *log_state_find(const struct log_state *state, const uint8_t id[SNAPSHOT_ID_BYTES]);

/* Gives the snapshot of that id, which is there, a NAME that becomes its own. */
void log_state_rename(struct log_state *state, const uint8_t id[SNAPSHOT_ID_BYTES], char *name);

/* Takes the mark, which is there, from PACK. */
void log_state_unmark(struct log_state *state, const char *pack);

/* The rules. 0, or what log.h says of each function, in words. */
int log_state_check(const struct log_state *state, const struct store_header *header,
                    const struct log_entry *entry, struct failure *failure);

/*
 * Where records before ENTRY are lost: changes STATE to what they must have made of it, and ENTRY
 * to what can be done, so that it may follow. 0; 1: a claim was made up for that, which is to end
 * after it; -ENOMEM.
 */
int log_state_amend(struct log_state *state, struct log_entry *entry);

/* Room for what the entry adds: log_state_apply() cannot fail afterwards. 0 or -ENOMEM. */
int log_state_prepare(struct log_state *state, const struct log_entry *entry);

/* Takes over what ENTRY owns of it. HASH is that of the record's file. */
void log_state_apply(struct log_state *state, struct log_entry *entry,
                     const uint8_t hash[LOG_HASH_BYTES]);

/* The part of these that concerns removed keys, for a key change. */
int log_keys_prepare(struct log_state *state);
void log_keys_apply(struct log_state *state, const struct log_entry *entry);

/* Whether left stands before right in a state. */
int snapshot_compare(const struct snapshot *left, const struct snapshot *right);

extern const struct sealed_file_kind log_record_file;
extern const struct sealed_file_kind checkpoint_file;

#define LOG_NAME_SIZE 40
#define LOG_NUMBER_DIGITS 20
void log_record_name(uint64_t sequence, char name[LOG_NAME_SIZE]);
void checkpoint_name(uint64_t sequence, char name[LOG_NAME_SIZE]);

/* The number that a file in "log" or "checkpoints" is named by. False: it is no such name. */
bool log_number(const char *name, uint64_t *ret_number);

void log_hash(const struct buffer *file, uint8_t hash[LOG_HASH_BYTES]);

/*
 * Reads record SEQUENCE and opens it. -ENOENT: it is not there; -EBADMSG: damaged. The caller
 * releases RET_ENTRY.
 */
int log_record_read(struct store *store, uint64_t sequence, struct log_entry *ret_entry,
                    uint8_t ret_hash[LOG_HASH_BYTES], struct failure *failure);

/* Applies the records after STATE, to the last. -EBADMSG, also when one is missing. */
int log_follow(struct store *store, struct log_state *state, struct failure *failure);

/* 1: a record stands beyond the next one, which is missing; 0: none does; -errno. Lists the log. */
int log_gap_after(struct store *store, uint64_t sequence, struct failure *failure);

/* The same without a listing, which sees only the next 66 numbers; what cannot be asked is not
 * there. */
int log_gap_near(struct store *store, uint64_t sequence);

/* The table in it. What was read before a failure is in STATE, which its owner releases. */
int checkpoint_put_table(struct buffer *table, const struct log_state *state);
int checkpoint_read_table(const struct buffer *table, struct log_state *state);

/* What a checkpoint's plaintext is. Decoding: 0, -EBADMSG, -ENOMEM. */
int checkpoint_encode(const struct log_state *state, struct buffer *output);
int checkpoint_decode(const void *plain, size_t size, struct log_state *ret_state);

/* Checkpoint SEQUENCE as a state. -ENOENT, -EBADMSG, -ENOMEM. */
int checkpoint_read(struct store *store, uint64_t sequence, struct log_state *ret_state,
                    struct failure *failure);

/* All that open, in their order. 0, or what VISIT returned; -ENOMEM, or why they are not listed. */
typedef int checkpoint_visit(void *context, const struct log_state *state);
int checkpoint_each(struct store *store, checkpoint_visit *visit, void *context,
                    struct failure *failure);

/* Puts STATE's; its number is noted in STATE. It is there already: 0. */
int checkpoint_write(struct store *store, struct log_state *state, struct failure *failure);

/*
 * Calls VISIT with each record that there is, the lowest first; ENTRY is NULL of one that cannot be
 * read. 0, or what VISIT returned; -ENOMEM, or why they are not listed.
 */
typedef int log_record_visit(void *context, uint64_t number, const struct log_entry *entry);
int log_each_record(struct store *store, log_record_visit *visit, void *context,
                    struct failure *failure);

/* Into an empty STATE, what log_leave() left, which is nobody else's then; it may be nothing. */
void log_take_left(struct store *store, struct log_state *state);

/* The numbers of the files in FOLDER, "log" or "checkpoints", rising. The caller frees them. */
int log_list(struct store *store, const char *folder, uint64_t **ret_numbers, size_t *ret_count,
             struct failure *failure);

/*
 * The highest of them, 0: there are none. ENOUGH, which may be NULL, is looked at now and then:
 * once it is set, the listing ends with -ECANCELED.
 */
int log_newest(struct storage *storage, const char *folder, const bool *enough,
               uint64_t *ret_newest, struct failure *failure);

/*
 * Salts of the packs that take and files records name as theirs, up to record LAST, in order. What
 * damaged records name, nobody knows. 0 or -errno; the caller frees them.
 */
int log_named_packs(struct store *store, uint64_t last, uint8_t (**ret_salts)[STORE_SALT_BYTES],
                    size_t *ret_count, struct failure *failure);

#endif
