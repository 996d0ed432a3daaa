/* SPDX-License-Identifier: MIT */
/*
 * How a source is named: whatever text is given, it is refused in words or
 * taken apart into a name that a folder may have and a URL that is its end. A
 * text without '/' is opened as well.
 */
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/source/source.h"
#include "fs/base/memory.h"
#include "tests/fuzz/target.h"

static void check_failure(int error, const struct failure *failure)
{
    require(error < 0 && failure->code == -error && failure->text[0] != '\0');
    for (const char *at = failure->text; *at != '\0'; at++)
        require((unsigned char)*at >= 0x20 && *at != 0x7f);
}

static void check_name(const char *name)
{
    size_t length = strlen(name);

    require(length > 0 && length <= NAME_MAX);
    require(strcmp(name, ".") != 0 && strcmp(name, "..") != 0);
    for (; *name != '\0'; name++)
        require((unsigned char)*name >= 0x20 && *name != 0x7f && *name != '/');
}

/* What has a name of its own keeps it, wherever it is written. */
static void check_named(const char *url)
{
    size_t length = strlen(url);
    cleanup_free char *text = malloc(length + sizeof "x=");
    cleanup_free char *name = NULL;
    cleanup_free char *again = NULL;

    require(text != NULL);
    memcpy(text, "x=", 2);
    memcpy(text + 2, url, length + 1);
    require(source_parse(text, &name, &again, NULL) == 0);
    require(strcmp(name, "x") == 0 && strcmp(again, url) == 0);
}

static void check_parse(const char *text)
{
    struct failure failure = {.code = 0};
    cleanup_free char *name = NULL;
    cleanup_free char *url = NULL;
    int error = source_parse(text, &name, &url, &failure);

    if (error != 0) {
        require(name == NULL && url == NULL);
        check_failure(error, &failure);
        return;
    }
    check_name(name);
    require(strlen(url) <= strlen(text));
    require(strcmp(text + strlen(text) - strlen(url), url) == 0);
    check_named(url);
}

/* Files of the working directory at most, which are seldom databases. */
static void check_open(const char *text)
{
    static const struct source_options options = {.parallel = 1};
    struct failure failure = {.code = 0};
    struct source *source = NULL;
    int error = source_open(text, &options, &source, &failure);

    if (error != 0) {
        require(source == NULL);
        check_failure(error, &failure);
        return;
    }
    require(source != NULL);
    source->class->close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup_free char *text = malloc(size + 1);

    require(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_parse(text);
    if (strchr(text, '/') == NULL)
        check_open(text);
    return 0;
}
