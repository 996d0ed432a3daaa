/* SPDX-License-Identifier: MIT */
/*
 * The nodes of the tree, from memory into packs: all of them by a commit; and by whoever changes
 * something when there are too many, which is no commit.
 *
 * What is recent takes half of what nodes may take that are not stored. When it is merged, the
 * other half is for the nodes that it changes: whenever these are too many they go into a pack, in
 * the order of their keys, and are not needed again.
 */
#include "fs/files/batch.h"

#define RECENT_MOST(dirty_most) ((dirty_most) / 2)

static int write_tree(struct files *files, struct object_reference *ret_top,
                      struct failure *failure)
{
    struct object_writer *writer = NULL;
    int error = batch_begin_writing(files, &writer, failure);

    if (error == 0)
        error = catalogue_write(&files->tree, writer, ret_top, failure);
    if (writer != NULL)
        batch_end_writing(files, writer, error);
    return error;
}

/*
 * What was written of the tree stands in a pack that is ended. The lock is given back meanwhile; as
 * during a round the batch stays, and nobody else writes nodes, though they may be changed.
 */
static int end_written(struct files *files, struct failure *failure)
{
    files->rounds++;
    files->spilling = true;
    pthread_mutex_unlock(&files->lock);

    int error = object_batch_end_pack(files->batch, failure);

    pthread_mutex_lock(&files->lock);
    files->rounds--;
    files->spilling = false;
    pthread_cond_broadcast(&files->moved);
    if (error == 0) {
        catalogue_stored(&files->tree);
        catalogue_trim(&files->nodes);
    }
    return error;
}

int files_write_nodes(struct files *files, struct object_reference *ret_top,
                      struct failure *failure)
{
    int error;

    while ((error = catalogue_merge(&files->tree, files->dirty_nodes_most, failure)) > 0) {
        error = write_tree(files, ret_top, failure);
        if (error == 0)
            error = end_written(files, failure);
        if (error != 0)
            return error;
    }
    return error == 0 ? write_tree(files, ret_top, failure) : error;
}

static int spill_nodes(struct files *files, struct failure *failure)
{
    struct failure words = {0};
    struct object_reference top;
    int error = files_write_nodes(files, &top, &words);

    if (error == 0)
        error = end_written(files, &words);
    if (error == 0)
        return 0;
    if (files->rounds == 0)
        batch_drop(files);
    error = files_store_error(error, &words);
    if (failure != NULL)
        *failure = words;
    return error;
}

static bool has_too_many_nodes(const struct files *files)
{
    return files->nodes.dirty_count > RECENT_MOST(files->dirty_nodes_most);
}

int files_make_room(struct files *files, struct failure *failure)
{
    int error = 0;

    while (has_too_many_nodes(files) && error == 0) {
        files_await_writing(files);
        if (files->spilling)
            pthread_cond_wait(&files->moved, &files->lock);
        else if (has_too_many_nodes(files))
            error = spill_nodes(files, failure);
    }
    if (error == 0)
        error = files_wait_for_room(files, failure);
    /* A commit may have begun meanwhile: what it gathers must not change under it. */
    files_await_opening(files);
    return error == 0 ? catalogue_reserve(&files->nodes, CHANGES_MOST) : error;
}
