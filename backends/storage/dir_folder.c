/* SPDX-License-Identifier: MIT */
/* Ways into the directory, and its folders' flushing. */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "backends/storage/storage_name.h"
#include "fs/base/memory.h"

/* Removed while it was open, which is not to be taken for the loss of a file in it. */
bool dir_is_gone(const struct dir_storage *dir)
{
    struct stat status;

    return fstat(dir->root, &status) == 0 && status.st_nlink == 0;
}

static const char *reason(int code)
{
    switch (code) {
    case EISDIR: return "it is no file, but a directory, a link or the like: move it away";
    case ELOOP: return "symbolic links are not followed in a store: put there what it leads to";
    default: return strerror(code);
    }
}

int dir_failure(const struct dir_storage *dir, int code, const char *tried, const char *name,
                struct failure *failure)
{
    if (dir_is_gone(dir))
        return failure_set(failure, ENODEV,
                           "the store's directory %s is gone: is its disk mounted?", dir->path);
    return failure_set(failure, code, "cannot %s %s%s%s: %s", tried, dir->path,
                       name[0] != '\0' ? "/" : "", name, reason(code));
}

/* Root may have been left without the right to give its files away: by a unit, by a container. */
static int refuse_withheld(const struct dir_storage *dir, struct failure *failure)
{
    return failure_set(failure, EROFS,
                       "the store %s is another user's, who could not read what we would write "
                       "there: run crmfs as that user, or %s",
                       dir->path,
                       geteuid() == 0
                           ? "let root give files to that user, which it may not here (CAP_CHOWN, "
                             "as in a unit's CapabilityBoundingSet=)"
                           : "as root");
}

int dir_check(const struct dir_storage *dir, const char *name, bool writes, struct failure *failure)
{
    if (!storage_name_valid(name) || strncmp(name, TEMPORARY_FOLDER "/", 4) == 0)
        return failure_set(failure, EINVAL, "\"%s\" is no name for a file of a store", name);
    if (writes && dir->withheld)
        return refuse_withheld(dir, failure);
    if (writes && dir->read_only)
        return failure_set(failure, EROFS, "the store %s cannot be written to", dir->path);
    return 0;
}

const char *dir_split(const char *name, char folder[STORAGE_NAME_LIMIT + 1])
{
    const char *slash = strrchr(name, '/');
    size_t size = slash != NULL ? (size_t)(slash - name) : 0;

    memcpy(folder, name, size);
    folder[size] = '\0';
    return slash != NULL ? slash + 1 : name;
}

static int open_once(int folder, const char *name, int flags)
{
    int descriptor;

    do {
        descriptor = openat(folder, name, flags | O_CLOEXEC | O_NOFOLLOW);
    } while (descriptor < 0 && errno == EINTR);
    return descriptor >= 0 ? descriptor : -errno;
}

/* Segment by segment, for kernels without openat2. */
static int open_walking(const struct dir_storage *dir, const char *name, int flags)
{
    cleanup_fd int at = -1;
    const char *slash;

    while ((slash = strchr(name, '/')) != NULL) {
        char segment[STORAGE_NAME_LIMIT + 1];
        size_t size = (size_t)(slash - name);

        memcpy(segment, name, size);
        segment[size] = '\0';
        /* With O_DIRECTORY a link in the way is an error, not the thing that is opened. */
        int next = open_once(at >= 0 ? at : dir->root, segment, O_PATH | O_DIRECTORY);

        if (next < 0)
            return next;
        if (at >= 0)
            close(at);
        at = next;
        name = slash + 1;
    }
    return open_once(at >= 0 ? at : dir->root, name, flags);
}

int dir_open_at(struct dir_storage *dir, const char *name, int flags)
{
    struct open_how how = {
        .flags = (unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long descriptor;

    if (name[0] == '\0')
        return open_once(dir->root, ".", flags);
    if (atomic_load_explicit(&dir->walk, memory_order_relaxed))
        return open_walking(dir, name, flags);
    do {
        descriptor = syscall(SYS_openat2, dir->root, name, &how, sizeof how);
    } while (descriptor < 0 && (errno == EINTR || errno == EAGAIN));
    if (descriptor >= 0)
        return (int)descriptor;
    /* EPERM: a sandbox that does not know the call. */
    if (errno != ENOSYS && errno != EPERM)
        return -errno;
    atomic_store_explicit(&dir->walk, true, memory_order_relaxed);
    return open_walking(dir, name, flags);
}

/* A folder that root made before it gave anything away becomes the owner's as well. */
static int give(const struct dir_storage *dir, int folder)
{
    int error = dir_owner_give(dir, folder);

    if (error == 0)
        return folder;
    close(folder);
    return error;
}

int dir_open_folder(struct dir_storage *dir, const char *folder, bool make, int flags)
{
    int descriptor = dir_open_at(dir, folder, flags | O_DIRECTORY);

    if (descriptor >= 0 && make)
        return give(dir, descriptor);
    if (descriptor != -ENOENT || !make || folder[0] == '\0')
        return descriptor;

    char above[STORAGE_NAME_LIMIT + 1];
    const char *last = dir_split(folder, above);
    /* As deep as a name has segments. */
    cleanup_fd int parent = dir_open_folder(dir, above, true, O_PATH);

    if (parent < 0)
        return parent;
    if (mkdirat(parent, last, 0777) != 0 && errno != EEXIST)
        return -errno;
    descriptor = dir_open_at(dir, folder, flags | O_DIRECTORY);
    return descriptor >= 0 ? give(dir, descriptor) : descriptor;
}

/* The entry of FOLDER or NULL. The lock is held. */
static struct dir_folder *find_folder(struct dir_storage *dir, const char *folder)
{
    for (size_t i = 0; i < dir->folder_count; i++) {
        if (strcmp(dir->folders[i].name, folder) == 0)
            return &dir->folders[i];
    }
    return NULL;
}

static int add_one(struct dir_storage *dir, const char *folder)
{
    if (find_folder(dir, folder) != NULL)
        return 0;

    struct dir_folder *more =
        reallocarray(dir->folders, dir->folder_count + 1, sizeof *dir->folders);

    if (more == NULL)
        return -ENOMEM;
    dir->folders = more;

    char *name = strdup(folder);

    if (name == NULL)
        return -ENOMEM;
    more[dir->folder_count++] = (struct dir_folder){.name = name, .durable = folder[0] == '\0'};
    return 0;
}

int dir_folder_add(struct dir_storage *dir, const char *folder)
{
    char above[STORAGE_NAME_LIMIT + 1];
    int error = 0;

    if (folder[0] != '\0') {
        dir_split(folder, above);
        error = dir_folder_add(dir, above);
    }
    if (error != 0)
        return error;
    pthread_mutex_lock(&dir->lock);
    error = add_one(dir, folder);
    pthread_mutex_unlock(&dir->lock);
    return error;
}

/* Marks FOLDER and, unless it is known to stay, those above it. The lock is held. */
static void mark(struct dir_storage *dir, const char *folder)
{
    struct dir_folder *entry = find_folder(dir, folder);
    char above[STORAGE_NAME_LIMIT + 1];

    entry->dirty = true;
    if (entry->durable)
        return;
    dir_split(folder, above);
    mark(dir, above);
}

void dir_folder_mark(struct dir_storage *dir, const char *folder)
{
    pthread_mutex_lock(&dir->lock);
    mark(dir, folder);
    pthread_mutex_unlock(&dir->lock);
}

static int flush_one(struct dir_storage *dir, const char *folder)
{
    cleanup_fd int descriptor = dir_open_at(dir, folder, O_RDONLY | O_DIRECTORY);
    int result;

    if (descriptor < 0)
        return descriptor;
    do {
        result = fsync(descriptor);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? 0 : -errno;
}

int dir_folder_flush(struct dir_storage *dir, const char *folder)
{
    int error = flush_one(dir, folder);

    pthread_mutex_lock(&dir->lock);
    bool durable = find_folder(dir, folder)->durable;
    pthread_mutex_unlock(&dir->lock);
    if (error != 0 || durable)
        return error;

    char above[STORAGE_NAME_LIMIT + 1];

    dir_split(folder, above);
    error = dir_folder_flush(dir, above);
    if (error == 0) {
        pthread_mutex_lock(&dir->lock);
        find_folder(dir, folder)->durable = true;
        pthread_mutex_unlock(&dir->lock);
    }
    return error;
}

/* Takes what is dirty for this sync(); returns how many entries there are to look through. */
static size_t begin_flushing(struct dir_storage *dir)
{
    pthread_mutex_lock(&dir->lock);

    size_t count = dir->folder_count;

    for (size_t i = 0; i < count; i++) {
        dir->folders[i].flushing = dir->folders[i].dirty;
        dir->folders[i].dirty = false;
    }
    pthread_mutex_unlock(&dir->lock);
    return count;
}

/* What failed to be flushed, with all that depends on it, is left to the next sync(). */
static void end_flushing(struct dir_storage *dir, size_t count, bool flushed)
{
    pthread_mutex_lock(&dir->lock);
    for (size_t i = 0; i < count; i++) {
        struct dir_folder *folder = &dir->folders[i];

        if (folder->flushing && flushed)
            folder->durable = true;
        if (folder->flushing && !flushed)
            folder->dirty = true;
        folder->flushing = false;
    }
    pthread_mutex_unlock(&dir->lock);
}

/* The name of entry INDEX if it is to be flushed; the table may move meanwhile. */
static bool folder_to_flush(struct dir_storage *dir, size_t index,
                            char ret_name[STORAGE_NAME_LIMIT + 1])
{
    pthread_mutex_lock(&dir->lock);

    bool flushing = dir->folders[index].flushing;

    if (flushing)
        memcpy(ret_name, dir->folders[index].name, strlen(dir->folders[index].name) + 1);
    pthread_mutex_unlock(&dir->lock);
    return flushing;
}

int dir_sync(struct storage *storage, struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    char name[STORAGE_NAME_LIMIT + 1];

    pthread_mutex_lock(&dir->sync_lock);

    /* Before their folders: what has its name for good has its data. */
    bool lost = false;
    int error = dir_flush_files(dir, &lost);

    if (error != 0 && lost)
        failure_set(failure, -error,
                    "the disk has lost data that were written to %s: %s; look at the system's log, "
                    "then begin anew (a mount: unmount, and mount again)",
                    dir->path, strerror(-error));
    else if (error != 0)
        dir_failure(dir, -error, "make durable", "", failure);

    size_t count = begin_flushing(dir);

    for (size_t i = 0; i < count && error == 0; i++) {
        if (!folder_to_flush(dir, i, name))
            continue;
        error = flush_one(dir, name);
        if (error != 0)
            dir_failure(dir, -error, "make durable", name, failure);
    }
    end_flushing(dir, count, error == 0);
    pthread_mutex_unlock(&dir->sync_lock);
    return error;
}
