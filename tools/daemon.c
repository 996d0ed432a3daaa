/* SPDX-License-Identifier: MIT */
#include "tools/daemon.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/base/memory.h"

/* The status that the child sends; when it died without a word, what can be said of that. */
static int wait_for_child(pid_t child, int pipe, int *ret_status, struct failure *failure)
{
    unsigned char status;
    ssize_t size;
    int ended;

    do {
        size = read(pipe, &status, 1);
    } while (size < 0 && errno == EINTR);
    if (size == 1) {
        *ret_status = status;
        return 0;
    }
    if (waitpid(child, &ended, 0) == child && WIFSIGNALED(ended))
        return failure_set(failure, EIO,
                           "the process in the background was ended by signal %d (%s)",
                           WTERMSIG(ended), strsignal(WTERMSIG(ended)));
    return failure_set(failure, EIO, "the process in the background ended without a word");
}

/* What this program opens itself is closed on exec; what came through one is somebody else's. */
static void note_inherited(struct daemon *daemon)
{
    DIR *folder = opendir("/proc/self/fd");

    daemon->inherited_count = 0;
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        int descriptor = (int)strtol(entry->d_name, NULL, 10);
        int flags = fcntl(descriptor, F_GETFD);

        if (descriptor > 2 && flags >= 0 && (flags & FD_CLOEXEC) == 0 &&
            daemon->inherited_count < DAEMON_INHERITED_MOST)
            daemon->inherited[daemon->inherited_count++] = descriptor;
    }
    closedir(folder);
}

int daemon_start(struct daemon *ret_daemon, bool *ret_parent, int *ret_status,
                 struct failure *failure)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return failure_set(failure, errno, "cannot make a pipe: %s", strerror(errno));

    cleanup_fd int mine = ends[0];
    cleanup_fd int theirs = ends[1];
    pid_t child = fork();

    if (child < 0)
        return failure_set(failure, errno, "cannot start a process: %s", strerror(errno));
    if (child == 0) {
        note_inherited(ret_daemon);
        ret_daemon->pipe = steal_fd(&theirs);
        *ret_parent = false;
        return 0;
    }
    close(steal_fd(&theirs));
    *ret_parent = true;
    return wait_for_child(child, mine, ret_status, failure);
}

static void send_status(struct daemon *daemon, unsigned char status)
{
    int pipe = steal_fd(&daemon->pipe);

    if (pipe >= 0 && write(pipe, &status, 1) < 0) {
        /* Nobody waits any more. */
    }
    close_descriptor(&pipe);
}

void daemon_ready(struct daemon *daemon)
{
    daemon->ready = true;
    if (daemon->pipe < 0)
        return;

    cleanup_fd int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);

    setsid();
    if (chdir("/") != 0) {
        /* Then the directory that we began in stays busy, and all else works. */
    }
    for (int descriptor = 0; descriptor <= 2 && nothing >= 0; descriptor++)
        dup2(nothing, descriptor);
    for (size_t i = 0; i < daemon->inherited_count; i++)
        close(daemon->inherited[i]);
    send_status(daemon, 0);
}

void daemon_fail(struct daemon *daemon, int status)
{
    send_status(daemon, (unsigned char)status);
}
