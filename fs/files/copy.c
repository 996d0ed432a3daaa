/* SPDX-License-Identifier: MIT */
/*
 * Copying within files/, and out of snapshots: content is shared, once it was seen that it can be
 * read. Who then removes what was copied still has it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/files/batch.h"

#define COPIED_EXTENTS_MOST 256
#define COPIED_BYTES_MOST ((uint64_t)64 << 20)
#define COPIED_WAITING_MOST ((uint64_t)1 << 20) /* that is not stored yet */

struct copied_extent {
    uint64_t at; /* from where the copy begins */
    struct file_extent extent;
};

struct copying {
    struct files *files;
    const struct files_copied *wanted;
    struct catalogue *tree; /* that is copied from */
    const struct run *run;  /* that the copy begins in; NULL: with what is stored, or a hole */
    struct copied_extent *extents;
    size_t count;
    uint64_t size;
    struct failure *failure;
};

static bool is_snapshot(const struct copying *copying)
{
    return copying->tree != &copying->files->tree;
}

/* As far as one thing goes: bytes that wait, or stored ones. */
static void limit_size(struct copying *copying)
{
    uint64_t from = copying->wanted->offset;
    const struct held_file *held =
        is_snapshot(copying) ? NULL : files_held(copying->files, inode_of(copying->wanted->number));
    size_t place = held != NULL ? runs_find(&held->runs, from) : 0;
    const struct run *run =
        held != NULL && place < held->runs.count ? &held->runs.runs[place] : NULL;

    if (copying->size > COPIED_BYTES_MOST)
        copying->size = COPIED_BYTES_MOST;
    if (run == NULL || run->offset >= from + copying->size)
        return;
    if (run->offset > from) {
        copying->size = run->offset - from;
        return;
    }
    copying->run = run;
    if (copying->size > run->offset + run->size - from)
        copying->size = run->offset + run->size - from;
    if (copying->size > COPIED_WAITING_MOST)
        copying->size = COPIED_WAITING_MOST;
}

/* A snapshot may be forgotten before the copy is safe. */
static int keep_content(struct copying *copying, struct object_reference *content)
{
    struct object_writer *writer;
    int error;

    if (!is_snapshot(copying))
        return 0;
    error = batch_begin_writing(copying->files, &writer, copying->failure);
    if (error != 0)
        return error;
    batch_end_writing(copying->files, writer, 0);

    int found = object_batch_rely(copying->files->batch, content, OBJECT_CONTENT, content,
                                  copying->failure);

    return found < 0 ? found : found > 0 ? 0 : -EOPNOTSUPP; /* whoever copies then reads it */
}

static int collect(struct copying *copying)
{
    uint64_t from = copying->wanted->offset;
    uint64_t end = from + copying->size;

    while (from < end) {
        struct file_extent extent;
        uint64_t begin;
        int error = extent_find(copying->tree, inode_of(copying->wanted->number), from, &begin,
                                &extent, copying->failure);

        if (error == -ENOENT || (error == 0 && begin >= end))
            return 0;
        if (error != 0)
            return error;
        if (copying->count == COPIED_EXTENTS_MOST) {
            copying->size = from - copying->wanted->offset;
            return 0;
        }

        uint64_t after = begin + extent.length < end ? begin + extent.length : end;

        if (begin < from) {
            extent.from += (uint32_t)(from - begin);
            begin = from;
        }
        extent.length = (uint32_t)(after - begin);
        error = keep_content(copying, &extent.content);
        if (error != 0)
            return error;
        copying->extents[copying->count++] =
            (struct copied_extent){.at = begin - copying->wanted->offset, .extent = extent};
        from = after;
    }
    return 0;
}

static int put_extents(struct copying *copying, struct attributes *attributes)
{
    uint64_t inode = inode_of(copying->wanted->to_number);
    int error = files_cut_content(copying->files, inode, attributes, copying->wanted->to_offset,
                                  copying->wanted->to_offset + copying->size, copying->failure);

    for (size_t i = 0; i < copying->count && error == 0; i++) {
        const struct copied_extent *copied = &copying->extents[i];

        error = extent_put(copying->files, inode, copying->wanted->to_offset + copied->at,
                           &copied->extent, copying->failure);
        if (error == 0)
            attributes->content_bytes += copied->extent.length;
    }
    if (error != 0) {
        /* Nothing of it rather than a part. */
        (void)extents_cut(copying->files, inode, copying->wanted->to_offset,
                          copying->wanted->to_offset + copying->size, &attributes->content_bytes,
                          NULL);
        (void)inode_put(copying->files, inode, attributes, NULL);
    }
    return error;
}

/* What waits is copied as it is written. */
static int put_bytes(struct copying *copying)
{
    const struct run *run = copying->run;
    uint64_t inode = inode_of(copying->wanted->to_number);
    uint64_t end = copying->wanted->to_offset + copying->size;
    int error = files_look_at_content(copying->files, inode, copying->wanted->to_offset, end,
                                      copying->failure);

    if (error != 0)
        return error;

    struct held_file *held = files_hold(copying->files, inode);

    if (held == NULL)
        return -ENOMEM;
    error = -ENOMEM;

    cleanup_free uint8_t *bytes = malloc((size_t)copying->size);

    if (bytes != NULL) {
        /* Writing may move the run. */
        memcpy(bytes, run->bytes + (copying->wanted->offset - run->offset), (size_t)copying->size);
        error = runs_write(&held->runs, copying->wanted->to_offset, bytes, (size_t)copying->size);
    }
    files_runs_changed(copying->files, held);
    files_unhold(copying->files, held);
    return error;
}

static int look_at_both(struct copying *copying, struct attributes *ret_attributes)
{
    const struct files_copied *wanted = copying->wanted;
    struct attributes from;
    int error = inode_get(copying->tree, inode_of(wanted->number), &from, copying->failure);

    if (error == 0)
        error = inode_get(&copying->files->tree, inode_of(wanted->to_number), ret_attributes,
                          copying->failure);
    if (error != 0)
        return error;
    if (!S_ISREG(from.mode) || !S_ISREG(ret_attributes->mode))
        return -EINVAL;
    copying->size = wanted->offset < from.size ? from.size - wanted->offset : 0;
    if (copying->size > wanted->size)
        copying->size = wanted->size;
    limit_size(copying);
    return copying->size > INT64_MAX - wanted->to_offset ? -EFBIG : 0;
}

static int copy(struct copying *copying)
{
    const struct files_copied *wanted = copying->wanted;
    struct attributes attributes;
    int error = look_at_both(copying, &attributes);

    if (error != 0 || copying->size == 0)
        return error;
    if (copying->run != NULL) {
        error = put_bytes(copying);
    } else {
        error = collect(copying);
        if (error == 0)
            error = put_extents(copying, &attributes);
    }
    if (error != 0)
        return error;
    attributes.modified = files_now();
    attributes.changed = attributes.modified;
    if (wanted->to_offset + copying->size > attributes.size)
        attributes.size = wanted->to_offset + copying->size;
    return inode_put(copying->files, inode_of(wanted->to_number), &attributes, copying->failure);
}

/* How much, which ends where something else begins: what waits, what is stored. */
static ssize_t copy_once(struct files *files, const struct files_copied *wanted,
                         struct failure *failure)
{
    cleanup_free struct copied_extent *extents = calloc(COPIED_EXTENTS_MOST, sizeof *extents);
    struct copying copying = {.files = files,
                              .wanted = wanted,
                              .tree = &files->tree,
                              .extents = extents,
                              .failure = failure};
    int error;

    if (extents == NULL)
        return -ENOMEM;
    if (wanted->offset > INT64_MAX || wanted->to_offset > INT64_MAX)
        return -EINVAL;
    error = files_begin_change(files, wanted->to_number, failure);
    if (error != 0)
        return error;
    error = files_make_room_for(files, 0, failure);
    if (error == 0 && number_of(TOP_INODE, wanted->number) != FILES_TOP) {
        /* While one is under way, what is relied on would be taken for what it relies on. */
        files_await_writing(files);

        struct files_view *view = files_find_view(files, wanted->number);

        error = view != NULL ? 0 : -ESTALE;
        copying.tree = view != NULL ? &view->tree : NULL;
    }
    if (error == 0)
        error = copy(&copying);
    error = copying.size > 0 ? files_end_change(files, error) : files_end(files, error);
    return error != 0 ? error : (ssize_t)copying.size;
}

ssize_t files_copy(struct files *files, const struct files_copied *wanted, struct failure *failure)
{
    struct files_copied rest = *wanted;
    uint64_t most = wanted->size < COPIED_BYTES_MOST ? wanted->size : COPIED_BYTES_MOST;
    uint64_t copied = 0;
    ssize_t size = 1;
    /* Of snapshots, what is relied on is opened. */
    int error = number_of(TOP_INODE, wanted->number) == FILES_TOP
                    ? files_check_range(files, wanted->number, wanted->offset, most, failure)
                    : 0;

    if (error != 0)
        return error;
    while (size > 0 && copied < most) {
        rest.offset = wanted->offset + copied;
        rest.to_offset = wanted->to_offset + copied;
        rest.size = most - copied;
        size = copy_once(files, &rest, failure);
        if (size > 0)
            copied += (uint64_t)size;
    }
    return size < 0 && copied == 0 ? size : (ssize_t)copied;
}
