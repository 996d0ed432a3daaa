/* SPDX-License-Identifier: MIT */
/* The directory storage: what writes. dir_internal.h says in which order. */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/storage/dir_internal.h"
#include "fs/base/memory.h"

/* So much is written before the kernel is asked to begin with it; then the flush is short. */
#define WRITE_BEHIND_BYTES ((uint64_t)2 << 20)

struct dir_writer {
    struct storage_writer base;
    int file;
    int error; /* of an append: what is there is not whole */
    uint64_t size;
    XXH64_state_t *sum;
    uint64_t begun; /* up to where the kernel was asked to write */
    char temporary[TEMPORARY_NAME_DIGITS + 1];
    char name[STORAGE_NAME_LIMIT + 1];
};

bool dir_temporary_name(const char *name)
{
    return strlen(name) == TEMPORARY_NAME_DIGITS &&
           strspn(name, "0123456789abcdef") == TEMPORARY_NAME_DIGITS;
}

static int make_temporary_name(char name[TEMPORARY_NAME_DIGITS + 1])
{
    unsigned char random[TEMPORARY_NAME_DIGITS / 2];

    while (getrandom(random, sizeof random, 0) != sizeof random) {
        if (errno != EINTR)
            return -errno;
    }
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(name + 2 * i, 3, "%02x", random[i]);
    return 0;
}

int dir_make_temporary(const struct dir_storage *dir, int folder,
                       char ret_name[TEMPORARY_NAME_DIGITS + 1])
{
    int error = make_temporary_name(ret_name);
    int file;

    if (error != 0)
        return error;
    /* Nobody changes it again, not even its owner. */
    do {
        file = openat(folder, ret_name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0444);
    } while (file < 0 && errno == EINTR);
    if (file < 0)
        return -errno;
    error = dir_owner_give(dir, file);
    if (error == 0)
        return file;
    unlinkat(folder, ret_name, 0);
    close(file);
    return error;
}

static int open_temporary(struct dir_storage *dir, struct dir_writer *writer)
{
    cleanup_fd int folder = dir_open_folder(dir, TEMPORARY_FOLDER, true, O_PATH);

    writer->file = folder < 0 ? folder : dir_make_temporary(dir, folder, writer->temporary);
    return writer->file >= 0 ? 0 : writer->file;
}

int dir_create(struct storage *storage, const char *name, struct storage_writer **ret_writer,
               struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    int error = dir_check(dir, name, true, failure);

    if (error != 0)
        return error;

    cleanup_free struct dir_writer *writer = calloc(1, sizeof *writer);

    if (writer == NULL)
        return dir_failure(dir, ENOMEM, "make a file in", TEMPORARY_FOLDER, failure);
    dir_files_close_removed(&dir->files);
    writer->base.storage = storage;
    memcpy(writer->name, name, strlen(name) + 1);
    writer->sum = XXH64_createState();
    error = writer->sum != NULL ? open_temporary(dir, writer) : -ENOMEM;
    if (error != 0) {
        XXH64_freeState(writer->sum);
        dir_failure(dir, -error, "make a file in", TEMPORARY_FOLDER, failure);
        return error;
    }
    XXH64_reset(writer->sum, 0);
    *ret_writer = &steal_pointer(&writer)->base;
    return 0;
}

/* By a file without a name, which takes what it is given, and goes with its descriptor. */
int dir_try_room(struct storage *storage, uint64_t bytes, struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    cleanup_fd int folder = dir_open_folder(dir, TEMPORARY_FOLDER, true, O_PATH);
    cleanup_fd int trial =
        folder >= 0 ? openat(folder, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600) : -1;

    /* A quota is its owner's. */
    if (trial < 0 || dir_owner_give(dir, trial) != 0 || fallocate(trial, 0, 0, (off_t)bytes) == 0 ||
        (errno != ENOSPC && errno != EDQUOT))
        return 0;
    return dir_failure(dir, errno, "find room in", TEMPORARY_FOLDER, failure);
}

int dir_write_all(int file, const void *data, size_t size)
{
    const char *bytes = data;

    while (size > 0) {
        ssize_t written = write(file, bytes, size);

        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return written < 0 ? -errno : -EIO;
        bytes += written;
        size -= (size_t)written;
    }
    return 0;
}

int dir_append(struct storage_writer *base, const void *bytes, size_t size, struct failure *failure)
{
    struct dir_writer *writer = (struct dir_writer *)base;

    if (writer->error == 0)
        writer->error = dir_write_all(writer->file, bytes, size);
    if (writer->error != 0)
        return dir_failure(dir_of(base->storage), -writer->error, "write to", writer->name,
                           failure);
    XXH64_update(writer->sum, bytes, size);
    writer->size += size;
    if (writer->size - writer->begun >= WRITE_BEHIND_BYTES) {
        (void)!sync_file_range(writer->file, (off_t)writer->begun,
                               (off_t)(writer->size - writer->begun), SYNC_FILE_RANGE_WRITE);
        writer->begun = writer->size;
    }
    return 0;
}

/* Moves the file to its name unless that is taken: -EEXIST. */
static int move_in(int from, const char *temporary, int to, const char *leaf)
{
    if (renameat2(from, temporary, to, leaf, RENAME_NOREPLACE) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP)
        return -errno;
    /* A file system (NFS) that cannot, but has links; what is left in tmp/ is only a name more. */
    if (linkat(from, temporary, to, leaf, 0) != 0)
        return -errno;
    unlinkat(from, temporary, 0);
    return 0;
}

/* ---- Names ---- */

/* The steps up to 2. On success the file has its name; FOLDER is where. */
static int name_file(struct dir_storage *dir, struct dir_writer *writer, bool flush,
                     char folder[STORAGE_NAME_LIMIT + 1])
{
    const char *leaf = dir_split(writer->name, folder);
    int error = writer->error;

    if (error == 0 && flush)
        error = dir_flush_data(writer->file);
    /* Before the move: after it nothing may fail that leaves the folder unmarked. */
    if (error == 0)
        error = dir_folder_add(dir, folder);
    if (error != 0)
        return error;

    cleanup_fd int from = dir_open_folder(dir, TEMPORARY_FOLDER, false, O_PATH);
    cleanup_fd int to = dir_open_folder(dir, folder, true, O_PATH);

    if (from < 0 || to < 0)
        return from < 0 ? from : to;
    error = move_in(from, writer->temporary, to, leaf);
    if (error == 0)
        writer->temporary[0] = '\0';
    return error;
}

/* ERROR is what name_file() said. */
static int refuse_name(const struct dir_storage *dir, const struct dir_writer *writer, int error,
                       struct failure *failure)
{
    struct stat status;

    if (error == -ENOENT && fstat(writer->file, &status) == 0 && status.st_nlink == 0)
        return failure_set(failure, EIO,
                           "%s was removed from %s/" TEMPORARY_FOLDER " while it was written: a "
                           "prune does so on a machine whose clock is a day ahead; set the clock, "
                           "and try again",
                           writer->temporary, dir->path);
    return dir_failure(dir, -error, "write", writer->name, failure);
}

int dir_commit(struct storage_writer *base, struct failure *failure)
{
    struct dir_writer *writer = (struct dir_writer *)base;
    struct dir_storage *dir = dir_of(base->storage);
    char folder[STORAGE_NAME_LIMIT + 1];
    int error = name_file(dir, writer, false, folder);

    if (error == 0) {
        (void)!sync_file_range(writer->file, (off_t)writer->begun, 0, SYNC_FILE_RANGE_WRITE);

        struct dir_unflushed file = {
            .file = writer->file, .size = writer->size, .sum = XXH64_digest(writer->sum)};

        memcpy(file.name, writer->name, sizeof file.name);
        dir_flush_later(dir, &file);
        writer->file = -1;
        dir_folder_mark(dir, folder);
    } else {
        error = refuse_name(dir, writer, error, failure);
    }
    dir_abort(base);
    return error;
}

void dir_abort(struct storage_writer *base)
{
    struct dir_writer *writer = (struct dir_writer *)base;

    if (writer == NULL)
        return;
    if (writer->file >= 0)
        close(writer->file);
    if (writer->temporary[0] != '\0') {
        cleanup_fd int folder =
            dir_open_folder(dir_of(base->storage), TEMPORARY_FOLDER, false, O_PATH);

        if (folder >= 0)
            unlinkat(folder, writer->temporary, 0);
    }
    XXH64_freeState(writer->sum);
    free(writer);
}

int dir_put_exclusive(struct storage *storage, const char *name, const void *bytes, size_t size,
                      struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    struct storage_writer *writer = NULL;
    char folder[STORAGE_NAME_LIMIT + 1];
    int error = dir_create(storage, name, &writer, failure);

    if (error != 0)
        return error;
    assert(writer != NULL);
    error = dir_append(writer, bytes, size, failure);
    if (error == 0) {
        error = name_file(dir, (struct dir_writer *)writer, true, folder);
        if (error == 0) {
            error = dir_folder_flush(dir, folder);
            /* The file is there all the same: whoever finds it can make it durable by sync(). */
            if (error != 0)
                dir_folder_mark(dir, folder);
        }
        if (error != 0)
            error = refuse_name(dir, (struct dir_writer *)writer, error, failure);
    }
    dir_abort(writer);
    return error;
}

int dir_remove(struct storage *storage, const char *name, struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    char folder[STORAGE_NAME_LIMIT + 1];
    const char *leaf = dir_split(name, folder);
    int error = dir_check(dir, name, true, failure);

    if (error != 0)
        return error;
    error = dir_folder_add(dir, folder);

    cleanup_fd int descriptor = error == 0 ? dir_open_folder(dir, folder, false, O_PATH) : -1;

    if (error == 0 && descriptor < 0)
        error = descriptor;
    else if (error == 0 && unlinkat(descriptor, leaf, 0) != 0)
        error = -errno;
    if (error != 0)
        return dir_failure(dir, -error, "remove", name, failure);
    dir_files_drop(&dir->files, name); /* it may have other names, outside the store */
    dir_folder_mark(dir, folder);
    return 0;
}

int dir_sweep(struct storage *storage, time_t modified_before, struct failure *failure)
{
    struct dir_storage *dir = dir_of(storage);
    int error = dir_check(dir, "any", true, failure);
    int descriptor = error == 0 ? dir_open_at(dir, TEMPORARY_FOLDER, O_RDONLY | O_DIRECTORY) : -1;

    if (error != 0 || descriptor == -ENOENT)
        return error;

    DIR *stream = descriptor >= 0 ? fdopendir(descriptor) : NULL;

    if (stream == NULL) {
        error = descriptor >= 0 ? errno : -descriptor;
        if (descriptor >= 0)
            close(descriptor);
        return dir_failure(dir, error, "list", TEMPORARY_FOLDER, failure);
    }

    const struct dirent *entry;
    struct stat status;

    while (errno = 0, (entry = readdir(stream)) != NULL) {
        /* Only what bears a name of ours: somebody may keep other things in a folder called tmp. */
        if (!dir_temporary_name(entry->d_name) ||
            fstatat(descriptor, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
            !S_ISREG(status.st_mode) || status.st_mtime >= modified_before)
            continue;
        if (unlinkat(descriptor, entry->d_name, 0) != 0 && errno != ENOENT)
            error = errno;
    }
    if (error == 0)
        error = errno;
    closedir(stream);
    return error == 0 ? 0 : dir_failure(dir, error, "sweep", TEMPORARY_FOLDER, failure);
}
