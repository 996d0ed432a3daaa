/* SPDX-License-Identifier: MIT */
#include "fs/base/command.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/base/child.h"
#include "fs/base/memory.h"

ssize_t read_to_end(int descriptor, char *secret, size_t room)
{
    size_t size = 0;

    while (size < room) {
        ssize_t got = read(descriptor, secret + size, room - size);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        size += (size_t)got;
    }
    return (ssize_t)size;
}

size_t without_line_end(const char *text, size_t size)
{
    if (size > 0 && text[size - 1] == '\n')
        size--;
    if (size > 0 && text[size - 1] == '\r')
        size--;
    return size;
}

/* Starts sh with the command; it gets the pipe as its output and none of our other files. */
static int spawn_command(const char *command, int output, pid_t *ret_process)
{
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char *arguments[] = {shell, option, without_const(command), NULL};
    const struct child_program program = {shell, arguments, environ};
    const int descriptors[] = {-1, output, -1};

    return child_start(&program, descriptors, 3, ret_process);
}

static int wait_for(pid_t process, const char *noun, struct failure *failure)
{
    int status;

    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR)
            return failure_set(failure, errno, "%s is lost: %s", noun, strerror(errno));
    }
    if (WIFSIGNALED(status))
        return failure_set(failure, EIO, "%s was ended by signal %d", noun, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return failure_set(failure, EIO, "%s failed with status %d", noun, WEXITSTATUS(status));
    return 0;
}

int command_output(const char *command, const char *noun, char *secret, size_t room,
                   size_t *ret_size, struct failure *failure)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return failure_set(failure, errno, "cannot make a pipe: %s", strerror(errno));

    cleanup_fd int input = ends[0];
    pid_t process = 0;
    int error = spawn_command(command, ends[1], &process);

    close(ends[1]);
    if (error != 0)
        return failure_set(failure, -error, "cannot start %s: %s", noun, strerror(-error));

    ssize_t size = read_to_end(input, secret, room);

    /*
     * Whoever says more is told that nobody listens, and not waited for: first the shell, which
     * would otherwise go on with its next command when the one that speaks has ended.
     */
    if (size < 0 || size == (ssize_t)room)
        kill(process, SIGTERM);
    close(steal_fd(&input));
    error = wait_for(process, noun, failure);
    if (size == (ssize_t)room)
        error = 0; /* its length is what is wrong with it */
    else if (size < 0)
        return failure_set(failure, (int)-size, "cannot read what %s says: %s", noun,
                           strerror((int)-size));
    if (error == 0)
        *ret_size = size == (ssize_t)room ? room : without_line_end(secret, (size_t)size);
    return error;
}
