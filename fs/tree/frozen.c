/* SPDX-License-Identifier: MIT */
#include "fs/tree/frozen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <xxhash.h>

#include "fs/base/memory.h"
#include "fs/tree/clock.h"
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

struct timespec frozen_time(uint64_t time_ns)
{
    return (struct timespec){.tv_sec = (time_t)(time_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(time_ns % NS_PER_SECOND)};
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
    file->shown_inode = frozen_inode(folder->id, folder->source.name, name);

    int error = node_init(&file->node, &frozen_file_class, path);

    file->node.references = 0;
    return error;
}

static void drop_files(struct frozen *folder)
{
    for (size_t i = 0; i < folder->set.count && folder->files != NULL; i++)
        free(folder->files[i].node.path);
    free(folder->files);
    folder->files = NULL;
    file_set_release(&folder->set);
}

/* The names, from the snapshot's tree. */
static int make_files(struct frozen *folder)
{
    const struct stored_source *source = &folder->source;
    cleanup_free const char **names = allocate_array(source->table_count, sizeof(const char *));

    if (names == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < source->table_count; i++)
        names[i] = source->tables[i].name;

    int error = file_set_create(names, source->table_count, &folder->set);

    if (error != 0)
        return error;
    folder->files = allocate_array(folder->set.count, sizeof *folder->files);
    if (folder->files == NULL)
        error = -ENOMEM;
    for (size_t i = 0; i < folder->set.count && error == 0; i++)
        error = make_file(folder, i);
    if (error != 0)
        drop_files(folder);
    return error;
}

/* Afterwards set and files may be read without the lock. */
static int prepare(struct frozen *folder)
{
    int error = 0;

    pthread_mutex_lock(&folder->lock);
    if (!folder->listed)
        error = make_files(folder);
    if (error == 0)
        folder->listed = true;
    pthread_mutex_unlock(&folder->lock);
    return error;
}

/* The file with a reference; the first one also holds the folder, until file_release. */
static struct node *refer_to(struct frozen *folder, size_t index)
{
    struct node *node = &folder->files[index].node;

    if (__atomic_fetch_add(&node->references, 1, __ATOMIC_ACQ_REL) == 0)
        node_reference(&folder->node);
    return node;
}

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    struct frozen *folder = (struct frozen *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){.type = S_IFDIR,
                                               .modified = frozen_time(folder->source.time_ns),
                                               .shown_inode = folder->shown_inode};
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int folder_lookup(struct node *node, const char *name, const struct caller *caller,
                         struct node **ret_node, uint64_t *ret_valid_ns, struct failure *failure)
{
    struct frozen *folder = (struct frozen *)node;
    int error = prepare(folder);

    (void)caller;
    (void)failure;
    if (error != 0)
        return error;

    ssize_t index = file_set_find(&folder->set, name);

    if (index < 0)
        return (int)index;
    *ret_node = refer_to(folder, (size_t)index);
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static size_t listing_count(const struct listing *listing)
{
    return ((const struct frozen_listing *)listing)->folder->set.count;
}

static void listing_entry(struct listing *listing, size_t index, struct listing_entry *ret_entry)
{
    struct frozen_listing *list = (struct frozen_listing *)listing;
    struct frozen *folder = list->folder;

    if (list->nodes[index] == NULL)
        list->nodes[index] = refer_to(folder, index);
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
    node_release(&list->folder->node);
    free((void *)list->nodes);
    free(list);
}

static const struct listing_class frozen_listing_class = {listing_count, listing_entry,
                                                          listing_close};

static int folder_list(struct node *node, const struct caller *caller, struct listing **ret_listing,
                       struct failure *failure)
{
    struct frozen *folder = (struct frozen *)node;
    struct frozen_listing *listing;
    int error = prepare(folder);

    (void)caller;
    (void)failure;
    if (error != 0)
        return error;
    listing = calloc(1, sizeof *listing);
    if (listing != NULL)
        listing->nodes = allocate_array(folder->set.count, sizeof(struct node *));
    if (listing == NULL || listing->nodes == NULL) {
        free(listing);
        return -ENOMEM;
    }
    listing->listing.class = &frozen_listing_class;
    listing->folder = (struct frozen *)node_reference(node);
    *ret_listing = &listing->listing;
    return 0;
}

static void free_source(struct stored_source *source)
{
    free(source->name);
    free(source->kind);
    for (size_t i = 0; i < source->table_count; i++)
        free(source->tables[i].name);
    free(source->tables);
}

static void folder_release(struct node *node)
{
    struct frozen *folder = (struct frozen *)node;

    drop_files(folder);
    for (int i = 0; i < EXTRA_FILES; i++)
        buffer_release(&folder->texts[i]);
    free_source(&folder->source);
    pthread_mutex_destroy(&folder->lock);
    free(folder->snapshot);
    free(node->path);
    free(folder);
}

static const struct node_class frozen_class = {
    .attributes = folder_attributes,
    .lookup = folder_lookup,
    .list = folder_list,
    .release = folder_release,
};

int frozen_create(const struct frozen_context *context, const struct frozen_snapshot *snapshot,
                  const char *path, struct stored_source *source, struct node **ret_folder)
{
    struct frozen *folder = calloc(1, sizeof *folder);

    if (folder == NULL)
        return -ENOMEM;
    folder->snapshot = strdup(snapshot->name);
    if (folder->snapshot == NULL || node_init(&folder->node, &frozen_class, path) != 0) {
        free(folder->snapshot);
        free(folder);
        return -ENOMEM;
    }
    pthread_mutex_init(&folder->lock, NULL);
    folder->context = *context;
    memcpy(folder->id, snapshot->id, SNAPSHOT_ID_BYTES);
    folder->shown_inode = frozen_inode(snapshot->id, source->name, NULL);
    folder->source = *source;
    *source = (struct stored_source){.table_count = 0};
    *ret_folder = &folder->node;
    return 0;
}
