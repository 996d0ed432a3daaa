/* SPDX-License-Identifier: MIT */
#include "fs/mount/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fs/base/memory.h"

#define STATUS_SIZE 4096
#define ENDING_FLAG 0x4u /* PF_EXITING, which /proc has shown as the same bit ever since */

/* /proc/THREAD/status as text; false when it is not to be had. */
static bool read_status(pid_t thread, char text[STATUS_SIZE])
{
    char path[40];

    snprintf(path, sizeof path, "/proc/%d/status", (int)thread);

    cleanup_fd int file = open(path, O_RDONLY | O_CLOEXEC);

    if (file < 0)
        return false;

    ssize_t size = read(file, text, STATUS_SIZE - 1);

    if (size <= 0)
        return false;
    text[size] = '\0';
    return true;
}

/* The number after "\nNAME:\t"; OTHERWISE when there is none. */
static uint64_t status_field(const char *text, const char *name, int base, uint64_t otherwise)
{
    const char *place = strstr(text, name);

    return place != NULL ? strtoull(place + strlen(name), NULL, base) : otherwise;
}

pid_t process_of_thread(pid_t thread)
{
    char text[STATUS_SIZE];

    if (thread <= 0)
        return 0;
    /* Signal 0 reaches a thread of the group THREAD by that number only if it leads the group. */
    if (syscall(SYS_tgkill, thread, thread, 0) == 0 || errno == EPERM || !read_status(thread, text))
        return thread;
    return (pid_t)status_field(text, "\nTgid:\t", 10, (uint64_t)thread);
}

bool process_is_ending(pid_t thread)
{
    char path[40];
    char line[512];
    unsigned flags = 0;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)thread);

    FILE *file = thread > 0 ? fopen(path, "re") : NULL;

    if (file == NULL)
        return false;
    if (fgets(line, sizeof line, file) != NULL) {
        /* The name in parentheses may hold anything, so count from its end. */
        const char *after = strrchr(line, ')');

        if (after == NULL || sscanf(after, ") %*c %*d %*d %*d %*d %*d %u", &flags) != 1)
            flags = 0;
    }
    fclose(file);
    return (flags & ENDING_FLAG) != 0;
}

static uint64_t bit(int signal)
{
    return UINT64_C(1) << (signal - 1);
}

bool process_is_to_end(pid_t thread)
{
    char text[STATUS_SIZE];
    /* What does nothing, or only stops, by default. */
    uint64_t harmless = bit(SIGCHLD) | bit(SIGURG) | bit(SIGWINCH) | bit(SIGCONT) | bit(SIGSTOP) |
                        bit(SIGTSTP) | bit(SIGTTIN) | bit(SIGTTOU);
    /* A program that catches these means to tidy up and end. */
    uint64_t meant = bit(SIGINT) | bit(SIGTERM) | bit(SIGHUP) | bit(SIGQUIT);

    if (thread <= 0 || !read_status(thread, text))
        return false;

    uint64_t pending =
        status_field(text, "\nSigPnd:\t", 16, 0) | status_field(text, "\nShdPnd:\t", 16, 0);
    uint64_t caught = status_field(text, "\nSigCgt:\t", 16, UINT64_MAX);

    pending &= ~status_field(text, "\nSigBlk:\t", 16, 0);
    pending &= ~status_field(text, "\nSigIgn:\t", 16, 0);
    return (pending & (bit(SIGKILL) | meant | (~caught & ~harmless))) != 0;
}
