/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <linux/limits.h>
#include <linux/xattr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/mount/file_answer.h"

#define LARGEST_LISTING ((size_t)64 << 10)

/* To read what is shorter takes less time than to have the kernel write a file's pages. */
#define HOLE_LEAST ((uint64_t)1 << 20)

/*
 * Where NAME stands in the directory NUMBER, or NUMBER itself. A file may have several names, none
 * of which it knows: its inode number finds them.
 */
static void say_path(fuse_req_t request, uint64_t number, const char *name, char path[PATH_MAX])
{
    const char *top = files_is_now(number) ? "files" : "snapshots/…/files";
    char inside[PATH_MAX - NAME_MAX - 64];
    bool known = files_path(files_of(request), number, inside, sizeof inside) == 0;

    if (!known && name == NULL)
        snprintf(path, PATH_MAX, "%s (inode %llu)", top,
                 (unsigned long long)files_shown_inode(number));
    else
        snprintf(path, PATH_MAX, "%s%s%s%s%s", top, known && inside[0] == '\0' ? "" : "/",
                 known ? inside : "…", name != NULL ? "/" : "", name != NULL ? name : "");
}

void file_answer_error(fuse_req_t request, uint64_t number, const char *name, int error,
                       const struct failure *failure)
{
    /* What has no words is an answer like any other; those of what was overcome are not its own. */
    if (failure->code == -error) {
        char path[PATH_MAX];

        say_path(request, number, name, path);
        tree_report(state_of(request)->tree, path, failure);
    }
    fuse_reply_err(request, -error);
}

struct fuse_entry_param file_entry(uint64_t valid_ns, uint64_t number, const struct stat *stat)
{
    double timeout = answer_timeout(valid_ns);

    return (struct fuse_entry_param){
        .ino = number, .attr = *stat, .attr_timeout = timeout, .entry_timeout = timeout};
}

/* An outdated_give. */
static void give_entry(fuse_req_t request, const void *what, size_t size)
{
    (void)size;
    fuse_reply_entry(request, what);
}

void file_tell_entry(fuse_req_t request, const struct fuse_entry_param *entry)
{
    outdated_answer(state_of(request)->outdated, request, give_entry, entry, sizeof *entry);
}

struct told_attributes {
    struct stat stat;
    double timeout;
};

/* An outdated_give. */
static void give_attributes(fuse_req_t request, const void *what, size_t size)
{
    const struct told_attributes *told = what;

    (void)size;
    fuse_reply_attr(request, &told->stat, told->timeout);
}

void file_tell_attributes(fuse_req_t request, const struct stat *stat, double timeout)
{
    struct told_attributes told = {.stat = *stat, .timeout = timeout};

    outdated_answer(state_of(request)->outdated, request, give_attributes, &told, sizeof told);
}

void file_lookup(fuse_req_t request, fuse_ino_t parent, const char *name)
{
    struct files *files = files_of(request);
    struct failure failure = {0};
    struct stat stat;
    uint64_t number;
    /* Asked before: what stood before nobody else wrote any more does not hold for ever. */
    uint64_t valid_ns = files_valid_ns(files, parent);
    int error = files_lookup(files, parent, name, &number, &stat, &failure);
    struct fuse_entry_param entry;

    if (error == 0) {
        entry = file_entry(valid_ns, number, &stat);
    } else if (error == -ENOENT) {
        /* That there is none the kernel may remember too. */
        entry = (struct fuse_entry_param){.entry_timeout = answer_timeout(valid_ns)};
    } else {
        file_answer_error(request, parent, name, error, &failure);
        return;
    }
    file_tell_entry(request, &entry);
}

void file_getattr(fuse_req_t request, fuse_ino_t inode)
{
    struct files *files = files_of(request);
    struct failure failure = {0};
    struct stat stat;
    double timeout = answer_timeout(files_valid_ns(files, inode)); /* as file_lookup() does */
    int error = files_stat(files, inode, &stat, &failure);

    if (error != 0)
        file_answer_error(request, inode, NULL, error, &failure);
    else
        file_tell_attributes(request, &stat, timeout);
}

void file_readlink(fuse_req_t request, fuse_ino_t inode)
{
    char target[PATH_MAX];
    struct failure failure = {0};
    int error = files_target(files_of(request), inode, target, sizeof target, &failure);

    if (error != 0)
        file_answer_error(request, inode, NULL, error, &failure);
    else
        fuse_reply_readlink(request, target);
}

/* ---- Directories ---- */

void file_opendir(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    struct failure failure = {0};
    struct stat stat;
    int error = files_stat(files_of(request), inode, &stat, &failure);

    if (error != 0)
        file_answer_error(request, inode, NULL, error, &failure);
    else
        fuse_reply_open(request, info);
}

struct listing_answer {
    fuse_req_t request;
    struct files *files;
    bool plus;
    char *data;
    size_t size;
    size_t used;
};

/* A files_visit. */
static bool add_entry(void *context, const struct files_entry *entry)
{
    struct listing_answer *answer = context;
    char *place = answer->data + answer->used;
    size_t left = answer->size - answer->used;
    size_t size;

    if (answer->plus) {
        struct fuse_entry_param all =
            file_entry(files_valid_ns(answer->files, entry->number), entry->number, &entry->stat);

        size = fuse_add_direntry_plus(answer->request, place, left, entry->name, &all,
                                      (off_t)entry->next);
    } else {
        size = fuse_add_direntry(answer->request, place, left, entry->name, &entry->stat,
                                 (off_t)entry->next);
    }
    if (size > left)
        return false;
    answer->used += size;
    return true;
}

/* An outdated_give. */
static void give_listing(fuse_req_t request, const void *what, size_t size)
{
    fuse_reply_buf(request, what, size);
}

void file_readdir(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset, bool plus)
{
    struct failure failure = {0};
    struct listing_answer answer = {.request = request,
                                    .files = files_of(request),
                                    .plus = plus,
                                    .size = size < LARGEST_LISTING ? size : LARGEST_LISTING};
    cleanup_free char *data = malloc(answer.size);

    answer.data = data;

    int error = data != NULL ? files_list(answer.files, inode, (uint64_t)offset, add_entry, &answer,
                                          &failure)
                             : -ENOMEM;

    if (error != 0)
        file_answer_error(request, inode, NULL, error, &failure);
    else
        outdated_answer(state_of(request)->outdated, request, give_listing, data, answer.used);
}

/* ---- Content ---- */

void file_read(fuse_req_t request, fuse_ino_t inode, size_t size, off_t offset)
{
    struct answer_buffers *buffers = &state_of(request)->buffers;
    struct answer_buffer buffer = answer_buffer_take(buffers, size);
    struct failure failure = {0};
    ssize_t length = buffer.bytes != NULL ? files_read(files_of(request), inode, (uint64_t)offset,
                                                       buffer.bytes, size, &failure)
                                          : -ENOMEM;

    if (length < 0)
        file_answer_error(request, inode, NULL, (int)length, &failure);
    else
        fuse_reply_buf(request, buffer.bytes, (size_t)length);
    answer_buffer_give(buffers, buffer);
}

struct seeking {
    fuse_ino_t inode;
    uint64_t offset;
    int whence;
};

static void answer_seek(fuse_req_t request, const struct seeking *seeking, uint64_t least)
{
    struct failure failure = {0};
    uint64_t found;
    int error = files_seek(files_of(request), seeking->inode, seeking->offset, seeking->whence,
                           least, &found, &failure);

    if (error != 0)
        file_answer_error(request, seeking->inode, NULL, error, &failure);
    else
        fuse_reply_lseek(request, (off_t)found);
}

/* Where it is not known what the kernel has, all is data. */
static void seek_written_out(fuse_req_t request, const void *what, int error,
                             const struct failure *failure)
{
    (void)failure;
    answer_seek(request, what, error == 0 ? HOLE_LEAST : UINT64_MAX);
}

/* Whether the answer is that something within the file is a hole. */
static bool finds_hole(struct files *files, const struct seeking *seeking)
{
    struct stat stat;
    uint64_t found;
    int error = files_stat(files, seeking->inode, &stat, NULL);

    if (error != 0 || seeking->offset >= (uint64_t)stat.st_size)
        return false;
    error = files_seek(files, seeking->inode, seeking->offset, seeking->whence, HOLE_LEAST, &found,
                       NULL);
    if (error != 0)
        return error == -ENXIO;
    return seeking->whence == SEEK_DATA ? found > seeking->offset : found < (uint64_t)stat.st_size;
}

/* A hole may be none any more, by what a program has written to it through memory. */
void file_lseek(fuse_req_t request, fuse_ino_t inode, off_t offset, int whence)
{
    struct write_out *write_out = state_of(request)->write_out;
    struct seeking seeking = {.inode = inode, .offset = (uint64_t)offset, .whence = whence};

    if (offset < 0)
        fuse_reply_err(request, ENXIO);
    else if (!write_out_may_lack(write_out, inode))
        answer_seek(request, &seeking, 0);
    else if (!finds_hole(files_of(request), &seeking))
        answer_seek(request, &seeking, HOLE_LEAST);
    else
        write_out_then(write_out, request,
                       &(struct write_out_wish){.answer = seek_written_out,
                                                .what = &seeking,
                                                .size = sizeof seeking,
                                                .is_hasty = true});
}

/* ---- Extended attributes ---- */

static void give_value(fuse_req_t request, fuse_ino_t inode, const char *value, ssize_t length,
                       size_t size, const struct failure *failure)
{
    if (length < 0)
        file_answer_error(request, inode, NULL, (int)length, failure);
    else if (size == 0)
        fuse_reply_xattr(request, (size_t)length);
    else
        fuse_reply_buf(request, value, (size_t)length);
}

void file_getxattr(fuse_req_t request, fuse_ino_t inode, const char *name, size_t size)
{
    struct failure failure = {0};
    size_t room = size < XATTR_SIZE_MAX ? size : XATTR_SIZE_MAX;
    cleanup_free char *value = malloc(room != 0 ? room : 1);
    ssize_t length = value != NULL
                         ? files_xattr_get(files_of(request), inode, name, value, room, &failure)
                         : -ENOMEM;

    /*
     * ls(1) asks every file for its label, until it is told that there are none here. Where labels
     * count, the kernel itself answers for what FUSE shows.
     */
    if (length == -ENODATA && strcmp(name, XATTR_NAME_SELINUX) == 0)
        length = -EOPNOTSUPP;
    give_value(request, inode, value, length, size, &failure);
}

void file_listxattr(fuse_req_t request, fuse_ino_t inode, size_t size)
{
    struct failure failure = {0};
    size_t room = size < XATTR_LIST_MAX ? size : XATTR_LIST_MAX;
    cleanup_free char *names = malloc(room != 0 ? room : 1);
    ssize_t length =
        names != NULL ? files_xattr_list(files_of(request), inode, names, room, &failure) : -ENOMEM;

    give_value(request, inode, names, length, size, &failure);
}
