/* SPDX-License-Identifier: MIT */
#include "tools/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sodium.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fs/base/memory.h"
#include "tools/terminal.h"

/* Room for the line end that is cut off, and for one byte that says that it is too long. */
#define ROOM ((size_t)STORE_PASSPHRASE_LIMIT + 3)

#define CREDENTIAL "crmfs-passphrase"

/* What the environment said; it is global itself. Set before there are threads, never changed. */
static struct {
    char *open;
    char *another;
} environment;

/* The value of a variable in locked memory, overwritten and gone where it stood; NULL: none. */
static char *take_variable(const char *name)
{
    char *value = getenv(name);
    size_t size = value != NULL ? strlen(value) : 0;
    char *copy = size != 0 && sodium_init() >= 0 ? sodium_malloc(size + 1) : NULL;

    if (copy != NULL)
        memcpy(copy, value, size + 1);
    if (size != 0)
        sodium_memzero(value, size);
    unsetenv(name);
    return copy;
}

void passphrase_take_environment(void)
{
    environment.open = take_variable("CRMFS_PASSPHRASE");
    environment.another = take_variable("CRMFS_NEW_PASSPHRASE");
}

bool passphrase_take_option(struct passphrase_options *options, int letter, const char *value)
{
    switch (letter) {
    case PASSPHRASE_FILE_LETTER: options->file = value; return true;
    case PASSPHRASE_COMMAND_LETTER: options->command = value; return true;
    case ACCEPT_ROLLBACK_LETTER: options->accept_rollback = true; return true;
    default: return false;
    }
}

void passphrase_release(struct passphrase *passphrase)
{
    sodium_free((void *)passphrase->text.bytes);
    *passphrase = (struct passphrase){.typed = false};
}

/* Reads to the end; one byte too many is the most that is read. The size or -errno. */
static ssize_t read_whole(int descriptor, char *secret)
{
    size_t size = 0;

    while (size < ROOM) {
        ssize_t got = read(descriptor, secret + size, ROOM - size);

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

static size_t cut_line_end(const char *secret, size_t size)
{
    if (size > 0 && secret[size - 1] == '\n')
        size--;
    if (size > 0 && secret[size - 1] == '\r')
        size--;
    return size;
}

static int read_file(const char *path, char *secret, size_t *ret_size, struct failure *failure)
{
    bool standard_input = strcmp(path, "-") == 0;
    cleanup_fd int file = standard_input ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (!standard_input && file < 0)
        return failure_set(failure, errno, "cannot open the passphrase file %s: %s", path,
                           strerror(errno));

    ssize_t size = read_whole(standard_input ? STDIN_FILENO : file, secret);

    if (size < 0)
        return failure_set(failure, (int)-size, "cannot read the passphrase from %s: %s", path,
                           strerror((int)-size));
    *ret_size = cut_line_end(secret, (size_t)size);
    return 0;
}

/* Starts sh with the command; it gets the pipe as its output and none of our other files. */
static int spawn_command(const char *command, int output, pid_t *ret_process)
{
    char shell[] = "/bin/sh";
    char option[] = "-c";
    char *arguments[] = {shell, option, (char *)command, NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t signals;
    int error = posix_spawn_file_actions_init(&actions);

    if (error != 0)
        return -error;
    error = posix_spawnattr_init(&attributes);
    if (error == 0) {
        sigemptyset(&signals);
        sigaddset(&signals, SIGPIPE); /* which we ignore */
        error = posix_spawnattr_setsigdefault(&attributes, &signals);
        if (error == 0)
            error = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
        if (error == 0)
            error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
        if (error == 0)
            error = posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
        if (error == 0)
            error = posix_spawn(ret_process, shell, &actions, &attributes, arguments, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&actions);
    return -error;
}

static int wait_for(pid_t process, struct failure *failure)
{
    int status;

    while (waitpid(process, &status, 0) < 0) {
        if (errno != EINTR)
            return failure_set(failure, errno, "the passphrase command is lost: %s",
                               strerror(errno));
    }
    if (WIFSIGNALED(status))
        return failure_set(failure, EIO, "the passphrase command was ended by signal %d",
                           WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        return failure_set(failure, EIO, "the passphrase command failed with status %d",
                           WEXITSTATUS(status));
    return 0;
}

static int run_command(const char *command, char *secret, size_t *ret_size, struct failure *failure)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) != 0)
        return failure_set(failure, errno, "cannot make a pipe: %s", strerror(errno));

    cleanup_fd int input = ends[0];
    pid_t process = 0;
    int error = spawn_command(command, ends[1], &process);

    close(ends[1]);
    if (error != 0)
        return failure_set(failure, -error, "cannot start the passphrase command: %s",
                           strerror(-error));

    ssize_t size = read_whole(input, secret);

    /* Whoever says more is told that nobody listens, and not waited for. */
    close(steal_fd(&input));
    if (size < 0 || size == (ssize_t)ROOM)
        kill(process, SIGTERM);
    error = wait_for(process, failure);
    if (size == (ssize_t)ROOM)
        error = 0; /* its length is what is wrong with it */
    else if (size < 0)
        return failure_set(failure, (int)-size, "cannot read what the passphrase command says: %s",
                           strerror((int)-size));
    *ret_size = error == 0 ? cut_line_end(secret, (size_t)size) : 0;
    return error;
}

/* A credential of systemd's, if there is one: its path is the caller's to free. */
static char *credential_path(void)
{
    const char *directory = getenv("CREDENTIALS_DIRECTORY");
    char *path = NULL;

    if (directory == NULL || asprintf(&path, "%s/" CREDENTIAL, directory) < 0)
        return NULL;
    if (access(path, F_OK) == 0)
        return path;
    free(path);
    return NULL;
}

static int ask(enum passphrase_use use, const char *store, char *secret, size_t *ret_size,
               struct failure *failure)
{
    char prompt[FAILURE_TEXT_SIZE];
    char printable[FAILURE_TEXT_SIZE - 100];
    size_t again_size = 0;

    printable_copy(printable, sizeof printable, store);
    snprintf(prompt, sizeof prompt, "%s for %s: ",
             use == PASSPHRASE_OPEN ? "Passphrase or recovery key" : "New passphrase", printable);

    int error = terminal_ask(prompt, secret, STORE_PASSPHRASE_LIMIT, ret_size, failure);

    if (error == -ENXIO)
        return failure_set(failure, ENXIO,
                           "there is no terminal to ask for the passphrase on: give one with "
                           "--passphrase-file or --passphrase-command, or in CRMFS_%sPASSPHRASE",
                           use == PASSPHRASE_ANOTHER ? "NEW_" : "");
    if (error != 0 || use == PASSPHRASE_OPEN || *ret_size == 0)
        return error;

    char *again = sodium_malloc(ROOM);

    if (again == NULL)
        return failure_set(failure, ENOMEM, "no locked memory for a passphrase");
    error = terminal_ask("The same again: ", again, STORE_PASSPHRASE_LIMIT, &again_size, failure);
    if (error == 0 && (again_size != *ret_size || sodium_memcmp(again, secret, again_size) != 0))
        error = failure_set(failure, EINVAL, "the two passphrases differ");
    sodium_free(again);
    return error;
}

static int from_variable(const char *value, char *secret, size_t *ret_size)
{
    size_t size = strlen(value);

    *ret_size = size < ROOM ? size : ROOM;
    memcpy(secret, value, *ret_size);
    return 0;
}

/* From the first place that there is. */
static int obtain(const struct passphrase_options *options, enum passphrase_use use,
                  const char *store, struct passphrase *passphrase, char *secret,
                  struct failure *failure)
{
    size_t *size = &passphrase->text.size;
    const char *variable = use == PASSPHRASE_ANOTHER ? environment.another : environment.open;
    cleanup_free char *credential = use != PASSPHRASE_ANOTHER ? credential_path() : NULL;

    if (options->file != NULL && options->command != NULL)
        return failure_set(failure, EINVAL,
                           "a passphrase comes from a file or from a command, not from both");
    if (options->file != NULL)
        return read_file(options->file, secret, size, failure);
    if (options->command != NULL)
        return run_command(options->command, secret, size, failure);
    if (variable != NULL)
        return from_variable(variable, secret, size);
    if (credential != NULL)
        return read_file(credential, secret, size, failure);
    passphrase->typed = true;
    return ask(use, store, secret, size, failure);
}

int passphrase_get(const struct passphrase_options *options, enum passphrase_use use,
                   const char *store, struct passphrase *ret_passphrase, struct failure *failure)
{
    struct passphrase passphrase = {.typed = false};
    char *secret = sodium_init() >= 0 ? sodium_malloc(ROOM) : NULL;

    if (secret == NULL)
        return failure_set(failure, ENOMEM, "no locked memory for a passphrase");
    passphrase.text.bytes = secret;

    int error = obtain(options, use, store, &passphrase, secret, failure);

    if (error == 0 && passphrase.text.size == 0)
        error = failure_set(failure, EINVAL, "the passphrase is empty");
    if (error == 0 && passphrase.text.size > STORE_PASSPHRASE_LIMIT)
        error = failure_set(failure, EINVAL, "the passphrase is too long: %d bytes are the most",
                            STORE_PASSPHRASE_LIMIT);
    if (error != 0)
        passphrase_release(&passphrase);
    else
        *ret_passphrase = passphrase;
    return error;
}
