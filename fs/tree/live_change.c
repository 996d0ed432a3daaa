/* SPDX-License-Identifier: MIT */
#include "fs/tree/live_change.h"

#include <errno.h>

#include "fs/tree/live_internal.h"

int live_change_begin(struct live_change *change, const char *table)
{
    const struct live_writing *writing = &change->live->writing;
    struct target_options options = {
        .source =
            {
                .busy_timeout_ms = writing->busy_timeout_ms,
                .parallel = 1,
                .cancelled = change->caller->cancelled,
                .password = writing->password,
                .password_command = writing->password_command,
            },
        .look_only = change->look,
    };
    int error = target_open(change->live->url, &options, &change->target, change->failure);

    if (error == 0)
        error = change->target->class->begin(change->target, change->failure);
    if (error != 0)
        return error;
    change->table = target_find_table(change->target, table);
    if (change->table == NULL)
        return failure_set(change->failure, ENOENT, "there is no table %.200s any more", table);
    return 0;
}

int live_change_commit(struct live_change *change)
{
    int error = change->target->class->check(change->target, change->failure);

    if (error == 0)
        error = change->target->class->commit(change->target, change->failure);
    if (error == 0)
        live_note_written(change->live, change->caller);
    return error;
}

void live_change_end(struct live_change *change)
{
    if (change->target != NULL)
        change->target->class->close(change->target);
}
