/* SPDX-License-Identifier: MIT */
#include "fs/tree/frozen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "fs/base/clock.h"
#include "fs/base/memory.h"
#include "fs/tree/frozen_internal.h"

/* Far above what node_next_inode() ever reaches, and positive for whoever reads it signed. */
#define INODE_MARK (UINT64_C(1) << 62)

struct frozen_listing {
    struct listing listing;
    struct frozen *folder; /* referenced */
    struct node **nodes;   /* of the entries that were asked for; referenced */
};

uint64_t frozen_inode(const uint8_t id[SNAPSHOT_ID_BYTES], const char *source, const char *file)
{
    uint64_t hash = XXH3_64bits(id, SNAPSHOT_ID_BYTES);

    if (source != NULL)
        hash = XXH3_64bits_withSeed(source, strlen(source), hash);
    if (file != NULL)
        hash = XXH3_64bits_withSeed(file, strlen(file), hash);
    return (hash & (INODE_MARK - 1)) | INODE_MARK;
}

static int make_file(struct frozen *folder, size_t index)
{
    struct frozen_file *file = &folder->files[index];
    const char *name = folder->set.names[index];
    cleanup_free char *path = NULL;

    if (asprintf(&path, "%s/%s", folder->node.path, name) < 0) {
        path = NULL;
        return -ENOMEM;
    }
    file->folder = folder;
    file->shown_inode = frozen_inode(folder->id, folder->name, name);

    int error = node_init(&file->node, &frozen_file_class, path);

    file->node.references = 0;
    return error;
}

static void free_source(struct stored_source *source)
{
    free(source->name);
    free(source->kind);
    for (size_t i = 0; i < source->table_count; i++)
        free(source->tables[i].name);
    free(source->tables);
    *source = (struct stored_source){.table_count = 0};
}

/* What is made for users. */
static void drop(struct frozen *folder)
{
    for (size_t i = 0; i < folder->set.count && folder->files != NULL; i++)
        free(folder->files[i].node.path);
    free(folder->files);
    folder->files = NULL;
    file_set_release(&folder->set);
    folder->set = (struct file_set){.count = 0};
    free_source(&folder->source);
}

int frozen_read_tree(const struct frozen_context *context, const struct object_reference *tree,
                     struct stored_tree *ret_tree, struct failure *failure)
{
    cleanup_buffer struct buffer data = BUFFER(OBJECT_DATA_LIMIT);
    int error = object_read(context->reader, tree, OBJECT_TREE, false, &data, failure);

    if (error == 0)
        error = stored_tree_decode(data.data, data.size, ret_tree);
    if (error == -EBADMSG)
        error = failure_set(failure, EIO, "the store is damaged: the snapshot cannot be made out");
    /* It is in the log: that is not to be taken for its absence. */
    return error == -ENOENT ? -EIO : error;
}

/* The source, out of the snapshot's tree. */
static int read_source(struct frozen *folder, struct failure *failure)
{
    struct stored_tree tree = {.source_count = 0};
    int error = frozen_read_tree(&folder->context, &folder->tree, &tree, failure);

    for (size_t i = 0; i < tree.source_count && error == 0; i++) {
        if (strcmp(tree.sources[i].name, folder->name) != 0)
            continue;
        folder->source = tree.sources[i];
        tree.sources[i] = (struct stored_source){.table_count = 0};
    }
    stored_tree_release(&tree);
    return error;
}

/* The names, from the source. */
static int make_files(struct frozen *folder)
{
    int error = file_set_of_stored(&folder->source, &folder->set);

    if (error != 0)
        return error;
    folder->files = allocate_array(folder->set.count, sizeof *folder->files);
    if (folder->files == NULL)
        error = -ENOMEM;
    for (size_t i = 0; i < folder->set.count && error == 0; i++)
        error = make_file(folder, i);
    return error;
}

int frozen_enter(struct frozen *folder, struct failure *failure)
{
    int error = 0;

    pthread_mutex_lock(&folder->lock);
    if (folder->users == 0) {
        error = read_source(folder, failure);
        if (error == 0)
            error = make_files(folder);
        if (error != 0)
            drop(folder);
    }
    folder->users += error == 0;
    pthread_mutex_unlock(&folder->lock);
    return error;
}

void frozen_leave(struct frozen *folder)
{
    pthread_mutex_lock(&folder->lock);
    if (--folder->users == 0)
        drop(folder);
    pthread_mutex_unlock(&folder->lock);
}

struct node *frozen_refer_to(struct frozen *folder, size_t index)
{
    struct node *node = &folder->files[index].node;

    pthread_mutex_lock(&folder->lock);
    if (__atomic_fetch_add(&node->references, 1, __ATOMIC_ACQ_REL) == 0) {
        folder->users++;
        node_reference(&folder->node);
    }
    pthread_mutex_unlock(&folder->lock);
    return node;
}

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    struct frozen *folder = (struct frozen *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){.type = S_IFDIR,
                                               .modified = clock_timespec(folder->time_ns),
                                               .shown_inode = folder->shown_inode};
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int folder_lookup(struct node *node, const char *name, const struct caller *caller,
                         struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct frozen *folder = (struct frozen *)node;
    int error = frozen_enter(folder, failure);

    (void)caller;
    if (error != 0)
        return error;

    ssize_t index = file_set_find(&folder->set, name);

    if (index >= 0)
        *ret_node = frozen_refer_to(folder, (size_t)index);
    else
        error = frozen_records_create(folder, name, ret_node, failure);
    if (error == 0)
        *ret_valid_ns = VALID_FOR_EVER;
    frozen_leave(folder);
    return error;
}

static size_t listing_count(const struct listing *listing)
{
    const struct frozen *folder = ((const struct frozen_listing *)listing)->folder;

    return folder->set.count + (folder->context.list_records ? folder->set.table_count : 0);
}

/* Of folders of rows: whether there is one. */
static int listing_prepare(struct listing *listing, size_t index, struct failure *failure)
{
    struct frozen *folder = ((struct frozen_listing *)listing)->folder;

    if (index < folder->set.count)
        return file_is_shown(&folder->set, index);

    size_t table = index - folder->set.count;
    int error = file_set_find_stem(&folder->set, folder->set.stems[table]) == (ssize_t)table
                    ? frozen_table_keyed(folder, table, failure)
                    : -ENOENT;

    return error == -ENOENT ? 0 : error == 0 ? 1 : error;
}

static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct frozen_listing *list = (struct frozen_listing *)listing;
    struct frozen *folder = list->folder;

    if (index >= folder->set.count) {
        const char *name = folder->set.stems[index - folder->set.count];

        /* Named only: it is made when it is looked up. */
        *ret_entry = (struct listing_entry){
            .name = name, .type = S_IFDIR, .inode = frozen_inode(folder->id, folder->name, name)};
        return;
    }
    if (list->nodes[index] == NULL)
        list->nodes[index] = frozen_refer_to(folder, index);
    *ret_entry = (struct listing_entry){
        .name = folder->set.names[index],
        .type = S_IFREG,
        .inode = folder->files[index].shown_inode,
        .node = list->nodes[index],
        .valid_ns = VALID_FOR_EVER,
    };
}

static void listing_close(struct listing *listing)
{
    struct frozen_listing *list = (struct frozen_listing *)listing;

    for (size_t i = 0; i < list->folder->set.count; i++)
        node_release(list->nodes[i]);
    frozen_leave(list->folder);
    node_release(&list->folder->node);
    free((void *)list->nodes);
    free(list);
}

static const struct listing_class frozen_listing_class = {.count = listing_count,
                                                          .prepare = listing_prepare,
                                                          .entry = listing_entry,
                                                          .close = listing_close};

static int folder_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                       struct failure *failure)
{
    struct frozen *folder = (struct frozen *)node;
    struct frozen_listing *listing;
    int error = frozen_enter(folder, failure);

    (void)caller;
    if (error != 0)
        return error;
    listing = calloc(1, sizeof *listing);
    if (listing != NULL)
        listing->nodes = allocate_array(folder->set.count, sizeof(struct node *));
    if (listing == NULL || listing->nodes == NULL) {
        free(listing);
        frozen_leave(folder);
        return -ENOMEM;
    }
    listing->listing.class = &frozen_listing_class;
    listing->folder = (struct frozen *)node_reference(node);
    *ret_listing = &listing->listing;
    return 0;
}

static void folder_release(struct node *node)
{
    struct frozen *folder = (struct frozen *)node;

    pthread_mutex_destroy(&folder->lock);
    free(folder->snapshot);
    free(folder->name);
    free(node->path);
    free(folder);
}

const char frozen_unchanging[] =
    "a snapshot is never changed; what is to be kept can be put into files/";

static const struct node_class frozen_class = {
    .attributes = folder_attributes,
    .lookup = folder_lookup,
    .list = folder_list,
    .release = folder_release,
    .unchanging = frozen_unchanging,
};

int frozen_create(const struct frozen_context *context, const struct frozen_snapshot *snapshot,
                  const char *path, const struct stored_source *source, struct node **ret_folder)
{
    struct frozen *folder = calloc(1, sizeof *folder);

    if (folder == NULL)
        return -ENOMEM;
    folder->snapshot = strdup(snapshot->name);
    folder->name = strdup(source->name);
    if (folder->snapshot == NULL || folder->name == NULL ||
        node_init(&folder->node, &frozen_class, path) != 0) {
        free(folder->snapshot);
        free(folder->name);
        free(folder);
        return -ENOMEM;
    }
    pthread_mutex_init(&folder->lock, NULL);
    folder->context = *context;
    memcpy(folder->id, snapshot->id, SNAPSHOT_ID_BYTES);
    folder->shown_inode = frozen_inode(snapshot->id, source->name, NULL);
    folder->time_ns = source->time_ns;
    folder->tree = snapshot->tree;
    *ret_folder = &folder->node;
    return 0;
}
