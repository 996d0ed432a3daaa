/* SPDX-License-Identifier: MIT */
/* Content as it is: what was written last, else what is stored, else zeros. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/files/files_internal.h"

/* A part of the answer that is to be read from a piece. */
struct part {
    struct object_reference content;
    uint32_t from;
    uint32_t size;
    size_t at; /* in the answer */
};

struct parts {
    struct part *parts;
    size_t count;
    size_t room;
};

static int add_part(struct parts *parts, const struct part *part)
{
    if (parts->count == parts->room) {
        size_t room = parts->room != 0 ? parts->room * 2 : 16;
        struct part *grown = reallocarray(parts->parts, room, sizeof *grown);

        if (grown == NULL)
            return -ENOMEM;
        parts->parts = grown;
        parts->room = room;
    }
    parts->parts[parts->count++] = *part;
    return 0;
}

struct request {
    struct catalogue *tree;
    uint64_t inode;
    uint64_t offset;
    size_t size;
    uint8_t *bytes; /* NULL: it is only to be seen whether they can be read */
    struct parts parts;
    struct failure *failure;
};

static void put_zeros(const struct request *request, uint64_t from, uint64_t end)
{
    if (request->bytes != NULL)
        memset(request->bytes + (from - request->offset), 0, (size_t)(end - from));
}

/* Where the stored content of FROM up to END is; zeros where there is none. */
static int find_parts(struct request *request, uint64_t from, uint64_t end)
{
    while (from < end) {
        struct file_extent extent;
        uint64_t begin;
        int error =
            extent_find(request->tree, request->inode, from, &begin, &extent, request->failure);

        if (error == -ENOENT || (error == 0 && begin >= end)) {
            put_zeros(request, from, end);
            return 0;
        }
        if (error != 0)
            return error;
        if (begin > from) {
            put_zeros(request, from, begin);
            from = begin;
        }

        uint64_t after = begin + extent.length;
        struct part part = {.content = extent.content,
                            .from = extent.from + (uint32_t)(from - begin),
                            .size = (uint32_t)((after < end ? after : end) - from),
                            .at = (size_t)(from - request->offset)};

        error = add_part(&request->parts, &part);
        if (error != 0)
            return error;
        from += part.size;
    }
    return 0;
}

/* Copies what waits, and finds the parts of what is between. */
static int collect(struct request *request, const struct runs *runs)
{
    uint64_t at = request->offset;
    uint64_t end = request->offset + request->size;
    int error = 0;

    for (size_t i = runs_find(runs, at); i < runs->count && error == 0; i++) {
        const struct run *run = &runs->runs[i];

        if (run->offset >= end)
            break;
        if (run->offset > at) {
            error = find_parts(request, at, run->offset);
            at = run->offset;
        }

        uint64_t after = run->offset + run->size;
        size_t size = (size_t)((after < end ? after : end) - at);

        if (request->bytes != NULL)
            memcpy(request->bytes + (at - request->offset), run->bytes + (at - run->offset), size);
        at += size;
    }
    return error == 0 && at < end ? find_parts(request, at, end) : error;
}

static int read_parts(struct files *files, const struct request *request)
{
    int error = 0;

    for (size_t i = 0; i < request->parts.count && error == 0; i++) {
        const struct part *part = &request->parts.parts[i];

        error = request->bytes != NULL
                    ? content_read(files->contents, &part->content, part->from,
                                   request->bytes + part->at, part->size, request->failure)
                    : content_read(files->contents, &part->content, 0, NULL, 0, request->failure);
    }
    return error;
}

/* AHEAD: what follows is likely to be read next. */
static ssize_t read_range(struct files *files, uint64_t number, uint64_t offset, void *bytes,
                          size_t size, bool ahead, struct failure *failure)
{
    static const struct runs none;
    struct request request = {
        .inode = inode_of(number), .offset = offset, .bytes = bytes, .failure = failure};
    struct attributes attributes;
    int error = files_begin_look(files, number, &request.tree, failure);

    if (error != 0)
        return error;
    error = inode_get(request.tree, request.inode, &attributes, failure);
    if (error == 0 && offset < attributes.size) {
        const struct held_file *held =
            request.tree == &files->tree ? files_held(files, request.inode) : NULL;

        request.size = size < attributes.size - offset ? size : (size_t)(attributes.size - offset);
        error = collect(&request, held != NULL ? &held->runs : &none);
        if (error == 0 && ahead && files->readers != NULL) {
            files_read_ahead(files, request.tree, number, offset, offset + request.size);
            if (offset == 0)
                files_go_on_walking(files, request.tree, number);
        }
    }
    files_end(files, 0);
    /* Without the lock: what a tree refers to never changes. */
    if (error == 0)
        error = read_parts(files, &request);
    free(request.parts.parts);
    return error != 0 ? error : (ssize_t)request.size;
}

ssize_t files_read(struct files *files, uint64_t number, uint64_t offset, void *bytes, size_t size,
                   struct failure *failure)
{
    return read_range(files, number, offset, bytes, size, true, failure);
}

int files_check_range(struct files *files, uint64_t number, uint64_t offset, size_t size,
                      struct failure *failure)
{
    ssize_t length = read_range(files, number, offset, NULL, size, false, failure);

    return length < 0 ? (int)length : 0;
}

/* ---- SEEK_DATA, SEEK_HOLE ---- */

/* A file of SIZE bytes that is looked through. */
struct sought {
    struct catalogue *tree;
    uint64_t inode;
    uint64_t size;
    uint64_t least; /* bytes of a hole; less of it counts as data */
};

/* The first data that ends after OFFSET: where it begins and ends. -ENOENT. */
static int find_data(struct files *files, const struct sought *sought, uint64_t offset,
                     uint64_t *ret_begin, uint64_t *ret_end, struct failure *failure)
{
    const struct held_file *held =
        sought->tree == &files->tree ? files_held(files, sought->inode) : NULL;
    size_t place = held != NULL ? runs_find(&held->runs, offset) : 0;
    const struct run *run =
        held != NULL && place < held->runs.count ? &held->runs.runs[place] : NULL;
    struct file_extent extent;
    uint64_t begin;
    int error = extent_find(sought->tree, sought->inode, offset, &begin, &extent, failure);

    if (error != 0 && (error != -ENOENT || run == NULL))
        return error;
    if (error == -ENOENT || (run != NULL && run->offset < begin)) {
        *ret_begin = run->offset;
        *ret_end = run->offset + run->size;
    } else {
        *ret_begin = begin;
        *ret_end = begin + extent.length;
    }
    return 0;
}

/* The same, but the file's end where there is none. */
static int find_rest(struct files *files, const struct sought *sought, uint64_t offset,
                     uint64_t *ret_begin, uint64_t *ret_end, struct failure *failure)
{
    int error = find_data(files, sought, offset, ret_begin, ret_end, failure);

    if (error == -ENOENT || (error == 0 && *ret_begin > sought->size))
        *ret_begin = *ret_end = sought->size;
    return error == -ENOENT ? 0 : error;
}

static int seek_hole(struct files *files, const struct sought *sought, uint64_t *offset,
                     struct failure *failure)
{
    int error = 0;

    while (error == 0 && *offset < sought->size) {
        uint64_t begin;
        uint64_t end;

        error = find_rest(files, sought, *offset, &begin, &end, failure);
        if (error == 0 && begin > *offset && begin - *offset >= sought->least)
            return 0;
        if (error == 0)
            *offset = end;
    }
    return error;
}

static int seek_data(struct files *files, const struct sought *sought, uint64_t *offset,
                     struct failure *failure)
{
    uint64_t begin;
    uint64_t end;
    int error = find_rest(files, sought, *offset, &begin, &end, failure);

    if (error != 0 || begin <= *offset || begin - *offset < sought->least)
        return error;
    *offset = begin;
    return begin < sought->size ? 0 : -ENXIO;
}

int files_seek(struct files *files, uint64_t number, uint64_t offset, int whence, uint64_t least,
               uint64_t *ret_offset, struct failure *failure)
{
    struct sought sought = {.inode = inode_of(number), .least = least};
    struct attributes attributes = {.size = 0};
    int error = files_begin_look(files, number, &sought.tree, failure);

    if (error != 0)
        return error;
    error = inode_get(sought.tree, sought.inode, &attributes, failure);
    sought.size = attributes.size;
    if (error == 0 && offset >= sought.size)
        error = -ENXIO;
    if (error == 0 && whence == SEEK_HOLE)
        error = seek_hole(files, &sought, &offset, failure);
    else if (error == 0 && whence == SEEK_DATA)
        error = seek_data(files, &sought, &offset, failure);
    else if (error == 0)
        error = -EINVAL;
    if (error == 0)
        *ret_offset = offset < sought.size ? offset : sought.size;
    return files_end(files, error);
}
