/* SPDX-License-Identifier: MIT */
#include "fs/files/past.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SLIP_MOST 16384 /* both versions are cut at the same place, or it is another one */
#define MISSES_MOST 4   /* then it is tried now and then only */
#define TRIED_EVERY 16
#define ALIKE_PART 16 /* a piece that takes less than that of its length has much in common */

int past_add(struct past *past, size_t most, uint64_t offset, uint32_t length,
             const struct object_reference *content)
{
    if (most > PAST_PIECES_MOST)
        most = PAST_PIECES_MOST;
    if (past->count >= most)
        return -E2BIG;
    if (past->count == past->room) {
        size_t room = past->room != 0 ? past->room * 2 : 64;

        if (room > most)
            room = most;

        struct past_piece *grown = reallocarray(past->pieces, room, sizeof *grown);

        if (grown == NULL)
            return -ENOMEM;
        past->pieces = grown;
        past->room = room;
    }
    past->pieces[past->count++] =
        (struct past_piece){.offset = offset, .length = length, .content = *content};
    return 0;
}

static uint64_t end_of(const struct past_piece *piece)
{
    return piece->offset + piece->length;
}

size_t past_place(const struct past *past, uint64_t offset)
{
    size_t low = 0;
    size_t high = past->count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (end_of(&past->pieces[middle]) > offset)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* OFFSET in the new version is about there in the old one. */
static uint64_t moved(const struct past *past, uint64_t offset)
{
    if (past->drift < 0 && offset < (uint64_t)-past->drift)
        return 0;
    return offset + (uint64_t)past->drift;
}

const struct past_piece *past_find(struct past *past, uint64_t offset, size_t size)
{
    uint64_t begin = moved(past, offset);
    uint64_t end = begin + size;
    const struct past_piece *best = NULL;
    uint64_t best_common = 0;

    if (past->count == 0 || (past->misses > MISSES_MOST && past->misses++ % TRIED_EVERY != 0))
        return NULL;
    for (size_t i = past_place(past, begin); i < past->count && past->pieces[i].offset < end; i++) {
        const struct past_piece *piece = &past->pieces[i];
        uint64_t from = piece->offset > begin ? piece->offset : begin;
        uint64_t to = end_of(piece) < end ? end_of(piece) : end;

        if (to - from > best_common) {
            best = piece;
            best_common = to - from;
        }
    }
    if (best == NULL)
        return NULL;

    int64_t drift = (int64_t)end_of(best) - (int64_t)(offset + size);

    /* What stands between two places to cut grew or shrank. */
    if (llabs(drift - past->drift) <= SLIP_MOST)
        past->drift = drift;
    return best;
}

/* Where the same piece stood. */
static const struct past_piece *find_same(const struct past *past, uint64_t offset,
                                          const struct object_reference *content)
{
    size_t near = past_place(past, moved(past, offset));

    for (size_t i = 0; i < past->count; i++) {
        const struct past_piece *piece = &past->pieces[(near + i) % past->count];

        if (memcmp(piece->content.id, content->id, OBJECT_ID_BYTES) == 0)
            return piece;
    }
    return NULL;
}

void past_learn(struct past *past, uint64_t offset, size_t size,
                const struct object_reference *content, uint64_t stored)
{
    const struct past_piece *same =
        stored == 0 && past->count > 0 ? find_same(past, offset, content) : NULL;

    if (same != NULL)
        past->drift = (int64_t)end_of(same) - (int64_t)(offset + size);
    if (same != NULL || (stored != 0 && stored < size / ALIKE_PART))
        past->misses = 0;
    else if (past->misses <= MISSES_MOST)
        past->misses++;
}

void past_release(struct past *past)
{
    free(past->pieces);
    *past = (struct past){.count = 0};
}
