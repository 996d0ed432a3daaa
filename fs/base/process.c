/* SPDX-License-Identifier: MIT */
#include "fs/base/process.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/base/memory.h"

/* What its status says. */
struct process_status {
    pid_t group;
    pid_t parent;
    bool has_memory;
    bool is_kernels; /* since Linux 6.10 */
    uint64_t pending;
    uint64_t blocked;
    uint64_t ignored;
    uint64_t caught;
};

/* VALUE: what stands behind the name of LINE, when it is NAME ("Tgid:"); else NULL. */
static const char *value_of(const char *line, const char *name)
{
    size_t length = strlen(name);

    return strncmp(line, name, length) == 0 ? line + length : NULL;
}

static void take_line(const char *line, struct process_status *status)
{
    const char *value;

    if ((value = value_of(line, "Tgid:")) != NULL)
        status->group = (pid_t)strtol(value, NULL, 10);
    else if ((value = value_of(line, "PPid:")) != NULL)
        status->parent = (pid_t)strtol(value, NULL, 10);
    else if ((value = value_of(line, "Kthread:")) != NULL)
        status->is_kernels = strtol(value, NULL, 10) != 0;
    else if (value_of(line, "VmSize:") != NULL)
        status->has_memory = true;
    else if ((value = value_of(line, "SigPnd:")) != NULL ||
             (value = value_of(line, "ShdPnd:")) != NULL)
        status->pending |= strtoull(value, NULL, 16);
    else if ((value = value_of(line, "SigBlk:")) != NULL)
        status->blocked = strtoull(value, NULL, 16);
    else if ((value = value_of(line, "SigIgn:")) != NULL)
        status->ignored = strtoull(value, NULL, 16);
    else if ((value = value_of(line, "SigCgt:")) != NULL)
        status->caught = strtoull(value, NULL, 16);
}

/* Of THREAD. False: it is not to be had. */
static bool read_status(pid_t thread, struct process_status *ret_status)
{
    struct process_status status = {.caught = UINT64_MAX};
    cleanup_free char *line = NULL; /* that of the groups may be long */
    size_t room = 0;
    char path[40];
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/status", (long)thread);
    file = thread > 0 ? fopen(path, "re") : NULL;
    if (file == NULL)
        return false;
    while (getline(&line, &room, file) > 0)
        take_line(line, &status);
    fclose(file);
    *ret_status = status;
    return status.group != 0;
}

pid_t process_of_thread(pid_t thread)
{
    struct process_status status;

    if (thread <= 0)
        return 0;
    /* Signal 0 reaches a thread of the group THREAD by that number only if it leads the group. */
    if (syscall(SYS_tgkill, thread, thread, 0) == 0 || errno == EPERM ||
        !read_status(thread, &status))
        return thread;
    return status.group;
}

pid_t process_parent(pid_t process)
{
    struct process_status status;

    return read_status(process, &status) ? status.parent : 0;
}

/* do_exit() takes a task's memory away before it closes its files. */
int process_is_ending(pid_t thread)
{
    struct process_status status;

    if (thread <= 0)
        return 0;
    if (!read_status(thread, &status))
        return kill(thread, 0) == 0 || errno == EPERM ? -EACCES : 0;
    return !status.has_memory && !status.is_kernels;
}

static uint64_t bit(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

bool process_is_to_end(pid_t thread)
{
    struct process_status status;
    /* What does nothing, or only stops, by default. */
    uint64_t harmless = bit(SIGCHLD) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGCONT) | bit(SIGSTOP) |
                        bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);
    /* A program that catches these means to tidy up and end. */
    uint64_t meant = bit(SIGINT) | bit(SIGTERM) | bit(SIGHUP) | bit(SIGQUIT);

    if (!read_status(thread, &status))
        return false;
    status.pending &= ~(status.blocked | status.ignored);
    return (status.pending & (bit(SIGKILL) | meant | (~status.caught & ~harmless))) != 0;
}
