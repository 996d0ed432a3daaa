/* SPDX-License-Identifier: MIT */
/* A record that follows others which are lost: what it presupposes is taken from them. */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/store/log_internal.h"

/* What a record says that it wrote was not marked before it. */
static void amend_written(struct log_state *state, const struct log_entry *entry)
{
    for (size_t i = 0; i < entry->pack_count; i++) {
        if (log_find_mark(state, entry->packs[i]) != NULL)
            log_state_unmark(state, entry->packs[i]);
    }
}

/* A name that is given was free: the snapshot that has it was renamed, or forgotten. It stays. */
static int amend_name(struct log_state *state, const char *name)
{
    const struct snapshot *other = log_find(state, name);
    char digits[2 * SNAPSHOT_ID_BYTES + 1];
    char *fresh;

    if (other == NULL)
        return 0;
    sodium_bin2hex(digits, sizeof digits, other->id, SNAPSHOT_ID_BYTES);
    if (asprintf(&fresh, "recovered-%s", digits) < 0)
        return -ENOMEM;
    log_state_rename(state, other->id, fresh);
    return 0;
}

/* Only what is there can be forgotten; only what is marked, unmarked and removed. */
static void amend_gone(const struct log_state *state, struct log_entry *entry)
{
    size_t kept = 0;

    for (size_t i = 0; i < entry->gone_count; i++) {
        if (log_state_find(state, entry->gone[i]) != NULL)
            memmove(entry->gone[kept++], entry->gone[i], sizeof entry->gone[i]);
    }
    entry->gone_count = kept;
}

static void amend_packs(const struct log_state *state, struct log_entry *entry)
{
    size_t kept = 0;

    for (size_t i = 0; i < entry->pack_count; i++) {
        const struct log_mark *mark = log_find_mark(state, entry->packs[i]);
        bool fits = entry->kind == LOG_MARK ? mark == NULL : mark != NULL && !mark->removed;

        if (fits)
            entry->packs[kept++] = entry->packs[i];
        else
            free(entry->packs[i]);
    }
    entry->pack_count = kept;
}

/* The writer's claim is among what is lost. */
static int amend_claim(struct log_state *state, const struct log_entry *entry)
{
    if (state->claim.stands && memcmp(state->claim.writer, entry->id, FILES_WRITER_BYTES) == 0)
        return 0;
    files_claim_release(&state->claim);
    state->claim.stands = true;
    memcpy(state->claim.writer, entry->id, FILES_WRITER_BYTES);
    return 1;
}

int log_state_amend(struct log_state *state, struct log_entry *entry)
{
    switch (entry->kind) {
    case LOG_TAKE: amend_written(state, entry); return amend_name(state, entry->snapshot.name);
    case LOG_RENAME:
        return log_state_find(state, entry->id) != NULL ? amend_name(state, entry->text) : 0;
    case LOG_FORGET: amend_gone(state, entry); return 0;
    case LOG_MARK:
    case LOG_UNMARK:
    case LOG_REMOVE: amend_packs(state, entry); return 0;
    case LOG_FILES: amend_written(state, entry); return amend_claim(state, entry);
    case LOG_CREATE:
    case LOG_KEY_CHANGE:
    case LOG_CLAIM:
    case LOG_RELEASE:
    case LOG_KINDS: break;
    }
    return 0;
}
