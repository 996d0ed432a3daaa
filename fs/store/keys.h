/* SPDX-License-Identifier: MIT */
/*
 * The keys that open a store: its slots, listed, added, removed, changed.
 *
 * Every slot wraps the same master key, so a change of slots rewrites no data;
 * and whoever once had the master key, or keeps an old slot with its passphrase, is
 * not shut out by it (FORMAT.md, "Adversaries").
 *
 * A slot is put durably before the log notes it, and before the one that it
 * replaces goes; the log notes a removal before it: at every moment, a power cut and others who
 * change keys meanwhile included, some slot opens.
 */
#ifndef CRMFS_STORE_KEYS_H
#define CRMFS_STORE_KEYS_H

#include <stdbool.h>

#include "fs/store/key_slot.h"

#define KEY_SLOTS_MOST 64
#define KEY_SLOT_NAME_DIGITS ((size_t)2 * KEY_SLOT_ID_BYTES)

struct key_options {
    enum key_kind kind;   /* 0: KEY_PASSPHRASE */
    const char *label;    /* NULL: none */
    struct key_cost cost; /* zeros: KEY_PASSES and KEY_MEMORY */
};

/* As store_init(), with a first slot as OPTIONS has it. */
int store_init_with(struct storage *storage, const struct store_header *header,
                    const struct store_passphrase *passphrase, const struct key_options *options,
                    struct failure *failure);

struct key_info {
    struct key_slot slot; /* only its id when damaged */
    bool damaged;         /* or not made by somebody who had the master key */
    bool opened;          /* the one that the store was opened with */
    bool removed;         /* says the log, though its file is there: it opens the store no longer */
};

/* All slots, by id; what the log says of them is not asked. The caller frees *RET_KEYS. */
int store_key_list(struct store *store, struct key_info **ret_keys, size_t *ret_count,
                   struct failure *failure);

/* Which of them the log says were removed. */
struct log_state;
void store_key_note_removed(struct key_info *keys, size_t count, const struct log_state *state);

/*
 * Where the log says that the slot which the store was opened with was removed: another one that
 * opens with PASSPHRASE, and was not, takes its place. -EKEYREVOKED: there is none.
 */
int store_leave_removed(struct store *store, const struct log_state *state,
                        const struct store_passphrase *passphrase, struct failure *failure);

/*
 * Adds a slot. -ENOSPC also when there are KEY_SLOTS_MOST; -EEXIST: PASSPHRASE, which is not a
 * recovery key's, opens the store already.
 */
int store_key_add(struct store *store, const struct key_options *options,
                  const struct store_passphrase *passphrase, uint8_t ret_id[KEY_SLOT_ID_BYTES],
                  struct failure *failure);

/*
 * -ENOENT; -EBUSY: no other slot would open the store, but for those that somebody is removing. A
 * damaged slot can be removed too.
 */
int store_key_remove(struct store *store, const uint8_t id[KEY_SLOT_ID_BYTES],
                     struct failure *failure);

/*
 * Replaces the slot that the store was opened with by one of the same label that opens with
 * PASSPHRASE. -EEXIST as store_key_add(); -EINVAL: it was opened with a recovery key, which stays
 * what it is.
 */
int store_key_change(struct store *store, const struct store_passphrase *passphrase,
                     uint8_t ret_id[KEY_SLOT_ID_BYTES], struct failure *failure);

#endif
