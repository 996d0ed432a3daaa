/* SPDX-License-Identifier: MIT */
/*
 * The log of a store and what it amounts to: snapshots by name, marked packs
 * (FORMAT.md, "Log"). Appending a record is the only way in which a store
 * changes for its readers.
 */
#ifndef CRMFS_STORE_LOG_H
#define CRMFS_STORE_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "fs/base/failure.h"
#include "fs/store/object.h"
#include "fs/store/store.h"

#define SNAPSHOT_ID_BYTES 16
#define SNAPSHOT_NAME_LIMIT 200
#define LOG_HASH_BYTES 32
#define FILES_WRITER_BYTES 16
#define FILES_CLAIM_TEXT_LIMIT 255

struct snapshot {
    uint8_t id[SNAPSHOT_ID_BYTES];
    char *name;
    uint64_t time_ns; /* of the data, since 1970 */
    char *host;
    size_t tag_count;
    char **tags;
    struct object_reference tree;
    bool has_files;
    struct object_reference files; /* the top node of files/ as it was */
    uint64_t raw_bytes;            /* CSV of all its tables */
    uint64_t stored_bytes;         /* what taking it added to the store */
};

#define SNAPSHOT_TAG_LIMIT 200  /* bytes; UTF-8 without control bytes and commas */
#define SNAPSHOT_TAGS_LIMIT 100 /* of one snapshot */
#define SNAPSHOT_HOST_LIMIT 255

/* Who may change files/. Zeroed: nobody does. */
struct files_claim {
    bool stands;
    uint8_t writer[FILES_WRITER_BYTES]; /* random, of one mount */
    uint64_t time_ns;
    char *host;
    char *process; /* what tells on that host whether it lives: fs/files/claim.h */
};

/* A pack that no snapshot needs any more, or that has been removed already. */
struct log_mark {
    char *pack;       /* name */
    uint64_t time_ns; /* of its mark, or of its removal */
    bool removed;
};

/* What the log amounts to after record `sequence`; zeroed at first. Owned by whoever read it. */
struct log_state {
    uint64_t sequence;   /* 0: nothing has been read */
    uint64_t checkpoint; /* the newest known; 0: none */
    uint8_t hash[LOG_HASH_BYTES];
    size_t snapshot_count;
    struct snapshot *snapshots; /* in the order of their times, then names */
    size_t mark_count;
    struct log_mark *marks; /* in the order of their packs' names */
    uint64_t marks_changed; /* no record after that one did; 0: none has */
    bool has_files;
    struct object_reference files; /* the top node of files/ */
    struct files_claim claim;
    size_t removed_key_count;
    uint8_t (*removed_keys)[STORE_ID_BYTES]; /* slots that no longer open the store, rising */
};

/*
 * Reads the newest checkpoint and the records after it; or, into a state read
 * before, only what is new. -ESTALE: the log ends before, or differs from, what
 * the state or this client's memory has (rolled back); -EBADMSG: damaged.
 */
int log_read(struct store *store, struct log_state *state, struct failure *failure);

/*
 * Leaves STATE, which was read of STORE, to whoever next reads the log into an empty state, and who
 * so has only to read what is new. STATE is empty then; what was left before is given up, and
 * nothing is left where STATE is NULL.
 */
void log_leave(struct store *store, struct log_state *state);

/*
 * Whether this client, which looks at the store in this place for the first time, has seen a record
 * of it in another place that this one has not: an older copy, or a mirror that is behind. Then
 * *ret_record is its number. What is here is remembered of this place by it.
 */
bool log_lacks_seen(struct store *store, uint64_t *ret_record);

/*
 * Makes this client forget what it saw of the store in this place, so that one that was rolled back
 * on purpose is read again; a state read before is not affected. 0 or -errno.
 */
int log_accept_rollback(struct store *store, struct failure *failure);
void log_state_release(struct log_state *state);

/* For another that follows the same log; cheaper than to read it again. 0 or -ENOMEM. */
int log_state_copy(const struct log_state *from, struct log_state *ret_copy);

/* NULL when there is none. */
const struct snapshot *log_find(const struct log_state *state, const char *name);
const struct log_mark *log_find_mark(const struct log_state *state, const char *pack);

/* 0, or -EINVAL with words: not a name for a snapshot. */
int snapshot_name_check(const char *name, struct failure *failure);

/* The same for all that a record says of a snapshot: tags, host, numbers. */
int snapshot_check(const struct snapshot *snapshot, struct failure *failure);

/* The first record, of a store whose log is empty. -EEXIST: it is not. */
int log_begin(struct store *store, struct failure *failure);

/*
 * Each appends one record after STATE and brings STATE up to date. -EAGAIN: somebody
 * else appended first; STATE has been brought up to date, and the caller decides
 * anew. -EEXIST (name taken), -ENOENT (no such snapshot, pack not marked), -EBUSY (one of the
 * snapshot's packs is marked: unmark it first; or was removed: write it again), -EINVAL (what
 * no record may say). 0: it is durable.
 */
int log_take(struct store *store, struct log_state *state, const struct snapshot *snapshot,
             const char *const *packs, size_t pack_count, struct failure *failure);
int log_forget(struct store *store, struct log_state *state, const struct snapshot *const *gone,
               size_t count, struct failure *failure);
int log_rename(struct store *store, struct log_state *state, const char *from, const char *to,
               struct failure *failure);
int log_mark_packs(struct store *store, struct log_state *state, const char *const *packs,
                   size_t count, struct failure *failure);
int log_unmark_packs(struct store *store, struct log_state *state, const char *const *packs,
                     size_t count, struct failure *failure);
int log_remove_packs(struct store *store, struct log_state *state, const char *const *packs,
                     size_t count, struct failure *failure);

/*
 * What files/ is from now on; PACKS were written for it. As log_take(); -EPERM: WRITER's claim
 * does not stand any more.
 */
int log_files(struct store *store, struct log_state *state,
              const uint8_t writer[FILES_WRITER_BYTES], const struct object_reference *top,
              const char *const *packs, size_t pack_count, struct failure *failure);

/*
 * Calls VISIT with what each record that there still is says of files/, the newest first, until it
 * gives something else than 0, which is the result. Records that cannot be read are passed over.
 * 0 or -errno.
 */
typedef int log_files_visit(void *context, uint64_t record, const struct object_reference *top);
int log_each_files(struct store *store, log_files_visit *visit, void *context,
                   struct failure *failure);

/* CLAIM stands from now on, whoever had one before; its time is set. -EINVAL: not such a text. */
int log_claim(struct store *store, struct log_state *state, const struct files_claim *claim,
              struct failure *failure);
int log_release(struct store *store, struct log_state *state,
                const uint8_t writer[FILES_WRITER_BYTES], struct failure *failure);

/* How a key slot changed; by LOG_KEY_REMOVED, for ever: ids are not used again. */
#define LOG_KEY_REMOVED "remove"
int log_key_change(struct store *store, struct log_state *state, const uint8_t slot[STORE_ID_BYTES],
                   const char *what, struct failure *failure);

bool log_key_is_removed(const struct log_state *state, const uint8_t slot[STORE_ID_BYTES]);

/* Packs that one record of theirs may name. */
#define LOG_PACKS_LIMIT 10000

#endif
