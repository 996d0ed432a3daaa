/* SPDX-License-Identifier: MIT */
#include "tools/export_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fs/base/clock.h"

#define NAMES_TRIED 1000

int export_file_create(int folder, const char *name, struct export_file *ret_file,
                       struct failure *failure)
{
    struct export_file file = {.descriptor = -1, .folder = folder, .name = name};

    for (unsigned i = 0; i < NAMES_TRIED && file.descriptor < 0; i++) {
        snprintf(file.temporary, sizeof file.temporary, ".crmfs-export-%ld-%u", (long)getpid(), i);
        file.descriptor =
            openat(folder, file.temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (file.descriptor < 0 && errno != EEXIST)
            break;
    }
    if (file.descriptor < 0)
        return failure_set(failure, errno, "cannot make a file for %s: %s", name, strerror(errno));
    *ret_file = file;
    return 0;
}

void export_file_standard(struct export_file *ret_file)
{
    struct export_file file = {
        .descriptor = STDOUT_FILENO, .folder = -1, .name = "standard output"};
    struct stat status;

    if (fstat(file.descriptor, &status) == 0 && S_ISREG(status.st_mode)) {
        int flags = fcntl(file.descriptor, F_GETFL);

        file.start = flags >= 0 && (flags & O_APPEND) != 0 ? status.st_size
                                                           : lseek(file.descriptor, 0, SEEK_CUR);
        /* Behind what is there already; within it nothing is ours to cut off. */
        file.truncates = file.start == status.st_size;
    }
    *ret_file = file;
}

int export_file_write(struct export_file *file, struct iovec *pieces, unsigned count,
                      struct failure *failure)
{
    while (count > 0) {
        ssize_t written = writev(file->descriptor, pieces, (int)count);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return failure_set(failure, errno, "cannot write %s: %s", file->name, strerror(errno));
        while (count > 0 && (size_t)written >= pieces->iov_len) {
            written -= (ssize_t)pieces->iov_len;
            pieces++;
            count--;
        }
        if (count > 0) {
            pieces->iov_base = (char *)pieces->iov_base + written;
            pieces->iov_len -= (size_t)written;
        }
    }
    return 0;
}

static int finish_standard(struct export_file *file, struct failure *failure)
{
    /* What is no file cannot be made durable. */
    if (fsync(file->descriptor) == 0 || errno == EINVAL || errno == EROFS || errno == ENOTSUP)
        return 0;

    int error = errno;

    export_file_abandon(file);
    return failure_set(failure, error, "cannot write %s: %s", file->name, strerror(error));
}

int export_file_finish(struct export_file *file, uint64_t time_ns, struct failure *failure)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_NOW}, clock_timespec(time_ns)};

    if (file->folder < 0)
        return finish_standard(file, failure);
    futimens(file->descriptor, times); /* some file systems keep no times */
    if (fsync(file->descriptor) == 0 &&
        renameat(file->folder, file->temporary, file->folder, file->name) == 0) {
        close(file->descriptor);
        return 0;
    }

    int error = errno;

    export_file_abandon(file);
    return failure_set(failure, error, "cannot write %s: %s", file->name, strerror(error));
}

void export_file_abandon(struct export_file *file)
{
    if (file->folder < 0) {
        if (file->truncates)
            (void)!ftruncate(file->descriptor, file->start);
        return;
    }
    unlinkat(file->folder, file->temporary, 0);
    close(file->descriptor);
}
