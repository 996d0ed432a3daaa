/* SPDX-License-Identifier: MIT */
/* A configuration: taken, or refused in words that begin with the file and a line that it has. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/fuzz/target.h"
#include "tools/config.h"

static unsigned long lines_of(const uint8_t *data, size_t size)
{
    unsigned long lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += data[i] == '\n';
    return lines;
}

static void check_refused(const struct failure *failure, const uint8_t *data, size_t size)
{
    char *end;

    require(failure->code != 0 && strncmp(failure->text, "f:", 2) == 0);

    unsigned long line = strtoul(failure->text + 2, &end, 10);

    require(line >= 1 && line <= lines_of(data, size) && strncmp(end, ": ", 2) == 0);
}

static void check_sources(const struct source_list *sources)
{
    for (size_t i = 0; i < sources->count; i++) {
        require(sources->items[i].name[0] != '\0' && sources->items[i].url[0] != '\0');
        for (size_t j = 0; j < i; j++)
            require(strcmp(sources->items[i].name, sources->items[j].name) != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct mount_settings settings;
    struct source_list sources = {0};
    struct failure failure = {0};

    mount_settings_init(&settings);
    if (config_parse("f", "/d", (const char *)data, size, &settings, &sources, &failure) != 0)
        check_refused(&failure, data, size);
    check_sources(&sources);
    source_list_release(&sources);
    mount_settings_release(&settings);
    return 0;
}
