/* SPDX-License-Identifier: MIT */
#include "fs/tree/early_file.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

struct early_file {
    struct node node;
    struct image *image; /* referenced */
    enum table_format format;
    struct timespec modified;
    struct render_cache *cache;
};

struct early_handle {
    struct handle handle;
    struct reader *reader;
};

static int file_attributes(struct node *node, bool wait, struct node_attributes *ret_attributes,
                           uint64_t *ret_valid_ns, struct failure *failure)
{
    const struct early_file *file = (struct early_file *)node;

    (void)wait;
    (void)failure;
    *ret_attributes = (struct node_attributes){
        .type = S_IFREG,
        .bytes = image_size(file->image, file->format),
        .modified = file->modified,
    };
    *ret_valid_ns = VALID_FOR_EVER;
    return 0;
}

static int handle_read(struct handle *handle, uint64_t offset, size_t size,
                       struct reading *ret_reading, struct failure *failure)
{
    return reader_read(((struct early_handle *)handle)->reader, offset, size, ret_reading, failure);
}

static void handle_close(struct handle *handle)
{
    reader_free(((struct early_handle *)handle)->reader);
    free(handle);
}

static const struct handle_class early_handle_class = {.read = handle_read, .close = handle_close};

static int file_open(struct node *node, const struct caller *caller, struct handle **ret_handle,
                     struct failure *failure)
{
    struct early_file *file = (struct early_file *)node;
    struct early_handle *handle = calloc(1, sizeof *handle);

    (void)caller;
    (void)failure;
    if (handle == NULL)
        return -ENOMEM;
    handle->handle.class = &early_handle_class;
    handle->reader = reader_create(file->cache, file->image, file->format);
    if (handle->reader == NULL) {
        free(handle);
        return -ENOMEM;
    }
    *ret_handle = &handle->handle;
    return 0;
}

static void file_release(struct node *node)
{
    image_release(((struct early_file *)node)->image);
    free(node->path);
    free(node);
}

static const struct node_class early_file_class = {
    .attributes = file_attributes,
    .open = file_open,
    .release = file_release,
};

int early_file_create(const char *path, struct image *image, enum table_format format,
                      struct timespec modified, struct render_cache *cache, struct node **ret_file)
{
    struct early_file *file = calloc(1, sizeof *file);

    if (file == NULL || node_init(&file->node, &early_file_class, path) != 0) {
        free(file);
        return -ENOMEM;
    }
    file->image = image_reference(image);
    file->format = format;
    file->modified = modified;
    file->cache = cache;
    *ret_file = &file->node;
    return 0;
}
