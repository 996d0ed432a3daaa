/* SPDX-License-Identifier: MIT */
#include "tools/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "fs/mount/mountpoint.h"

/* What the daemon writes: the mountpoint with its NUL, and in the end, unless it was killed, this.
 */
#define FAREWELL "."

/* In the child, between fork and exec: nothing that needs a lock. */
static void become_guard(int pipe)
{
    char name[] = GUARD_NAME;
    char *arguments[] = {name, NULL};
    int nothing = open("/dev/null", O_RDWR);

    /* Whoever waits for the end of the daemon's output, or for a lock, is not to wait for us. */
    dup2(pipe, STDIN_FILENO);
    dup2(nothing, STDOUT_FILENO);
    dup2(nothing, STDERR_FILENO);
    close_range(STDERR_FILENO + 1, UINT_MAX, 0);
    setsid();
    execv("/proc/self/exe", arguments);
    _exit(1);
}

int guard_start(const char *mountpoint, struct guard *ret_guard, struct failure *failure)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return failure_set(failure, errno, "cannot make a pipe: %s", strerror(errno));

    cleanup_fd int theirs = ends[0];
    cleanup_fd int mine = ends[1];
    size_t size = strlen(mountpoint) + 1;
    pid_t child = fork();

    if (child < 0)
        return failure_set(failure, errno, "cannot start a process: %s", strerror(errno));
    if (child == 0)
        become_guard(theirs);
    /* A path always fits into an empty pipe. */
    if (write(mine, mountpoint, size) != (ssize_t)size)
        return failure_set(failure, errno, "cannot tell the guard: %s", strerror(errno));
    *ret_guard = (struct guard){.pipe = steal_fd(&mine), .process = child};
    return 0;
}

void guard_end(struct guard *guard)
{
    if (guard->process == 0)
        return;
    if (write(guard->pipe, FAREWELL, 1) < 0) {
        /* It is gone already. */
    }
    close(guard->pipe);
    waitpid(guard->process, NULL, 0);
    *guard = (struct guard){0};
}

int guard_main(void)
{
    char words[PATH_MAX + sizeof FAREWELL] = "";
    size_t size = 0;
    ssize_t got = 0;

    prctl(PR_SET_NAME, GUARD_NAME);
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    if (chdir("/") != 0)
        return 1;
    do {
        size += (size_t)got;
        got = read(STDIN_FILENO, words + size, sizeof words - size);
    } while (got > 0 || (got < 0 && errno == EINTR && (got = 0) == 0));

    /* With a farewell the words do not end in the path's NUL. */
    if (size < 2 || words[size - 1] != '\0')
        return 0;
    return mountpoint_is_dead(words) && mountpoint_detach(words) != 0;
}
