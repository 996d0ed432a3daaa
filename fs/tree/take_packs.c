/* SPDX-License-Identifier: MIT */
/* The packs that a snapshot rests on, or has written, and what prune marks of them meanwhile. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/pack.h"
#include "fs/tree/take_internal.h"

#define COMMIT_ATTEMPTS 100
#define MARK_ATTEMPTS 16 /* when others write to the log at the same time */

int take_refuse_busy(struct failure *failure)
{
    return failure_set(failure, EBUSY, "others change the store all the time: try again");
}

/* The packs, by their hints, in order. */
struct needed {
    uint64_t *hints;
    size_t count;
};

static int compare_hints(const void *left, const void *right)
{
    uint64_t one = *(const uint64_t *)left;
    uint64_t other = *(const uint64_t *)right;

    return (one > other) - (one < other);
}

/* What the batch relied on, and the packs that it wrote. 0 or -ENOMEM; the caller frees them. */
static int find_needed(const struct object_batch *batch, const char *const *packs,
                       size_t pack_count, struct needed *ret_needed)
{
    const uint64_t *relied;
    size_t count;

    object_batch_relied(batch, &relied, &count);

    uint64_t *hints = allocate_array(count + pack_count, sizeof *hints);

    if (hints == NULL)
        return -ENOMEM;
    if (count != 0)
        memcpy(hints, relied, count * sizeof *hints);
    for (size_t i = 0; i < pack_count; i++) {
        uint8_t salt[STORE_SALT_BYTES];

        if (pack_salt(packs[i], salt))
            hints[count++] = pack_hint(salt);
    }
    if (count > 1)
        qsort(hints, count, sizeof *hints, compare_hints);
    *ret_needed = (struct needed){hints, count};
    return 0;
}

static bool is_needed(const struct needed *needed, const char *pack)
{
    uint8_t salt[STORE_SALT_BYTES];

    if (needed->count == 0 || !pack_salt(pack, salt))
        return false;

    uint64_t hint = pack_hint(salt);

    return bsearch(&hint, needed->hints, needed->count, sizeof hint, compare_hints) != NULL;
}

/*
 * Those that are marked, as many as a record may name, borrowed from the state; NAMES has room.
 * -EAGAIN: one was removed.
 */
static int find_marked(const struct log_state *state, const struct needed *needed,
                       const char **names, size_t *ret_count)
{
    size_t count = 0;

    for (size_t i = 0; i < state->mark_count; i++) {
        if (!is_needed(needed, state->marks[i].pack))
            continue;
        if (state->marks[i].removed)
            return -EAGAIN;
        if (count < LOG_PACKS_LIMIT)
            names[count++] = state->marks[i].pack;
    }
    *ret_count = count;
    return 0;
}

static int unmark(struct take_attempt *attempt, const struct needed *needed)
{
    struct log_state *state = attempt->state;
    unsigned late = 0;

    for (;;) {
        cleanup_free const char **names = allocate_array(state->mark_count, sizeof(const char *));
        size_t count = 0;
        int error = names != NULL ? find_marked(state, needed, names, &count) : -ENOMEM;

        if (error != 0 || count == 0)
            return error;
        error = log_unmark_packs(attempt->options->store, state, names, count, attempt->failure);
        if (error != 0 && error != -EAGAIN)
            return error;
        late += error == -EAGAIN;
        if (late == COMMIT_ATTEMPTS)
            return take_refuse_busy(attempt->failure);
    }
}

int take_keep_packs(struct take_attempt *attempt, const char *const *packs, size_t pack_count)
{
    struct needed needed;

    if (attempt->state->mark_count == 0)
        return 0;

    int error = find_needed(attempt->batch, packs, pack_count, &needed);

    if (error != 0)
        return error;
    error = unmark(attempt, &needed);
    free(needed.hints);
    return error;
}

/* ---- Given up ---- */

static int mark_once(struct store *store, struct log_state *state, char (*packs)[PACK_NAME_SIZE],
                     size_t pack_count)
{
    cleanup_free const char **names = allocate_array(pack_count, sizeof(const char *));
    size_t count = 0;

    if (names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < pack_count && count < LOG_PACKS_LIMIT; i++) {
        if (log_find_mark(state, packs[i]) == NULL)
            names[count++] = packs[i];
    }
    return count != 0 ? log_mark_packs(store, state, names, count, NULL) : 0;
}

void take_give_up_packs(struct take_attempt *attempt)
{
    const char *const *packs;
    size_t count;

    object_batch_packs(attempt->batch, &packs, &count);

    cleanup_free char(*copies)[PACK_NAME_SIZE] = allocate_array(count, sizeof *copies);

    if (count == 0 || copies == NULL)
        return;
    for (size_t i = 0; i < count; i++)
        memcpy(copies[i], packs[i], sizeof *copies);
    /* What was written of the pack under way goes first: the disk may be full. */
    object_batch_free(steal_pointer(&attempt->batch));
    for (int i = 0; i < MARK_ATTEMPTS; i++) {
        if (mark_once(attempt->options->store, attempt->state, copies, count) != -EAGAIN)
            break;
    }
}
