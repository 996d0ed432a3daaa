/* SPDX-License-Identifier: MIT */
#include "tools/opened_store.h"

#include <errno.h>
#include <string.h>

#include "fs/base/memory.h"
#include "fs/base/shell_word.h"
#include "tools/store_access.h"

#define PARENTS_BYTES ((size_t)16 << 20)

int opened_store_open(const char *path, const struct passphrase_options *options,
                      struct opened_store *ret_opened, struct failure *failure)
{
    struct opened_store opened = {.path = path};
    int error = store_access_open(path, options, &opened.store, failure);

    if (error != 0)
        return error;
    error = object_reader_create(opened.store, PARENTS_BYTES, &opened.reader, failure);
    if (error == 0)
        error = log_read(opened.store, &opened.state, failure);
    if (error != 0) {
        opened_store_release(&opened);
        return failure_prefix(failure, -error, "%s", path);
    }
    *ret_opened = opened;
    return 0;
}

void opened_store_release(struct opened_store *opened)
{
    log_state_release(&opened->state);
    if (opened->reader != NULL)
        object_reader_free(opened->reader);
    store_close(opened->store);
    *opened = (struct opened_store){.path = NULL};
}

int opened_store_find(const struct opened_store *opened, const char *name,
                      const struct snapshot **ret_snapshot, struct failure *failure)
{
    const struct log_state *state = &opened->state;
    const struct snapshot *snapshot;
    char word[SHELL_WORD_SIZE];

    if (strcmp(name, "latest") == 0)
        snapshot = state->snapshot_count != 0 ? &state->snapshots[state->snapshot_count - 1] : NULL;
    else
        snapshot = log_find(state, name);
    if (snapshot == NULL && state->snapshot_count == 0)
        return failure_set(failure, ENOENT, "there are no snapshots in %s yet", opened->path);
    if (snapshot == NULL)
        return failure_set(failure, ENOENT,
                           "there is no snapshot \"%s\" in %s; crmfs snapshots %s lists them", name,
                           opened->path, shell_word(opened->path, word));
    *ret_snapshot = snapshot;
    return 0;
}

int opened_store_tree(const struct opened_store *opened, const struct snapshot *snapshot,
                      struct stored_tree *ret_tree, struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    int error = object_read(opened->reader, &snapshot->tree, OBJECT_TREE, false, &data, failure);

    if (error == 0)
        error = stored_tree_decode(data.data, data.size, ret_tree);
    if (error == -EBADMSG)
        error = failure_set(failure, EIO, "the store is damaged: its tree cannot be made out");
    return error == 0 ? 0 : failure_prefix(failure, -error, "snapshot %s", snapshot->name);
}
