/* SPDX-License-Identifier: MIT */
#include "backends/source/server_password.h"

#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/command.h"
#include "fs/base/memory.h"
#include "fs/base/secret.h"

struct server_password {
    char *text;    /* in locked memory; NULL: the command says it */
    char *command; /* NULL: the text is it */
};

static int no_memory(struct failure *failure)
{
    return failure_set(failure, ENOMEM, "no locked memory for a password: raise `ulimit -l`");
}

int server_password_create(const struct server_url *url, const struct source_options *options,
                           struct server_password **ret_password, struct failure *failure)
{
    const char *command =
        url->password_command != NULL ? url->password_command : options->password_command;
    int said = (url->password_command != NULL) + (options->password_command != NULL) +
               (options->password != NULL);

    if (said > 1)
        return failure_set(failure, EINVAL,
                           "%s:// URL: a password is said once: by password, or by "
                           "password-command",
                           url->scheme);
    if (said == 0) {
        *ret_password = NULL;
        return 0;
    }

    struct server_password *password = calloc(1, sizeof *password);

    if (password == NULL) {
        free(password);
        return no_memory(failure);
    }
    if (command != NULL) {
        password->command = strdup(command);
    } else {
        size_t size = strlen(options->password) + 1;

        password->text = secret_allocate(size);
        if (password->text != NULL)
            memcpy(password->text, options->password, size);
    }
    if (password->command == NULL && password->text == NULL) {
        free(password);
        return no_memory(failure);
    }
    *ret_password = password;
    return 0;
}

void server_password_free(struct server_password *password)
{
    if (password == NULL)
        return;
    sodium_free(password->text);
    free(password->command);
    free(password);
}

int server_password_get(const struct server_password *password, char **ret_secret,
                        struct failure *failure)
{
    size_t size = 0;
    int error = 0;

    if (password == NULL) {
        *ret_secret = NULL;
        return 0;
    }

    char *secret = secret_allocate(SERVER_PASSWORD_LIMIT + 1);

    if (secret == NULL)
        return no_memory(failure);
    if (password->text != NULL) {
        size = strlen(password->text);
        if (size < SERVER_PASSWORD_LIMIT)
            memcpy(secret, password->text, size);
    } else {
        error = command_output(password->command, "the password command", secret,
                               SERVER_PASSWORD_LIMIT, &size, failure);
    }
    if (error == 0 && size >= SERVER_PASSWORD_LIMIT)
        error = failure_set(failure, EINVAL, "the password is too long: %d bytes are the most",
                            SERVER_PASSWORD_LIMIT - 1);
    if (error == 0 && memchr(secret, '\0', size) != NULL)
        error = failure_set(failure, EINVAL, "the password holds a NUL byte");
    if (error != 0) {
        sodium_free(secret);
        return error;
    }
    secret[size] = '\0';
    *ret_secret = secret;
    return 0;
}

void server_password_forget(char *secret)
{
    sodium_free(secret);
}
