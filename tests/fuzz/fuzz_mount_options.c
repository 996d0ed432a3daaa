/* SPDX-License-Identifier: MIT */
/*
 * A list of mount options: taken, or refused in words. What is taken and passed
 * on to libfuse reads back as the same settings.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "tests/fuzz/target.h"
#include "tools/mount_options.h"

static void release(struct mount_settings *settings)
{
    mount_settings_release(settings);
}

static int same_text(const char *left, const char *right)
{
    return left == NULL || right == NULL ? left == right : strcmp(left, right) == 0;
}

static void check_taken(const struct mount_settings *settings)
{
    cleanup(release) struct mount_settings again;
    cleanup_buffer struct buffer list = BUFFER(MOUNT_OPTIONS_LIMIT * 4);

    mount_settings_init(&again);
    require(settings->umask <= 0777 && settings->uid < UINT32_MAX && settings->gid < UINT32_MAX);
    require(mount_settings_fuse_options(settings, "crm.db", &list) == 0);
    /* Escaping may make more of it than a list may be. */
    if (list.size > MOUNT_OPTIONS_LIMIT)
        return;
    require(mount_settings_parse(&again, (const char *)list.data, false, NULL) == 0);
    require(same_text(again.fsname, settings->fsname != NULL ? settings->fsname : "crm.db"));
    require(same_text(again.subtype, settings->subtype != NULL ? settings->subtype : "crmfs"));
    require(again.allow_other == settings->allow_other);
    require(again.passed.size == settings->passed.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cleanup(release) struct mount_settings settings;
    cleanup_free char *list = strndup((const char *)data, size);
    struct failure failure = {0};

    require(list != NULL);
    mount_settings_init(&settings);
    if (mount_settings_parse(&settings, list, size != 0 && data[size - 1] == 's', &failure) == 0)
        check_taken(&settings);
    else
        require(failure.code != 0 && failure.text[0] != '\0');
    return 0;
}
