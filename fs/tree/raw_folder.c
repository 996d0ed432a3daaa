/* SPDX-License-Identifier: MIT */
#include "fs/tree/raw_folder.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/base/memory.h"
#include "fs/base/name_map.h"
#include "fs/table/indexed.h"
#include "fs/tree/directory.h"
#include "fs/tree/file_name.h"

#define NAMES_TRIED 1000

/* What all files of one raw/ share. */
struct raw_archive {
    unsigned references; /* atomic: one a file */
    struct dataset *dataset;
};

struct raw_file {
    struct node node;
    struct raw_archive *archive;
    size_t member;
};

struct raw_handle {
    struct handle handle;
    struct raw_bytes *bytes;
};

static void release_archive(struct raw_archive *archive)
{
    if (__atomic_sub_fetch(&archive->references, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    archive->dataset->class->release(archive->dataset);
    free(archive);
}

static int file_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                           uint64_t *ret_valid_ns, struct failure *failure)
{
    const struct raw_file *file = (struct raw_file *)node;
    const struct stream_member *member =
        indexed_dataset_member(file->archive->dataset, file->member);

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){
        .type = S_IFREG, .bytes = member->bytes, .modified = member->modified};
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int handle_read(struct handle *handle, uint64_t offset, size_t size,
                       struct reading *ret_reading, struct failure *failure)
{
    return raw_bytes_read(((struct raw_handle *)handle)->bytes, offset, size, ret_reading, failure);
}

static void handle_close(struct handle *handle)
{
    raw_bytes_release(((struct raw_handle *)handle)->bytes);
    free(handle);
}

static const struct handle_class raw_handle_class = {.read = handle_read, .close = handle_close};

static int file_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                     struct failure *failure)
{
    const struct raw_file *file = (struct raw_file *)node;
    struct raw_handle *handle = calloc(1, sizeof *handle);

    (void)caller;
    if (handle == NULL)
        return -ENOMEM;

    int error =
        indexed_dataset_member_bytes(file->archive->dataset, file->member, &handle->bytes, failure);

    if (error != 0) {
        free(handle);
        return error;
    }
    handle->handle.class = &raw_handle_class;
    *ret_handle = &handle->handle;
    return 0;
}

static void file_release(struct node *node)
{
    release_archive(((struct raw_file *)node)->archive);
    free(node->path);
    free(node);
}

static const struct node_class raw_file_class = {
    .attributes = file_attributes,
    .open = file_open,
    .release = file_release,
};

/* --- making them -------------------------------------------------------------------------- */

/* Folders so far, by their paths; those of the members stand below the first. */
struct making {
    struct raw_archive *archive;
    struct name_map *map;
    struct node **folders;
    char **paths;
    size_t count;
    size_t capacity;
};

static int add_folder(struct making *making, char *path, struct node *folder)
{
    if (making->count == making->capacity) {
        size_t capacity = making->capacity != 0 ? making->capacity * 2 : 16;
        struct node **folders = reallocarray(making->folders, capacity, sizeof(struct node *));
        char **paths =
            folders != NULL ? reallocarray(making->paths, capacity, sizeof(char *)) : NULL;

        if (folders != NULL)
            making->folders = folders;
        if (paths == NULL)
            return -ENOMEM;
        making->paths = paths;
        making->capacity = capacity;
    }

    int error = name_map_add(making->map, path, making->count);

    if (error == 0) {
        making->folders[making->count] = folder;
        making->paths[making->count++] = path;
    }
    return error;
}

/*
 * As directory_add, under a name that is cut if no file can be called so. Where a file has the name
 * of a folder, as no file system but an archive allows, the second gets "~2" behind it.
 */
static int add_entry(struct node *folder, const char *name, struct node *child)
{
    int error = -EEXIST;

    for (int i = 1; error == -EEXIST && i < NAMES_TRIED; i++) {
        char cut[FILE_NAME_MOST_BYTES + 1];
        cleanup_free char *other = NULL;

        if (i > 1 && asprintf(&other, "%s~%d", name, i) < 0) {
            other = NULL;
            error = -ENOMEM;
            break;
        }
        file_name_cut(i > 1 ? other : name, cut);
        error = directory_add(folder, cut, node_reference(child));
    }
    node_release(child);
    return error;
}

/* The folder of PATH, which ends before END; made, with those that it is in, if need be. */
static int find_folder(struct making *making, const char *path, const char *end,
                       struct node **ret_folder)
{
    cleanup_free char *own = strndup(path, (size_t)(end - path));
    const size_t *known = own != NULL ? name_map_find(making->map, own) : NULL;
    struct node *parent = making->folders[0];
    struct node *folder;

    if (own == NULL)
        return -ENOMEM;
    if (known != NULL) {
        *ret_folder = making->folders[*known];
        return 0;
    }

    char *slash = strrchr(own, '/');
    int error = slash != NULL ? find_folder(making, path, path + (slash - own), &parent) : 0;
    cleanup_free char *full = NULL;

    if (error == 0 && asprintf(&full, "%s/%s", making->folders[0]->path, own) < 0) {
        full = NULL;
        error = -ENOMEM;
    }
    if (error == 0)
        error = directory_create(full, &folder);
    if (error != 0)
        return error;
    error = add_entry(parent, slash != NULL ? slash + 1 : own, folder);
    if (error == 0)
        error = add_folder(making, own, folder);
    if (error == 0) {
        own = NULL; /* the list's now */
        *ret_folder = folder;
    }
    return error;
}

static int add_file(struct making *making, size_t index)
{
    const char *path = indexed_dataset_member(making->archive->dataset, index)->path;
    const char *slash = strrchr(path, '/');
    struct node *folder = making->folders[0];
    struct raw_file *file = calloc(1, sizeof *file);
    cleanup_free char *full = NULL;
    int error = file != NULL && asprintf(&full, "%s/%s", folder->path, path) >= 0 ? 0 : -ENOMEM;

    if (error == 0)
        error = node_init(&file->node, &raw_file_class, full);
    if (error != 0) {
        free(file);
        return error;
    }
    __atomic_add_fetch(&making->archive->references, 1, __ATOMIC_RELAXED);
    file->archive = making->archive;
    file->member = index;
    if (slash != NULL)
        error = find_folder(making, path, slash, &folder);
    if (error == 0)
        error = add_entry(folder, slash != NULL ? slash + 1 : path, &file->node);
    else
        node_release(&file->node);
    return error == -EEXIST ? 0 : error; /* all of those are taken */
}

static int make(struct making *making, const char *path)
{
    size_t count = indexed_dataset_member_count(making->archive->dataset);
    char *top = strdup("");
    struct node *folder = NULL;
    int error = top != NULL ? name_map_create(&making->map) : -ENOMEM;

    if (error == 0)
        error = directory_create(path, &folder);
    if (error == 0)
        error = add_folder(making, top, folder);
    if (error != 0) {
        node_release(folder);
        free(top);
        return error;
    }
    for (size_t i = 0; i < count && error == 0; i++)
        error = add_file(making, i);
    return error;
}

int raw_folder_create(struct dataset *dataset, const char *path, struct node **ret_folder)
{
    struct making making = {.archive = calloc(1, sizeof *making.archive)};
    int error = making.archive != NULL ? 0 : -ENOMEM;

    if (indexed_dataset_member_count(dataset) == 0) {
        free(making.archive);
        *ret_folder = NULL;
        return 0;
    }
    if (error == 0) {
        making.archive->references = 1;
        error = indexed_dataset_share(dataset, &making.archive->dataset);
    }
    if (error != 0) {
        free(making.archive);
        return error;
    }
    error = make(&making, path);
    if (error == 0)
        *ret_folder = making.folders[0];
    else if (making.count != 0)
        node_release(making.folders[0]);
    release_archive(making.archive);
    name_map_free(making.map);
    for (size_t i = 0; i < making.count; i++)
        free(making.paths[i]);
    free((void *)making.paths);
    free((void *)making.folders);
    return error;
}
