/* SPDX-License-Identifier: MIT */
#include "fs/base/child.h"

#include <signal.h>
#include <spawn.h>

static int add_descriptors(posix_spawn_file_actions_t *actions, const int *descriptors,
                           size_t count)
{
    int error = 0;

    for (size_t i = 0; i < count && error == 0; i++) {
        if (descriptors[i] >= 0)
            error = posix_spawn_file_actions_adddup2(actions, descriptors[i], (int)i);
    }
    return error == 0 ? posix_spawn_file_actions_addclosefrom_np(actions, (int)count) : error;
}

static int restore_sigpipe(posix_spawnattr_t *attributes)
{
    sigset_t signals;
    int error;

    sigemptyset(&signals);
    sigaddset(&signals, SIGPIPE);
    error = posix_spawnattr_setsigdefault(attributes, &signals);
    return error == 0 ? posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGDEF) : error;
}

int child_start(const struct child_program *program, const int *descriptors, size_t count,
                pid_t *ret_process)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return -error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        error = restore_sigpipe(&attributes);
        if (error == 0)
            error = add_descriptors(&actions, descriptors, count);
        if (error == 0)
            error = posix_spawnp(ret_process, program->path, &actions, &attributes,
                                 program->arguments, program->environment);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}
