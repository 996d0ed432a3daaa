/* SPDX-License-Identifier: MIT */
/* A local directory as a storage: opening and reading. dir_internal.h says how it is written to. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "backends/storage/storage_name.h"
#include "fs/base/memory.h"

/* Opens a regular file; nothing else may stand under a name, nor make a reader wait. */
static int open_regular(struct dir_storage *dir, const char *name, int flags,
                        struct stat *ret_status)
{
    int descriptor = dir_open_at(dir, name, flags);

    if (descriptor < 0)
        return descriptor;

    int error = fstat(descriptor, ret_status) != 0 ? -errno : 0;

    if (error == 0 && !S_ISREG(ret_status->st_mode))
        error = -EISDIR;
    if (error == 0)
        return descriptor;
    close(descriptor);
    return error;
}

static int read_all(int file, uint64_t offset, char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = pread(file, bytes, size, (off_t)offset);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -ENODATA;
        bytes += got;
        offset += (uint64_t)got;
        size -= (size_t)got;
    }
    return 0;
}

static int dir_read(struct storage *storage, const char *name, uint64_t offset, void *bytes,
                    size_t size, struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    struct stat status;
    int error = dir_check(dir, name, false, failure);

    if (error != 0)
        return error;

    int file = dir_files_take(&dir->files, name, &status);

    if (file < 0) {
        file = open_regular(dir, name, O_RDONLY | O_NONBLOCK | O_NOCTTY, &status);
        if (file >= 0 && size < (uint64_t)status.st_size)
            dir_files_keep(&dir->files, name, file);
    }
    error = file < 0 ? file : 0;
    /* What an offset says may come from a file that was tampered with. */
    if (error == 0 &&
        (offset > (uint64_t)status.st_size || size > (uint64_t)status.st_size - offset))
        error = -ENODATA;
    if (error == 0)
        error = read_all(file, offset, bytes, size);
    if (file >= 0)
        dir_files_give(&dir->files, file);
    return error == 0 ? 0 : dir_failure(dir, -error, "read", name, failure);
}

/* A file that is not open is left alone: to open it takes as long as to read from it. */
static void dir_expect(struct storage *storage, const char *name, uint64_t offset, size_t size)
{
    struct dir_storage *dir = dir_of(storage);
    struct stat status;
    int file = dir_files_take(&dir->files, name, &status);

    if (file < 0)
        return;
    posix_fadvise(file, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
    dir_files_give(&dir->files, file);
}

static int dir_size(struct storage *storage, const char *name, uint64_t *ret_size,
                    struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    struct stat status;
    int error = dir_check(dir, name, false, failure);

    if (error != 0)
        return error;

    cleanup_fd int file = open_regular(dir, name, O_PATH, &status);

    if (file < 0)
        return dir_failure(dir, -file, "look at", name, failure);
    *ret_size = (uint64_t)status.st_size;
    return 0;
}

struct listing {
    struct dir_storage *dir;
    size_t folder_size; /* of the name that was asked for, with its '/' */
    storage_visit *visit;
    void *context;
    bool names_only;
    int answer; /* the visitor's, when it wants no more */
};

static int list_folder(struct listing *listing, const char *folder);

static int list_entry(struct listing *listing, int folder, const struct dirent *entry,
                      const char *name)
{
    struct stat status;

    if (listing->names_only && entry->d_type == DT_REG) {
        listing->answer =
            listing->visit(listing->context, name + listing->folder_size, 0, (time_t)0);
        return 0;
    }
    if (fstatat(folder, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return errno == ENOENT ? 0 : -errno; /* removed meanwhile */
    if (S_ISDIR(status.st_mode))
        return list_folder(listing, name);
    if (!S_ISREG(status.st_mode))
        return 0;
    listing->answer = listing->visit(listing->context, name + listing->folder_size,
                                     listing->names_only ? 0 : (uint64_t)status.st_size,
                                     listing->names_only ? 0 : status.st_mtime);
    return 0;
}

static int list_stream(struct listing *listing, DIR *stream, const char *folder)
{
    const struct dirent *entry;
    char name[STORAGE_NAME_LIMIT + 2 + NAME_MAX];
    int error = 0;

    while (error == 0 && listing->answer == 0 && (errno = 0, (entry = readdir(stream)) != NULL)) {
        snprintf(name, sizeof name, "%s/%s", folder, entry->d_name);
        /* What has another name is none of ours, whatever it is; "." and ".." are among it. */
        if (storage_name_valid(name))
            error = list_entry(listing, dirfd(stream), entry, name);
    }
    return error == 0 && listing->answer == 0 ? -errno : error;
}

static int list_folder(struct listing *listing, const char *folder)
{
    int descriptor = dir_open_at(listing->dir, folder, O_RDONLY | O_DIRECTORY);

    if (descriptor < 0)
        return descriptor == -ENOENT ? 0 : descriptor;

    DIR *stream = fdopendir(descriptor);

    if (stream == NULL) {
        int error = -errno;

        close(descriptor);
        return error;
    }

    int error = list_stream(listing, stream, folder);

    closedir(stream);
    return error;
}

static int list_all(struct listing *listing, const char *folder, struct failure *failure)
{
    struct dir_storage *dir = listing->dir;
    int error = dir_check(dir, folder, false, failure);

    if (error != 0)
        return error;
    listing->folder_size = strlen(folder) + 1;
    error = dir_is_gone(dir) ? -ENODEV : list_folder(listing, folder);
    return error == 0 ? listing->answer : dir_failure(dir, -error, "list", folder, failure);
}

static int dir_list(struct storage *storage, const char *folder, storage_visit *visit,
                    void *context, struct failure *failure)
{
    struct listing listing = {.dir = dir_of(storage), .visit = visit, .context = context};

    return list_all(&listing, folder, failure);
}

static int dir_names(struct storage *storage, const char *folder, storage_visit *visit,
                     void *context, struct failure *failure)
{
    struct listing listing = {
        .dir = dir_of(storage), .visit = visit, .context = context, .names_only = true};

    return list_all(&listing, folder, failure);
}

static int dir_local_folder(struct storage *storage, const char *folder, bool make)
{
    struct dir_storage *dir = dir_of(storage);
    int error = dir_check(dir, folder, make, NULL);

    return error != 0 ? error : dir_open_folder(dir, folder, make, O_RDONLY);
}

static const char *dir_place(struct storage *storage)
{
    return dir_of(storage)->place;
}

static void dir_idle(struct storage *storage)
{
    dir_files_close_removed(&dir_of(storage)->files);
}

static void dir_close(struct storage *storage)
{
    struct dir_storage *dir = dir_of(storage);

    if (dir == NULL)
        return;
    dir_flush_end(dir);
    if (dir->root >= 0)
        close(dir->root);
    dir_files_close(&dir->files);
    for (size_t i = 0; i < dir->folder_count; i++)
        free(dir->folders[i].name);
    free(dir->folders);
    pthread_mutex_destroy(&dir->lock);
    pthread_mutex_destroy(&dir->sync_lock);
    pthread_mutex_destroy(&dir->unflushed_lock);
    pthread_cond_destroy(&dir->flushed);
    free(dir->path);
    free(dir->place);
    free(dir);
}

static const struct storage_class dir_class = {
    .put_exclusive = dir_put_exclusive,
    .create = dir_create,
    .append = dir_append,
    .commit = dir_commit,
    .abort = dir_abort,
    .try_room = dir_try_room,
    .sync = dir_sync,
    .flush = dir_flush,
    .read = dir_read,
    .expect = dir_expect,
    .size = dir_size,
    .list = dir_list,
    .names = dir_names,
    .remove = dir_remove,
    .sweep = dir_sweep,
    .local_folder = dir_local_folder,
    .place = dir_place,
    .idle = dir_idle,
    .close = dir_close,
};

/* The folder that PATH stands in is flushed, so that a new store is found after a power cut. */
static void flush_parent(const char *path)
{
    cleanup_free char *copy = strdup(path);
    cleanup_fd int parent =
        copy != NULL ? open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

    if (parent >= 0) /* one may write in a folder whose own folder one may not read */
        (void)!fsync(parent);
}

static int check_empty(int parent, const char *name, unsigned depth);

static bool may_stand_in(const char *folder, const char *leaf, unsigned depth)
{
    if (strcmp(leaf, ".") == 0 || strcmp(leaf, "..") == 0)
        return true;
    if (depth == 0 && strcmp(leaf, "lost+found") == 0)
        return true;
    return strcmp(folder, TEMPORARY_FOLDER) == 0 && dir_temporary_name(leaf);
}

static int check_entries(DIR *stream, const char *name, unsigned depth)
{
    const struct dirent *entry;

    while (errno = 0, (entry = readdir(stream)) != NULL) {
        int error = 0;

        if (!may_stand_in(name, entry->d_name, depth))
            error = depth < 3 ? check_empty(dirfd(stream), entry->d_name, depth + 1) : -ENOTEMPTY;
        if (error != 0)
            return error;
    }
    return -errno;
}

/*
 * Whether the folder holds no file. Empty folders do not count, nor what a
 * writer left behind in tmp/: an attempt that failed may be made again.
 */
static int check_empty(int parent, const char *name, unsigned depth)
{
    int descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (descriptor < 0)
        return errno == ENOTDIR || errno == ELOOP ? -ENOTEMPTY : -errno;

    DIR *stream = fdopendir(descriptor);

    if (stream == NULL) {
        int error = -errno;

        close(descriptor);
        return error;
    }

    int error = check_entries(stream, name, depth);

    closedir(stream);
    return error;
}

static int open_root(struct dir_storage *dir, int create, struct failure *failure)
{
    if (create && mkdir(dir->path, 0777) != 0 && errno != EEXIST)
        return failure_set(failure, errno, "cannot make %s: %s", dir->path, strerror(errno));
    dir->root = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir->root < 0)
        return failure_set(failure, errno, "cannot open the store %s: %s%s", dir->path,
                           strerror(errno),
                           errno == EACCES ? "; run crmfs as the user whose it is" : "");
    dir->read_only = faccessat(dir->root, ".", W_OK | X_OK, AT_EACCESS) != 0;
    dir->withheld = !dir->read_only && !dir_owner_look(dir);
    dir->read_only = dir->read_only || dir->withheld;
    if (!create)
        return 0;
    if (dir->withheld)
        return dir_check(dir, "any", true, failure);
    if (dir->read_only)
        return failure_set(failure, errno, "cannot write to %s: %s", dir->path, strerror(errno));

    int error = check_empty(dir->root, ".", 0);

    if (error == -ENOTEMPTY)
        return failure_set(failure, ENOTEMPTY,
                           "%s is not empty: a store needs a directory of its own", dir->path);
    if (error != 0)
        return failure_set(failure, -error, "cannot list %s: %s", dir->path, strerror(-error));
    flush_parent(dir->path);
    return 0;
}

int dir_storage_open(const char *path, int create, struct storage **ret_storage,
                     struct failure *failure)
{
    struct dir_storage *dir = calloc(1, sizeof *dir);

    if (dir == NULL)
        return failure_set(failure, ENOMEM, "cannot open the store %s: %s", path, strerror(ENOMEM));
    dir->base.class = &dir_class;
    dir->root = -1;
    dir_files_init(&dir->files);
    pthread_mutex_init(&dir->sync_lock, NULL);
    pthread_mutex_init(&dir->unflushed_lock, NULL);
    pthread_cond_init(&dir->flushed, NULL);
    pthread_mutex_init(&dir->lock, NULL);
    dir->path = strdup(path);

    int error = dir->path == NULL
                    ? failure_set(failure, ENOMEM, "cannot open the store: %s", strerror(ENOMEM))
                    : open_root(dir, create, failure);

    if (error != 0) {
        dir_close(&dir->base);
        return error;
    }
    dir->place = realpath(path, NULL);
    *ret_storage = &dir->base;
    return 0;
}
