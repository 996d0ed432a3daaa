/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/store/log_internal.h"

static int copy_snapshots(const struct log_state *from, struct log_state *copy)
{
    copy->snapshots = allocate_array(from->snapshot_count, sizeof *copy->snapshots);
    if (copy->snapshots == NULL)
        return -ENOMEM;
    for (; copy->snapshot_count < from->snapshot_count; copy->snapshot_count++) {
        int error = snapshot_copy(&from->snapshots[copy->snapshot_count],
                                  &copy->snapshots[copy->snapshot_count]);

        if (error != 0)
            return error;
    }
    return 0;
}

static int copy_marks(const struct log_state *from, struct log_state *copy)
{
    copy->marks = allocate_array(from->mark_count, sizeof *copy->marks);
    if (copy->marks == NULL)
        return -ENOMEM;
    for (; copy->mark_count < from->mark_count; copy->mark_count++) {
        struct log_mark *mark = &copy->marks[copy->mark_count];

        *mark = from->marks[copy->mark_count];
        mark->pack = strdup(mark->pack);
        if (mark->pack == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int copy_removed_keys(const struct log_state *from, struct log_state *copy)
{
    size_t count = from->removed_key_count;

    copy->removed_keys = allocate_array(count, sizeof *copy->removed_keys);
    if (copy->removed_keys == NULL)
        return -ENOMEM;
    if (count > 0)
        memcpy(copy->removed_keys, from->removed_keys, count * sizeof *copy->removed_keys);
    copy->removed_key_count = count;
    return 0;
}

static int copy_claim(const struct files_claim *from, struct files_claim *copy)
{
    *copy = *from;
    copy->host = from->host != NULL ? strdup(from->host) : NULL;
    copy->process = from->process != NULL ? strdup(from->process) : NULL;
    return (from->host != NULL && copy->host == NULL) ||
                   (from->process != NULL && copy->process == NULL)
               ? -ENOMEM
               : 0;
}

int log_state_copy(const struct log_state *from, struct log_state *ret_copy)
{
    struct log_state copy = *from;

    copy.snapshots = NULL;
    copy.snapshot_count = 0;
    copy.marks = NULL;
    copy.mark_count = 0;
    copy.removed_keys = NULL;
    copy.removed_key_count = 0;

    int error = copy_claim(&from->claim, &copy.claim);

    if (error == 0)
        error = copy_snapshots(from, &copy);
    if (error == 0)
        error = copy_marks(from, &copy);
    if (error == 0)
        error = copy_removed_keys(from, &copy);
    if (error != 0)
        log_state_release(&copy);
    else
        *ret_copy = copy;
    return error;
}
