/* SPDX-License-Identifier: MIT */
#include "fs/tree/files_folder.h"

#include <errno.h>
#include <stdlib.h>

struct files_folder {
    struct node node;
    struct files *files;
};

static int folder_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                             uint64_t *ret_valid_ns, struct failure *failure)
{
    const struct files_folder *folder = (struct files_folder *)node;
    struct stat stat;
    int error = files_stat(folder->files, node->inode, &stat, failure);

    (void)wait;
    if (error != 0)
        return error;
    *ret_attributes = (struct node_attributes){.type = S_IFDIR,
                                               .bytes = (uint64_t)stat.st_size,
                                               .modified = stat.st_mtim,
                                               .shown_inode = stat.st_ino,
                                               .writable = node->inode == FILES_TOP};
    *ret_valid_ns = files_valid_ns(folder->files, node->inode);
    return 0;
}

static void folder_release(struct node *node)
{
    struct files_folder *folder = (struct files_folder *)node;

    if (node->inode != FILES_TOP)
        files_view_close(folder->files, node->inode);
    free(node->path);
    free(folder);
}

static const struct node_class files_folder_class = {
    .attributes = folder_attributes,
    .release = folder_release,
};

int files_folder_create(struct files *files, const char *path, const struct object_reference *top,
                        struct node **ret_node)
{
    struct files_folder *folder = calloc(1, sizeof *folder);
    uint64_t number = FILES_TOP;

    if (folder == NULL || node_init(&folder->node, &files_folder_class, path) != 0) {
        free(folder);
        return -ENOMEM;
    }
    if (top != NULL && files_view_open(files, top, &number) != 0) {
        free(folder->node.path);
        free(folder);
        return -ENOMEM;
    }
    folder->node.inode = number;
    folder->files = files;
    *ret_node = &folder->node;
    return 0;
}
