/* SPDX-License-Identifier: MIT */
#include "tools/passphrase.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fs/base/command.h"
#include "fs/base/memory.h"
#include "fs/base/secret.h"
#include "tools/terminal.h"

/* Room for the line end that is cut off, and for one byte that says that it is too long. */
#define ROOM ((size_t)STORE_PASSPHRASE_LIMIT + 3)

#define CREDENTIAL "crmfs-passphrase"

/* What the environment said, until it is used; it is global itself. Only the main thread asks. */
static struct {
    char *open;
    char *another;
} environment;

/* The value of a variable in locked memory, overwritten and gone where it stood; NULL: none. */
static char *take_variable(const char *name)
{
    char *value = getenv(name);
    size_t size = value != NULL ? strlen(value) : 0;
    char *copy = size != 0 ? secret_allocate(size + 1) : NULL;

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

/* Where what the environment said for USE is. */
static char **said_for(enum passphrase_use use)
{
    return use == PASSPHRASE_ANOTHER ? &environment.another : &environment.open;
}

void passphrase_forget(enum passphrase_use use)
{
    char **said = said_for(use);

    sodium_free(*said);
    *said = NULL;
}

static int no_locked_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "no locked memory for a passphrase: raise `ulimit -l`");
}

static bool lock_again(char *said)
{
    return said == NULL || sodium_mlock(said, strlen(said) + 1) == 0;
}

int passphrase_lock_again(struct failure *failure)
{
    if (lock_again(environment.open) && lock_again(environment.another))
        return 0;
    return no_locked_memory(failure);
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

static int read_file(const char *path, char *secret, size_t *ret_size, struct failure *failure)
{
    bool standard_input = strcmp(path, "-") == 0;
    cleanup_fd int file = standard_input ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);

    if (!standard_input && file < 0)
        return failure_set(failure, errno, "cannot open the passphrase file %s: %s", path,
                           strerror(errno));

    ssize_t size = read_to_end(standard_input ? STDIN_FILENO : file, secret, ROOM);

    if (size < 0)
        return failure_set(failure, (int)-size, "cannot read the passphrase from %s: %s", path,
                           strerror((int)-size));
    *ret_size = without_line_end(secret, (size_t)size);
    return 0;
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

static int no_terminal(enum passphrase_use use, struct failure *failure)
{
    const char *credentials = use != PASSPHRASE_ANOTHER ? getenv("CREDENTIALS_DIRECTORY") : NULL;

    return failure_set(failure, ENXIO,
                       "there is no terminal to ask for the passphrase on%s%s: give one with "
                       "--passphrase-file or --passphrase-command, or in CRMFS_%sPASSPHRASE",
                       credentials != NULL ? ", nor a credential " CREDENTIAL " in " : "",
                       credentials != NULL ? credentials : "",
                       use == PASSPHRASE_ANOTHER ? "NEW_" : "");
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
        return no_terminal(use, failure);
    if (error != 0 || use == PASSPHRASE_OPEN || *ret_size == 0)
        return error;

    char *again = secret_allocate(ROOM);

    if (again == NULL)
        return no_locked_memory(failure);
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
    const char *variable = *said_for(use);
    cleanup_free char *credential = use != PASSPHRASE_ANOTHER ? credential_path() : NULL;

    if (options->file != NULL && options->command != NULL)
        return failure_set(failure, EINVAL,
                           "a passphrase comes from a file or from a command, not from both");
    if (options->file != NULL)
        return read_file(options->file, secret, size, failure);
    if (options->command != NULL)
        return command_output(options->command, "the passphrase command", secret, ROOM, size,
                              failure);
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
    char *secret = secret_allocate(ROOM);

    if (secret == NULL)
        return no_locked_memory(failure);
    passphrase.text.bytes = secret;

    int error = obtain(options, use, store, &passphrase, secret, failure);

    passphrase_forget(use);
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
