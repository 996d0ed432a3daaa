/* SPDX-License-Identifier: MIT */
/* What stands behind the '?' in the URL of an archive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/archive_internal.h"
#include "backends/source/charset_stream.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"

static int take_names(struct archive_source *source, const char *value, struct failure *failure)
{
    cleanup_free char *converted = charset_text(value, "x");

    if (converted == NULL)
        return failure_set(failure, EINVAL,
                           "names=%.40s: there is no such character set (iconv -l lists them)",
                           value);
    free(source->names);
    source->names = strdup(value);
    return source->names != NULL ? 0 : -ENOMEM;
}

static int take_command(struct archive_source *source, const char *value)
{
    free(source->password_command);
    source->password_command = strdup(value);
    return source->password_command != NULL ? 0 : -ENOMEM;
}

static int take(struct archive_source *source, const char *name, const char *value,
                struct failure *failure)
{
    int taken = delimited_option(&source->wish, name, value, failure);

    if (taken != 0)
        return taken < 0 ? taken : 0;
    if (strcmp(name, "names") == 0)
        return take_names(source, value, failure);
    if (strcmp(name, "password-command") == 0)
        return take_command(source, value);
    if (strcmp(name, "series") != 0)
        return failure_set(failure, EINVAL,
                           "unknown option \"%.40s\"; an archive has delimiter, quote, escape, "
                           "charset, header and line-end, of tables as text, names, series and "
                           "password-command",
                           name);
    if (!source->folder || source->series != NULL || value[0] == '\0')
        return failure_set(
            failure, EINVAL,
            "series=%.100s: it is the beginning of the names of the files, once, and "
            "the path is that of their folder",
            value);
    source->series = strdup(value);
    return source->series != NULL ? 0 : -ENOMEM;
}

int archive_options_take(struct archive_source *source, const char *query, struct failure *failure)
{
    cleanup_free char *text = strdup(query);
    char *rest = text;
    int error = text != NULL ? 0 : -ENOMEM;

    while (error == 0 && rest != NULL && *rest != '\0') {
        char *option = strsep(&rest, "&");
        char *value = strchr(option, '=');

        if (value == NULL)
            return failure_set(failure, EINVAL, "\"%.40s\": an option goes NAME=VALUE", option);
        *value++ = '\0';
        if (!percent_decode(value))
            return failure_set(failure, EINVAL,
                               "%.40s=%.100s: a '%%' takes two hexadecimal digits behind it",
                               option, value);
        error = take(source, option, value, failure);
    }
    return error;
}
