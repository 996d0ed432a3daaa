/* SPDX-License-Identifier: MIT */
/* Content that waits in memory: cut into pieces, put into packs, and given its place in the tree.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/files/files_internal.h"

/* Content of that size at the end of a file is stored again together with what is put after it. */
#define TAIL_MOST CUT_LEAST

/* A piece that was put. */
struct placed {
    uint64_t inode;
    uint64_t offset;
    struct file_extent extent;
};

struct flushing {
    struct files *files;
    bool all;
    struct object_writer *writer;
    struct placed *placed;
    size_t count;
    size_t room;
    uint8_t *piece; /* CUT_MOST bytes */
    struct failure *failure;
};

static int note_placed(struct flushing *flushing, const struct placed *placed)
{
    if (flushing->count == flushing->room) {
        size_t room = flushing->room != 0 ? flushing->room * 2 : 64;
        struct placed *grown = reallocarray(flushing->placed, room, sizeof *grown);

        if (grown == NULL)
            return -ENOMEM;
        flushing->placed = grown;
        flushing->room = room;
    }
    flushing->placed[flushing->count++] = *placed;
    return 0;
}

/* Copies what follows OFFSET without a gap; returns how much, at most CUT_MOST - USED. */
static size_t gather(const struct runs *runs, uint64_t offset, uint8_t *piece, size_t used)
{
    size_t place = runs_find(runs, offset);

    while (used < CUT_MOST && place < runs->count && runs->runs[place].offset <= offset) {
        const struct run *run = &runs->runs[place++];
        size_t skipped = (size_t)(offset - run->offset);
        size_t size = run->size - skipped;

        if (size > CUT_MOST - used)
            size = CUT_MOST - used;
        memcpy(piece + used, run->bytes + skipped, size);
        used += size;
        offset += size;
    }
    return used;
}

/*
 * A short extent that ends where new content begins is stored again with it, or a file that grows
 * by lines would be of lines. Returns how long it is, its bytes being the piece's first; 0: none.
 */
static size_t take_tail(struct flushing *flushing, const struct held_file *held, uint64_t offset)
{
    struct files *files = flushing->files;
    const struct runs *runs = &held->runs;
    struct file_extent extent;
    uint64_t begin;

    if (offset == 0 ||
        extent_find(&files->tree, held->inode, offset - 1, &begin, &extent, NULL) != 0 ||
        begin + extent.length != offset || extent.length >= TAIL_MOST ||
        runs->runs[runs_find(runs, begin)].offset < offset || /* it was written over */
        content_read(files->contents, &extent.content, extent.from, flushing->piece, extent.length,
                     NULL) != 0)
        return 0;
    return extent.length;
}

static int put_piece(struct flushing *flushing, uint64_t inode, uint64_t offset, size_t size)
{
    struct object_put put;
    int error = object_put(flushing->writer, OBJECT_CONTENT, flushing->piece, size, NULL, &put,
                           flushing->failure);

    if (error != 0)
        return error;
    return note_placed(
        flushing, &(struct placed){.inode = inode,
                                   .offset = offset,
                                   .extent = {.content = put.reference, .length = (uint32_t)size}});
}

/* The bytes without a gap from OFFSET up to END. What is written on may leave its end for later. */
static int put_stretch(struct flushing *flushing, const struct held_file *held, uint64_t offset,
                       uint64_t end)
{
    bool leave_end = !flushing->all && end - offset > CUT_MOST;
    size_t used = take_tail(flushing, held, offset);
    int error = 0;

    offset -= used;
    while (error == 0 && offset < end) {
        used = gather(&held->runs, offset + used, flushing->piece, used);

        size_t size = cut_find(flushing->files->gear, flushing->piece, used);

        if (leave_end && offset + size == end && size < CUT_MOST)
            break;
        error = put_piece(flushing, held->inode, offset, size);
        memmove(flushing->piece, flushing->piece + size, used - size);
        used -= size;
        offset += size;
    }
    return error;
}

static int put_file(struct flushing *flushing, const struct held_file *held)
{
    const struct runs *runs = &held->runs;
    int error = 0;

    for (size_t i = 0; i < runs->count && error == 0;) {
        uint64_t begin = runs->runs[i].offset;
        uint64_t end = begin + runs->runs[i].size;

        for (i++; i < runs->count && runs->runs[i].offset == end; i++)
            end += runs->runs[i].size;
        error = put_stretch(flushing, held, begin, end);
    }
    return error;
}

/* A piece takes its place in the tree, and the run goes. */
static int place_piece(struct files *files, const struct placed *placed, struct failure *failure)
{
    const struct file_key key = {
        .inode = placed->inode, .number = placed->offset, .kind = FILE_EXTENT};
    struct held_file *held = files_held(files, placed->inode);
    uint64_t end = placed->offset + placed->extent.length;
    uint8_t bytes[FILE_EXTENT_BYTES];
    struct attributes attributes;
    struct file_item item;
    int error = inode_get(&files->tree, placed->inode, &attributes, failure);

    if (error == 0)
        error = extents_cut(files, placed->inode, placed->offset, end, &attributes.content_bytes,
                            failure);
    if (error == 0)
        error = catalogue_reserve(&files->nodes, 2);
    if (error == 0)
        error = catalogue_before(&files->tree, &key, &item, failure); /* into memory */
    if (error != 0)
        return error;
    attributes.content_bytes += placed->extent.length;
    file_extent_encode(&placed->extent, bytes);
    error = catalogue_put(&files->tree, &key, bytes, sizeof bytes, failure);
    if (error == 0)
        error = inode_put(files, placed->inode, &attributes, failure);
    if (error == 0) {
        files->waiting_bytes -= held->runs.bytes;
        (void)runs_cut(&held->runs, placed->offset, end); /* at a run's front: takes no memory */
        files->waiting_bytes += held->runs.bytes;
    }
    return error;
}

static int place_pieces(struct flushing *flushing)
{
    struct files *files = flushing->files;
    struct held_file *held, *next;
    int error = 0;

    for (size_t i = 0; i < flushing->count && error == 0; i++)
        error = place_piece(files, &flushing->placed[i], flushing->failure);
    HASH_ITER (hh, files->held, held, next) {
        /* cppcheck-suppress uninitvar ; HASH_ITER sets it */
        files_unhold(files, held);
    }
    return error;
}

static int put_files(struct flushing *flushing)
{
    struct held_file *held, *next;
    int error = 0;

    HASH_ITER (hh, flushing->files->held, held, next) {
        /* cppcheck-suppress uninitvar ; HASH_ITER sets it */
        if (error == 0 && held->runs.count != 0)
            error = put_file(flushing, held);
    }
    return error;
}

int files_flush(struct files *files, bool all, struct failure *failure)
{
    struct flushing flushing = {.files = files, .all = all, .failure = failure};
    int error = 0;

    if (files->waiting_bytes == 0)
        return 0;
    flushing.piece = malloc(CUT_MOST);
    if (flushing.piece == NULL)
        error = -ENOMEM;
    if (error == 0)
        error = files_begin_writing(files, &flushing.writer, failure);
    if (error == 0)
        error = put_files(&flushing);
    error = files_end_writing(files, flushing.writer, error, failure);
    if (error == 0)
        error = place_pieces(&flushing);
    free(flushing.piece);
    free(flushing.placed);
    return error;
}
