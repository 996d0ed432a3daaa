/* SPDX-License-Identifier: MIT */
/*
 * Content on its way from memory to the tree. A round takes pieces from runs, without the lock it
 * puts them into packs, and then gives each its place in the tree. What was written over a piece
 * meanwhile, or cut off it, made other runs of it: such a piece is forgotten, and what is left of
 * it waits again.
 *
 * Where the tree cannot be read, content has no place. That is seen when it is accepted; what then
 * goes wrong all the same concerns that file alone: it is held back, and all others are stored.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/earlier.h"
#include "fs/files/round.h"

/* Content of that size at the end of a file is stored again together with what is put after it. */
#define TAIL_MOST CUT_LEAST

static int room_for(void **items, size_t count, size_t *room, size_t size)
{
    size_t wanted = *room != 0 ? *room * 2 : 64;
    void *grown;

    if (count < *room)
        return 0;
    grown = reallocarray(*items, wanted, size);
    if (grown == NULL)
        return -ENOMEM;
    *items = grown;
    *room = wanted;
    return 0;
}

/* ---- Taking ---- */

/* How many bytes that nobody has taken follow from the run at PLACE on without a gap. */
static size_t stretch(const struct runs *runs, size_t place)
{
    uint64_t end = runs->runs[place].offset;
    size_t size = 0;

    for (size_t i = place; i < runs->count && size < CUT_MOST; i++) {
        const struct run *run = &runs->runs[i];

        if (run->taken || run->offset != end)
            break;
        size += run->size;
        end += run->size;
    }
    return size < CUT_MOST ? size : CUT_MOST;
}

/*
 * A short extent that ends where the run at PLACE begins is stored again with it, or a file that
 * grows by lines would be of lines. It becomes a run, which then stands at PLACE. On a disk that is
 * nearly full it stays as it is: room is sure only for what was accepted.
 */
static void join_tail(struct files *files, struct held_file *held, size_t place)
{
    struct runs *runs = &held->runs;
    uint64_t offset = runs->runs[place].offset;
    uint8_t bytes[TAIL_MOST];
    struct file_extent extent;
    uint64_t begin;

    if (offset == 0 ||
        (place > 0 && runs->runs[place - 1].offset + runs->runs[place - 1].size == offset) ||
        extent_find(&files->tree, held->inode, offset - 1, &begin, &extent, NULL) != 0 ||
        begin + extent.length != offset || extent.length >= TAIL_MOST ||
        runs_find(runs, begin) != place || /* it was written over */
        !files_has_room_for(files, extent.length) ||
        content_read(files->contents, &extent.content, extent.from, bytes, extent.length, NULL) !=
            0)
        return;
    (void)runs_write(runs, begin, bytes, extent.length);
}

/* Where the next piece of a file begins, and how long it may be; false: there is none now. */
static bool find_stretch(struct round *round, struct held_file *held, size_t *ret_place,
                         size_t *ret_size)
{
    struct runs *runs = &held->runs;

    for (size_t i = runs_first_untaken(runs); i < runs->count; i++) {
        if (runs->runs[i].taken)
            continue;

        size_t size = stretch(runs, i);

        if (size == CUT_MOST || round->urgency == STORE_ALL ||
            (round->urgency == STORE_MOST && !held->streamed)) {
            join_tail(round->files, held, i);
            *ret_place = i;
            *ret_size = stretch(runs, i);
            return true;
        }
    }
    return false;
}

static void gather(const struct runs *runs, size_t place, uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at < size; place++) {
        size_t part = runs->runs[place].size < size - at ? runs->runs[place].size : size - at;

        memcpy(bytes + at, runs->runs[place].bytes, part);
        at += part;
    }
}

/* The runs from PLACE on, SIZE bytes, are the round's. Nothing is changed after an error. */
static int take_runs(struct round *round, struct runs *runs, size_t place, size_t size)
{
    size_t first = round->part_count;
    size_t left = size;
    int error = 0;

    for (size_t i = place; left > 0 && error == 0; i++) {
        size_t part = runs->runs[i].size < left ? runs->runs[i].size : left;

        error = room_for((void **)&round->parts, round->part_count, &round->part_room,
                         sizeof *round->parts);
        if (error == 0)
            error = runs_split(runs, i, part);
        if (error == 0)
            round->parts[round->part_count++].run = runs->runs[i];
        left -= part;
    }
    if (error != 0) {
        round->part_count = first;
        return error;
    }
    for (size_t i = first; i < round->part_count; i++) {
        round->parts[i].run.block->refs++;
        runs_take(runs, place + (i - first), true);
    }
    return 0;
}

static int need_buffer(struct round *round)
{
    if (round->gathered == NULL)
        round->gathered = malloc(CUT_MOST);
    return round->gathered != NULL ? 0 : -ENOMEM;
}

/* False: it is held back, so that it is not put again and again. */
static bool has_place(struct files *files, struct held_file *held, uint64_t offset, size_t size)
{
    struct failure words = {0};

    if (extents_look(&files->tree, held->inode, offset, offset + size, &words) != -EIO)
        return true;
    files_hold_back(files, held, &words);
    return false;
}

/* -ESTALE: the lock was given back, and what HELD is is not known. */
static int search(struct round *round, struct held_file *held, uint64_t offset,
                  const uint8_t *bytes, size_t size)
{
    const struct written written = {.offset = offset, .bytes = bytes, .size = size};
    int error = need_buffer(round);

    if (error != 0)
        return error;
    files_find_past(round->files, held, &written, round->gathered);
    return -ESTALE;
}

static int take_from(struct round *round, struct held_file *held, const uint8_t **ret_bytes)
{
    struct runs *runs = &held->runs;
    struct piece piece = {.inode = held->inode, .first_part = round->part_count};
    size_t place;
    size_t size;

    if (!find_stretch(round, held, &place, &size) ||
        !has_place(round->files, held, runs->runs[place].offset, size))
        return -EAGAIN;

    const uint8_t *bytes = runs->runs[place].bytes;
    int error =
        room_for((void **)&round->pieces, round->count, &round->room, sizeof *round->pieces);

    if (error == 0 && runs->runs[place].size < size) {
        error = need_buffer(round);
        if (error == 0)
            gather(runs, place, round->gathered, size);
        bytes = round->gathered;
    }
    if (error != 0)
        return error;
    if (size == CUT_MOST)
        held->streamed = true;
    /* Slowly written content may never wait in such a stretch. */
    if (held->directory != 0 && runs->runs[place].offset + size >= CUT_MOST)
        return search(round, held, runs->runs[place].offset, bytes, size);
    piece.offset = runs->runs[place].offset;
    piece.size = cut_find(round->files->gear, bytes, size);
    error = take_runs(round, runs, place, piece.size);
    if (error != 0)
        return error;
    piece.part_count = round->part_count - piece.first_part;
    piece.has_parent =
        files_find_parent(round->files, held, piece.offset, piece.size, &piece.parent);
    round->pieces[round->count++] = piece;
    round->bytes += piece.size;
    *ret_bytes = bytes;
    return 0;
}

static int take_from_any(struct round *round, const uint8_t **ret_bytes)
{
    struct files *files = round->files;
    int error = -EAGAIN;

    for (struct held_file *held = files->waiting, *next; held != NULL && error == -EAGAIN;
         held = next) {
        next = round->urgency == STORE_STREAMS ? NULL : held->next;
        error = take_from(round, held, ret_bytes);
        if (error != -ESTALE)
            files_runs_changed(files, held);
    }
    return error;
}

int round_take(struct round *round, const struct piece **ret_piece, const uint8_t **ret_bytes)
{
    int error;

    do
        error = take_from_any(round, ret_bytes);
    while (error == -ESTALE);
    if (error == 0)
        *ret_piece = &round->pieces[round->count - 1];
    return error;
}

void round_learn(struct round *round, const struct object_put *put)
{
    struct piece *piece = &round->pieces[round->count - 1];
    struct held_file *held = files_held(round->files, piece->inode);

    piece->stored = put->reference;
    if (held != NULL)
        past_learn(&held->past, piece->offset, piece->size, &put->reference, put->stored_bytes);
}

/* ---- Placing ---- */

/* The place of a part's run, if it is still what it was: or the count. */
static size_t find_part(const struct runs *runs, const struct piece_part *part)
{
    size_t place = runs_find(runs, part->run.offset);

    if (place < runs->count && runs->runs[place].offset == part->run.offset &&
        runs->runs[place].size == part->run.size && runs->runs[place].bytes == part->run.bytes)
        return place;
    return runs->count;
}

static bool is_as_it_was(const struct round *round, const struct piece *piece,
                         const struct runs *runs)
{
    for (size_t i = 0; i < piece->part_count; i++) {
        if (find_part(runs, &round->parts[piece->first_part + i]) == runs->count)
            return false;
    }
    return true;
}

/* Whatever is left of a piece, or all of it, waits again. */
static void give_back(const struct round *round, const struct piece *piece)
{
    struct held_file *held = files_held(round->files, piece->inode);
    uint64_t end = piece->offset + piece->size;

    if (held == NULL)
        return;
    for (size_t i = runs_find(&held->runs, piece->offset);
         i < held->runs.count && held->runs.runs[i].offset < end; i++)
        runs_take(&held->runs, i, false);
    files_runs_changed(round->files, held);
}

/* A piece takes its place in the tree, where its runs still hide it. */
static int place_piece(struct round *round, struct piece *piece, struct failure *failure)
{
    struct files *files = round->files;
    const struct file_extent extent = {.content = piece->stored, .length = (uint32_t)piece->size};
    uint64_t end = piece->offset + piece->size;
    struct attributes attributes;
    int error = inode_get(&files->tree, piece->inode, &attributes, failure);

    if (error == 0)
        error = extents_look(&files->tree, piece->inode, piece->offset, end, failure);
    if (error != 0)
        return error;
    error =
        extents_cut(files, piece->inode, piece->offset, end, &attributes.content_bytes, failure);
    if (error == 0)
        error = extent_put(files, piece->inode, piece->offset, &extent, failure);
    if (error == 0)
        attributes.content_bytes += piece->size;

    /* After an error too: what was cut is gone. */
    int put_error = inode_put(files, piece->inode, &attributes, failure);

    if (error == 0)
        error = put_error;
    piece->placed = error == 0;
    return error;
}

int round_place(struct round *round)
{
    struct failure words = {0};
    int error = 0;

    for (size_t i = 0; i < round->count; i++) {
        struct piece *piece = &round->pieces[i];
        struct held_file *held = files_held(round->files, piece->inode);

        if (held == NULL)
            continue; /* the file is gone */
        if (error == 0 && is_as_it_was(round, piece, &held->runs))
            error = place_piece(round, piece, &words);
        if (!piece->placed)
            give_back(round, piece);
        if (error == -EIO) {
            files_hold_back(round->files, held, &words);
            error = 0;
        }
    }
    if (error != 0 && round->failure != NULL)
        *round->failure = words;
    return error;
}

int round_let_go(struct round *round)
{
    int error = 0;

    for (size_t i = 0; i < round->count; i++) {
        const struct piece *piece = &round->pieces[i];
        struct held_file *held = files_held(round->files, piece->inode);

        if (held == NULL)
            continue;
        if (piece->placed && error == 0)
            error = runs_cut(&held->runs, piece->offset, piece->offset + piece->size);
        if (error != 0)
            give_back(round, piece);
        files_runs_changed(round->files, held);
        files_unhold(round->files, held);
    }
    return error;
}

void round_give_back(struct round *round)
{
    for (size_t i = 0; i < round->count; i++)
        give_back(round, &round->pieces[i]);
}

void round_release(struct round *round)
{
    for (size_t i = 0; i < round->part_count; i++)
        run_block_drop(round->parts[i].run.block);
    free(round->parts);
    free(round->pieces);
    free(round->gathered);
}
