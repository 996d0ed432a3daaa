/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/files/acl.h"
#include "fs/mount/file_answer.h"

static struct files_caller caller_of(fuse_req_t request)
{
    const struct fuse_ctx *context = fuse_req_ctx(request);

    return (struct files_caller){.uid = context->uid, .gid = context->gid, .umask = context->umask};
}

static void answer_done(fuse_req_t request, uint64_t number, const char *name, int error,
                        const struct failure *failure)
{
    if (error != 0)
        file_answer_error(request, number, name, error, failure);
    else
        fuse_reply_err(request, 0);
}

/*
 * Before a file is changed by somebody who may not set the set-uid bit. The kernel does not look
 * again at the mode of what is written to, so it is told.
 */
static int drop_privileges(fuse_req_t request, fuse_ino_t inode, bool wanted,
                           struct failure *failure)
{
    bool dropped = false;
    int error = wanted ? files_drop_privileges(files_of(request), inode, &dropped, failure) : 0;

    if (dropped)
        (void)fuse_lowlevel_notify_inval_inode(state_of(request)->fuse, inode, -1, 0);
    return error;
}

/* ---- Open files ---- */

static void describe_open(struct files *files, uint64_t number, struct fuse_file_info *info)
{
    info->keep_cache = files_content_stays(files, number);
    info->noflush = 1;
}

void file_open(fuse_req_t request, fuse_ino_t inode, struct fuse_file_info *info)
{
    struct files *files = files_of(request);
    struct write_out *write_out = state_of(request)->write_out;
    struct failure failure = {0};
    bool writes = (info->flags & O_ACCMODE) != O_RDONLY || (info->flags & O_TRUNC) != 0;
    int error = writes ? files_writable(files, inode, &failure) : 0;

    /* Where its end is, the kernel says to who appends: told so, it looks again. */
    if (error == 0 && writes && files_ask_again(files, inode))
        error = -ESTALE;
    if (error == 0)
        error = drop_privileges(request, inode, device_drops_privileges(), &failure);
    if (error == 0)
        error = files_open(files, inode, (info->flags & O_TRUNC) != 0, &failure);
    if (error == 0) {
        error = write_out_opened(write_out, inode, info->flags);
        if (error != 0)
            files_close(files, inode);
    }
    if (error != 0) {
        file_answer_error(request, inode, NULL, error, &failure);
        return;
    }
    describe_open(files, inode, info);
    if (fuse_reply_open(request, info) != 0) {
        write_out_closed(write_out, inode, info->flags);
        files_close(files, inode);
    }
}

void file_create(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode,
                 struct fuse_file_info *info)
{
    struct files *files = files_of(request);
    struct write_out *write_out = state_of(request)->write_out;
    struct files_new wanted = {.directory = parent,
                               .name = name,
                               .mode = S_IFREG | (mode & ~(mode_t)S_IFMT),
                               .caller = caller_of(request),
                               .open = true};
    struct failure failure = {0};
    struct stat stat;
    uint64_t number;
    int error = files_make(files, &wanted, &number, &stat, &failure);

    /* The kernel has not seen what another mount made since: told so, it looks again. */
    if (error == -EEXIST && (info->flags & O_EXCL) == 0)
        error = -ESTALE;
    if (error == 0) {
        error = write_out_opened(write_out, number, info->flags);
        if (error != 0)
            files_close(files, number);
    }
    if (error != 0) {
        file_answer_error(request, parent, name, error, &failure);
        return;
    }

    struct fuse_entry_param entry = file_entry(files_valid_ns(files, number), number, &stat);

    describe_open(files, number, info);
    if (fuse_reply_create(request, &entry, info) != 0) {
        write_out_closed(write_out, number, info->flags);
        files_close(files, number);
    }
}

void file_release(fuse_req_t request, fuse_ino_t inode, const struct fuse_file_info *info)
{
    write_out_closed(state_of(request)->write_out, inode, info->flags);
    files_close(files_of(request), inode);
    fuse_reply_err(request, 0);
}

/* ---- Names ---- */

void file_make(fuse_req_t request, fuse_ino_t parent, const char *name, mode_t mode, dev_t device,
               const char *target)
{
    struct files *files = files_of(request);
    struct files_new wanted = {.directory = parent,
                               .name = name,
                               .mode = mode,
                               .device = device,
                               .target = target,
                               .caller = caller_of(request)};
    struct failure failure = {0};
    struct stat stat;
    uint64_t number;
    int error = files_make(files, &wanted, &number, &stat, &failure);

    if (error != 0) {
        file_answer_error(request, parent, name, error, &failure);
        return;
    }

    struct fuse_entry_param entry = file_entry(files_valid_ns(files, number), number, &stat);

    fuse_reply_entry(request, &entry);
}

void file_link(fuse_req_t request, fuse_ino_t inode, fuse_ino_t parent, const char *name)
{
    struct files *files = files_of(request);
    struct failure failure = {0};
    struct stat stat;
    int error = !files_has_number(inode) || !files_has_number(parent)
                    ? -EXDEV
                    : files_link(files, inode, parent, name, &stat, &failure);

    if (error != 0) {
        file_answer_error(request, parent, name, error, &failure);
        return;
    }

    struct fuse_entry_param entry = file_entry(files_valid_ns(files, inode), inode, &stat);

    file_tell_entry(request, &entry);
}

void file_remove(fuse_req_t request, fuse_ino_t parent, const char *name, bool directory)
{
    struct files *files = files_of(request);
    struct failure failure = {0};
    int error = directory ? files_rmdir(files, parent, name, &failure)
                          : files_unlink(files, parent, name, &failure);

    answer_done(request, parent, name, error, &failure);
}

void file_rename(fuse_req_t request, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                 const char *new_name, unsigned flags)
{
    struct failure failure = {0};
    int error =
        !files_has_number(parent) || !files_has_number(new_parent)
            ? -EXDEV
            : files_rename(files_of(request), parent, name, new_parent, new_name, flags, &failure);

    answer_done(request, parent, name, error, &failure);
}

/* ---- Attributes and content ---- */

static unsigned what_to_set(int which)
{
    unsigned wanted = 0;

    wanted |= (which & FUSE_SET_ATTR_MODE) != 0 ? FILES_SET_MODE : 0;
    wanted |= (which & FUSE_SET_ATTR_UID) != 0 ? FILES_SET_UID : 0;
    wanted |= (which & FUSE_SET_ATTR_GID) != 0 ? FILES_SET_GID : 0;
    wanted |= (which & FUSE_SET_ATTR_SIZE) != 0 ? FILES_SET_SIZE : 0;
    wanted |= (which & FUSE_SET_ATTR_ATIME) != 0 ? FILES_SET_ACCESSED : 0;
    wanted |= (which & FUSE_SET_ATTR_MTIME) != 0 ? FILES_SET_MODIFIED : 0;
    return wanted | ((which & FUSE_SET_ATTR_CTIME) != 0 ? FILES_SET_CHANGED : 0);
}

void file_setattr(fuse_req_t request, fuse_ino_t inode, const struct stat *values, int which)
{
    struct files *files = files_of(request);
    struct stat wanted = *values;
    struct failure failure = {0};
    struct stat stat;

    if ((which & FUSE_SET_ATTR_ATIME_NOW) != 0)
        wanted.st_atim.tv_nsec = UTIME_NOW;
    if ((which & FUSE_SET_ATTR_MTIME_NOW) != 0)
        wanted.st_mtim.tv_nsec = UTIME_NOW;

    /* A chown() that names neither owner nor group says nothing, and takes the bits off all the
     * same.
     */
    bool drops = device_drops_privileges() || what_to_set(which) == 0;
    int error = drop_privileges(request, inode, drops, &failure);

    if (error == 0)
        error = files_set(files, inode, what_to_set(which), &wanted, &stat, &failure);
    if (error != 0)
        file_answer_error(request, inode, NULL, error, &failure);
    else
        file_tell_attributes(request, &stat, answer_timeout(files_valid_ns(files, inode)));
}

void file_write(fuse_req_t request, fuse_ino_t inode, const char *bytes, size_t size, off_t offset,
                const struct fuse_file_info *info)
{
    struct files *files = files_of(request);
    struct write_out *write_out = state_of(request)->write_out;
    struct failure failure = {0};
    int error = drop_privileges(request, inode, device_drops_privileges(), &failure);

    if (info->writepage)
        write_out_begin_page(write_out);
    if (error == 0)
        error = files_write(files, inode, (uint64_t)offset, bytes, size, &failure);
    if (info->writepage)
        write_out_end_page(write_out);
    if (error == 0 && (info->flags & (O_SYNC | O_DSYNC)) != 0)
        error = files_sync_file(files, inode, &failure);
    if (error != 0)
        file_answer_error(request, inode, NULL, error, &failure);
    else
        fuse_reply_write(request, size);
}

/* Of what is allocated and copied the kernel does not say whether the caller may set the bits. */
static bool is_ordinary(fuse_req_t request)
{
    return fuse_req_ctx(request)->uid != 0;
}

void file_fallocate(fuse_req_t request, fuse_ino_t inode, int mode, off_t offset, off_t length)
{
    struct failure failure = {0};
    int error = drop_privileges(request, inode, is_ordinary(request), &failure);

    if (error == 0)
        error = files_allocate(files_of(request), inode, mode, (uint64_t)offset, (uint64_t)length,
                               &failure);

    answer_done(request, inode, NULL, error, &failure);
}

void file_copy(fuse_req_t request, fuse_ino_t inode, off_t offset, fuse_ino_t to, off_t to_offset,
               size_t size)
{
    struct files_copied wanted = {.number = inode,
                                  .offset = (uint64_t)offset,
                                  .to_number = to,
                                  .to_offset = (uint64_t)to_offset,
                                  .size = size};
    struct failure failure = {0};
    ssize_t copied = drop_privileges(request, to, is_ordinary(request), &failure);

    if (copied == 0)
        copied = files_copy(files_of(request), &wanted, &failure);

    /* What cannot be read is what is copied from. */
    if (copied < 0)
        file_answer_error(request, copied == -EIO ? inode : to, NULL, (int)copied, &failure);
    else
        fuse_reply_write(request, (size_t)copied);
}

void file_fsync(fuse_req_t request, fuse_ino_t inode)
{
    struct failure failure = {0};
    int error = files_sync_file(files_of(request), inode, &failure);

    answer_done(request, inode, NULL, error, &failure);
}

static void sync_all(fuse_req_t request)
{
    struct failure failure = {0};
    int error = files_sync(files_of(request), &failure);

    answer_done(request, FILES_TOP, NULL, error, &failure);
}

/* Where the mount is covered or unmounted lazily, nobody can have meant all of its files. */
static void fsync_written_out(fuse_req_t request, const void *what, int error,
                              const struct failure *failure)
{
    (void)what;
    if (error == 0 || error == -ENODEV)
        sync_all(request);
    else
        file_answer_error(request, FILES_TOP, NULL, error, failure);
}

void file_fsyncdir(fuse_req_t request)
{
    write_out_then(state_of(request)->write_out, request,
                   &(struct write_out_wish){.answer = fsync_written_out});
}

/* Root is of every group. Who has ended meanwhile is of its own alone. */
static bool is_of_group(fuse_req_t request, gid_t group)
{
    const struct fuse_ctx *context = fuse_req_ctx(request);
    int count = fuse_req_getgroups(request, 0, NULL);
    bool found = context->uid == 0 || context->gid == group;

    if (found || count <= 0)
        return found;

    cleanup_free gid_t *groups = allocate_array((size_t)count, sizeof *groups);
    int given = groups != NULL ? fuse_req_getgroups(request, count, groups) : 0;

    for (int i = 0; i < given && i < count && !found; i++)
        found = groups[i] == group;
    return found;
}

/* Who sets an ACL sets the mode with it, but not the set-gid bit of a group that is not theirs. */
static int drop_set_gid(fuse_req_t request, fuse_ino_t inode, struct failure *failure)
{
    struct files *files = files_of(request);
    struct stat stat;
    int error = files_stat(files, inode, &stat, failure);

    if (error != 0 || (stat.st_mode & S_ISGID) == 0 || is_of_group(request, stat.st_gid))
        return error;
    stat.st_mode &= ~(mode_t)S_ISGID;
    return files_set(files, inode, FILES_SET_MODE, &stat, &stat, failure);
}

void file_setxattr(fuse_req_t request, fuse_ino_t inode, const char *name, const char *value,
                   size_t size, int flags)
{
    struct failure failure = {0};
    int error = files_xattr_set(files_of(request), inode, name, value, size, flags, &failure);

    if (error == 0 && strcmp(name, ACL_ACCESS) == 0)
        error = drop_set_gid(request, inode, &failure);
    answer_done(request, inode, NULL, error, &failure);
}

void file_removexattr(fuse_req_t request, fuse_ino_t inode, const char *name)
{
    struct failure failure = {0};
    int error = files_xattr_remove(files_of(request), inode, name, &failure);

    answer_done(request, inode, NULL, error, &failure);
}
