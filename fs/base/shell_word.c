/* SPDX-License-Identifier: MIT */
#include "fs/base/shell_word.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "fs/base/failure.h"

static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
                            "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789_-./,:=@%+";

/* Whether a terminal shows it as it is. */
static bool is_printable(const char *path)
{
    char shown[SHELL_WORD_SIZE];

    printable_copy(shown, sizeof shown, path);
    return strcmp(shown, path) == 0;
}

/* '…': nothing in it means anything but a quote, which is put between two of them. */
static void quote(const char *path, char *to)
{
    *to++ = '\'';
    for (; *path != '\0'; path++) {
        if (*path == '\'')
            to = stpcpy(to, "'\\'");
        *to++ = *path;
    }
    stpcpy(to, "'");
}

/* $'…': bytes as \xNN. */
static void escape(const char *path, char *to)
{
    to = stpcpy(to, "$'");
    for (; *path != '\0'; path++) {
        unsigned char byte = (unsigned char)*path;

        if (byte < ' ' || byte > '~')
            to += sprintf(to, "\\x%02x", byte);
        else
            to += sprintf(to, byte == '\'' || byte == '\\' ? "\\%c" : "%c", byte);
    }
    stpcpy(to, "'");
}

const char *shell_word(const char *path, char word[SHELL_WORD_SIZE])
{
    char whole[PATH_MAX];
    char *to = path[0] == '-' ? stpcpy(word, "-- ") : word;

    snprintf(whole, sizeof whole, "%s", path);
    if (whole[0] != '\0' && whole[strspn(whole, plain)] == '\0')
        stpcpy(to, whole);
    else if (is_printable(whole))
        quote(whole, to);
    else
        escape(whole, to);
    return word;
}
