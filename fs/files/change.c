/* SPDX-License-Identifier: MIT */
/* Content and attributes that change; files that are open. */
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <string.h>

#include "fs/files/earlier.h"
#include "fs/files/xattrs.h"

#define PERMISSIONS ((mode_t)07777)

/* ---- Open ---- */

int files_writable(struct files *files, uint64_t number, struct failure *failure)
{
    int error = files_begin_change(files, number, failure);

    return error == 0 ? files_end(files, 0) : error;
}

static int open_file(struct files *files, uint64_t number, struct failure *failure)
{
    struct attributes attributes;
    struct catalogue *tree;
    int error = files_begin_look(files, number, &tree, failure);

    if (error != 0)
        return error;
    error = inode_get(tree, inode_of(number), &attributes, failure);
    if (error == 0 && S_ISDIR(attributes.mode))
        error = -EISDIR;
    if (error == 0 && tree == &files->tree) {
        struct held_file *held = files_hold(files, inode_of(number));

        if (held != NULL) {
            held->opened++;
            held->changed = attributes.changed;
        } else {
            error = -ENOMEM;
        }
    }
    return files_end(files, error);
}

int files_open(struct files *files, uint64_t number, bool truncate, struct failure *failure)
{
    struct stat stat = {.st_size = 0};
    int error = open_file(files, number, failure);

    /* Held by then: what it was counts for what it becomes. */
    if (error == 0 && truncate) {
        error = files_set(files, number, FILES_SET_SIZE, &stat, &stat, failure);
        if (error != 0)
            files_close(files, number);
    }
    return error;
}

/* Nothing holds it any more: what has no name goes. */
static int let_go(struct files *files, struct held_file *held)
{
    uint64_t inode = held->inode;

    if (!held->orphan || held->opened != 0) {
        files_unhold(files, held);
        return files_end(files, 0);
    }

    int error = inode_remove(files, inode, NULL);

    return files_end_change(files, error);
}

void files_close(struct files *files, uint64_t number)
{
    if (number_of(TOP_INODE, number) != FILES_TOP)
        return;
    files_lock_change(files);

    struct held_file *held = files_held(files, inode_of(number));

    if (held != NULL && held->opened > 0) {
        held->opened--;
        let_go(files, held);
    } else {
        files_end(files, 0);
    }
}

void files_forget(struct files *files, uint64_t number)
{
    if (number_of(TOP_INODE, number) != FILES_TOP)
        return;
    files_lock_change(files);

    struct held_file *held = files_held(files, inode_of(number));

    if (held != NULL && held->orphan)
        let_go(files, held);
    else
        files_end(files, 0);
}

/* ---- Content ---- */

int files_look_at_content(struct files *files, uint64_t inode, uint64_t from, uint64_t end,
                          struct failure *failure)
{
    int error = extents_look(&files->tree, inode, from, end, failure);

    /* What was read came out of it. */
    return error == 0 ? catalogue_reserve(&files->nodes, CHANGES_MOST) : error;
}

int files_cut_content(struct files *files, uint64_t inode, struct attributes *attributes,
                      uint64_t from, uint64_t end, struct failure *failure)
{
    struct held_file *held = files_held(files, inode);
    int error = files_look_at_content(files, inode, from, end, failure);

    if (error != 0)
        return error;
    if (held != NULL) {
        error = runs_cut(&held->runs, from, end);
        files_runs_changed(files, held);
        files_unhold(files, held);
    }
    if (error == 0)
        error = extents_cut(files, inode, from, end, &attributes->content_bytes, failure);
    if (error == 0)
        return catalogue_reserve(&files->nodes, CHANGES_MOST);
    (void)inode_put(files, inode, attributes, NULL);
    return error;
}

static int resize(struct files *files, uint64_t inode, struct attributes *attributes, off_t size,
                  struct failure *failure)
{
    int error = 0;

    if (!S_ISREG(attributes->mode))
        return S_ISDIR(attributes->mode) ? -EISDIR : -EINVAL;
    if (size < 0)
        return -EINVAL;
    struct held_file *held = files_held(files, inode);

    if (size == 0 && attributes->size >= PAST_FILE_LEAST && held != NULL)
        files_note_past(files, held);
    if ((uint64_t)size < attributes->size)
        error = files_cut_content(files, inode, attributes, (uint64_t)size, UINT64_MAX, failure);
    if (error == 0) {
        attributes->size = (uint64_t)size;
        attributes->modified = files_now();
    }
    return error;
}

static int take_bytes(struct files *files, struct held_file *held, uint64_t offset,
                      const void *bytes, size_t size)
{
    int error = runs_write(&held->runs, offset, bytes, size);

    files_runs_changed(files, held);
    return error;
}

/*
 * The kernel reads whole pages: what is written into one of which the rest is damaged could never
 * be read again, so it is refused, as a file system on a disk does that has to read the page first.
 */
static int check_pages(struct files *files, uint64_t number, uint64_t offset, uint64_t end,
                       struct failure *failure)
{
    uint64_t before = offset % FILES_PAGE_BYTES;
    uint64_t behind = end % FILES_PAGE_BYTES;
    int error =
        before != 0 ? files_check_range(files, number, offset - before, before, failure) : 0;

    return error == 0 && behind != 0
               ? files_check_range(files, number, end, FILES_PAGE_BYTES - behind, failure)
               : error;
}

int files_write(struct files *files, uint64_t number, uint64_t offset, const void *bytes,
                size_t size, struct failure *failure)
{
    struct attributes attributes;
    struct held_file *held;
    int error;

    if (offset > INT64_MAX || size > INT64_MAX - offset)
        return -EFBIG;
    error = size != 0 ? check_pages(files, number, offset, offset + size, failure) : 0;
    if (error == 0)
        error = files_begin_change(files, number, failure);
    if (error != 0)
        return error;
    error = files_make_room_for(files, size, failure);
    if (error == 0)
        error = inode_get(&files->tree, inode_of(number), &attributes, failure);
    if (error == 0 && !S_ISREG(attributes.mode))
        error = -EINVAL;
    if (error == 0)
        error = files_look_at_content(files, inode_of(number), offset, offset + size, failure);
    if (error == 0 && size != 0) {
        held = files_hold(files, inode_of(number));
        error = held != NULL ? take_bytes(files, held, offset, bytes, size) : -ENOMEM;
    }
    if (error == 0 && size != 0) {
        attributes.modified = files_now();
        attributes.changed = attributes.modified;
        if (offset + size > attributes.size)
            attributes.size = offset + size;
        error = inode_put(files, inode_of(number), &attributes, failure);
    }
    return files_end_change(files, error);
}

/* What of OFFSET up to END is past the file's end. */
static uint64_t beyond(const struct attributes *attributes, uint64_t offset, uint64_t end)
{
    uint64_t begin = offset > attributes->size ? offset : attributes->size;

    return end > begin ? end - begin : 0;
}

/* A file of more is too large for any disk, whatever is free on this one. */
#define ALLOCATED_MOST (UINT64_C(1) << 50)

/* Nothing is set aside, as there is no telling what it will take; what could never fit is refused.
 */
int files_allocate(struct files *files, uint64_t number, int mode, uint64_t offset, uint64_t length,
                   struct failure *failure)
{
    bool cuts = (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0;
    struct attributes attributes;
    uint64_t end;
    int error;

    if ((mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) != 0)
        return -EOPNOTSUPP;
    if (offset > INT64_MAX || length > INT64_MAX - offset || (!cuts && length > ALLOCATED_MOST))
        return -EFBIG;
    error = files_begin_change(files, number, failure);
    if (error != 0)
        return error;
    end = offset + length;
    error = inode_get(&files->tree, inode_of(number), &attributes, failure);
    if (error == 0)
        error = files_make_room_for(files, cuts ? 0 : beyond(&attributes, offset, end), failure);
    if (error == 0)
        error = inode_get(&files->tree, inode_of(number), &attributes, failure);
    if (error == 0 && !S_ISREG(attributes.mode))
        error = -ENODEV;
    if (error == 0 && cuts)
        error = files_cut_content(files, inode_of(number), &attributes, offset, end, failure);
    if (error == 0 && (mode & FALLOC_FL_KEEP_SIZE) == 0 && end > attributes.size)
        attributes.size = end;
    if (error == 0) {
        attributes.modified = files_now();
        attributes.changed = attributes.modified;
        error = inode_put(files, inode_of(number), &attributes, failure);
    }
    return files_end_change(files, error);
}

/* ---- Attributes ---- */

/* What they are for directories stays, as it does in Linux. */
static mode_t without_privileges(mode_t mode)
{
    if (S_ISDIR(mode))
        return mode;
    return mode & ~((mode & S_IXGRP) != 0 ? S_ISUID | S_ISGID : (mode_t)S_ISUID);
}

int files_drop_privileges(struct files *files, uint64_t number, bool *ret_dropped,
                          struct failure *failure)
{
    struct stat stat;
    int error = files_stat(files, number, &stat, failure);
    bool has = error == 0 && without_privileges(stat.st_mode) != stat.st_mode;

    if (has) {
        stat.st_mode = without_privileges(stat.st_mode);
        error = files_set(files, number, FILES_SET_MODE, &stat, &stat, failure);
    }
    if (error == 0)
        *ret_dropped = has;
    return error;
}

static void set_time(struct timespec *time, const struct timespec *wanted, struct timespec now)
{
    *time = wanted->tv_nsec == UTIME_NOW ? now : *wanted;
}

static void set_plain(struct attributes *attributes, unsigned which, const struct stat *values,
                      struct timespec now)
{
    if ((which & FILES_SET_MODE) != 0)
        attributes->mode = (attributes->mode & S_IFMT) | (values->st_mode & PERMISSIONS);
    if ((which & FILES_SET_UID) != 0)
        attributes->uid = values->st_uid;
    if ((which & FILES_SET_GID) != 0)
        attributes->gid = values->st_gid;
    if ((which & FILES_SET_ACCESSED) != 0)
        set_time(&attributes->accessed, &values->st_atim, now);
    if ((which & FILES_SET_MODIFIED) != 0)
        set_time(&attributes->modified, &values->st_mtim, now);
    attributes->changed = (which & FILES_SET_CHANGED) != 0 ? values->st_ctim : now;
}

/* What cuts a file short gives room back, though the rest of a disk may be kept for that. */
static int make_room_to_set(struct files *files, uint64_t number, unsigned which,
                            const struct stat *values, struct failure *failure)
{
    struct attributes attributes;
    int error = inode_get(&files->tree, inode_of(number), &attributes, failure);

    if (error != 0)
        return error;
    if ((which & FILES_SET_SIZE) != 0 && values->st_size >= 0 &&
        (uint64_t)values->st_size < attributes.size)
        return files_make_room_to_remove(files);
    return files_make_room_for(files, 0, failure);
}

int files_set(struct files *files, uint64_t number, unsigned which, const struct stat *values,
              struct stat *ret_stat, struct failure *failure)
{
    struct attributes attributes;
    int error = files_begin_change(files, number, failure);

    if (error != 0)
        return error;
    error = make_room_to_set(files, number, which, values, failure);
    if (error == 0)
        error = inode_get(&files->tree, inode_of(number), &attributes, failure);
    if (error == 0 && (which & FILES_SET_SIZE) != 0)
        error = resize(files, inode_of(number), &attributes, values->st_size, failure);
    if (error == 0 && (which & FILES_SET_MODE) != 0)
        error = xattr_follow_mode(files, inode_of(number), values->st_mode, failure);
    if (error == 0) {
        set_plain(&attributes, which, values, files_now());
        error = inode_put(files, inode_of(number), &attributes, failure);
    }
    if (error == 0)
        *ret_stat = inode_stat(files, number, &attributes);
    return files_end_change(files, error);
}
