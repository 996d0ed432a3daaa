/* SPDX-License-Identifier: MIT */
/* The options of a server's URL, as what each kind of server takes them for. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/server_url.h"
#include "fs/base/ascii.h"
#include "fs/base/size_text.h"

const char *server_url_option(const struct server_url *url, const char *name)
{
    for (size_t i = 0; i < url->option_count; i++) {
        if (strcmp(url->options[i].name, name) == 0)
            return url->options[i].value;
    }
    return NULL;
}

int server_url_check(const struct server_url *url, const char *const *known,
                     struct failure *failure)
{
    for (size_t i = 0; i < url->option_count; i++) {
        const char *const *at = known;

        while (*at != NULL && strcmp(*at, url->options[i].name) != 0)
            at++;
        if (*at == NULL)
            return failure_set(failure, EINVAL,
                               "%s:// URL: there is no option \"%s\"; crmfs(1) lists them",
                               url->scheme, url->options[i].name);
    }
    return 0;
}

int server_url_number(const struct server_url *url, const char *name, uint64_t least, uint64_t most,
                      uint64_t *ret_number, struct failure *failure)
{
    const char *value = server_url_option(url, name);
    char *end;

    if (value == NULL)
        return 0;
    errno = 0;

    unsigned long long number = strtoull(value, &end, 10);

    if (value[0] < '0' || value[0] > '9' || *end != '\0' || errno != 0 || number < least ||
        number > most)
        return failure_set(
            failure, EINVAL, "%s:// URL: %s=%s: a whole number from %llu to %llu is wanted",
            url->scheme, name, value, (unsigned long long)least, (unsigned long long)most);
    *ret_number = number;
    return 0;
}

int server_url_duration(const struct server_url *url, const char *name, uint64_t *ret_ns,
                        struct failure *failure)
{
    const char *value = server_url_option(url, name);

    if (value == NULL || size_text_duration(value, ret_ns) == 0)
        return 0;
    return failure_set(failure, EINVAL,
                       "%s:// URL: %s=%s: a time is wanted, in seconds, such as 2 or 0.5",
                       url->scheme, name, value);
}

int server_url_choice(const struct server_url *url, const char *name, const char *const *choices,
                      size_t *ret_choice, struct failure *failure)
{
    const char *value = server_url_option(url, name);
    char list[200] = "";

    if (value == NULL)
        return 0;
    for (size_t i = 0; choices[i] != NULL; i++) {
        if (ascii_equal(choices[i], value)) {
            *ret_choice = i;
            return 0;
        }
        strncat(list, i == 0 ? "" : ", ", sizeof list - strlen(list) - 1);
        strncat(list, choices[i], sizeof list - strlen(list) - 1);
    }
    return failure_set(failure, EINVAL, "%s:// URL: %s=%s: it is one of %s", url->scheme, name,
                       value, list);
}

int server_url_path(const struct server_url *url, const char *name, const char **ret_path,
                    struct failure *failure)
{
    const char *value = server_url_option(url, name);

    if (value == NULL)
        return 0;
    if (value[0] != '/')
        return failure_set(failure, EINVAL,
                           "%s:// URL: %s=%s: an absolute path is wanted, since crmfs works in "
                           "another folder",
                           url->scheme, name, value);
    *ret_path = value;
    return 0;
}
