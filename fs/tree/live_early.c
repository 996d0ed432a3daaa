/* SPDX-License-Identifier: MIT */
/*
 * A lookup in an archive's folder while the archive is read: a table that is finished
 * is shown at once, and whoever waits for the rest may be killed meanwhile.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/base/percent.h"
#include "fs/table/indexed.h"
#include "fs/tree/early_file.h"
#include "fs/tree/file_name.h"
#include "fs/tree/live_folder.h"
#include "fs/tree/live_internal.h"

/* The table that has a file NAME in any dataset, the caller's to free; NULL: no such table. */
static char *table_of(const char *name, enum table_format *ret_format)
{
    const char *dot = strrchr(name, '.');
    cleanup_free char *table = dot != NULL ? strndup(name, (size_t)(dot - name)) : NULL;
    char **stems = NULL;
    int format = 0;

    while (dot != NULL && format < FORMAT_COUNT &&
           strcmp(dot + 1, table_format_extension((enum table_format)format)) != 0)
        format++;
    if (table == NULL || format == FORMAT_COUNT || !percent_decode(table))
        return NULL;

    const char *names[] = {table};
    bool same = file_stems_create(names, 1, &stems) == 0 &&
                strncmp(stems[0], name, (size_t)(dot - name)) == 0 && stems[0][dot - name] == '\0';

    file_stems_free(stems);
    *ret_format = (enum table_format)format;
    return same ? steal_pointer(&table) : NULL;
}

/* Whether what the caller is to see has been read. */
static bool is_read(struct live *live, const struct caller *caller)
{
    pthread_mutex_lock(&live->lock);
    bool read = live_is_fresh(live, clock_now_ns()) || pins_peek(live->pins, caller) != NULL;

    live_unlock(live);
    return read;
}

int live_early(struct live *live, const struct caller *caller, const char *name,
               struct node **ret_node, struct failure *failure)
{
    cleanup_free char *path = NULL;
    enum table_format format = FORMAT_CSV;
    struct timespec modified;
    struct image *image;

    if (!indexed_source_is(live->source) || is_read(live, caller))
        return -EAGAIN;

    cleanup_free char *table = name != NULL ? table_of(name, &format) : NULL;
    int error =
        indexed_source_early(live->source, table, caller->cancelled, &image, &modified, failure);

    if (error != 0)
        return error;
    if (asprintf(&path, "%s/%s", live->path, name) < 0) {
        path = NULL;
        error = -ENOMEM;
    }
    if (error == 0)
        error = early_file_create(path, image, format, modified, live->context->cache, ret_node);
    image_release(image);
    return error;
}
